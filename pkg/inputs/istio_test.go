package inputs

import (
	"testing"

	networkingapi "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
)

// TestIstioObjects checks that Istio's kinds, whose specs are protobuf, are
// read from an API server, fields of later versions left out, and that only
// what is used of them is kept.
func TestIstioObjects(t *testing.T) {
	kind, known := kindOf(networkingv1.SchemeGroupVersion.WithKind("ServiceEntry"))
	if !known {
		t.Fatal("the kind isn't watched")
	}
	entry, ok := decode[*networkingv1.ServiceEntry]([]byte(`{"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
		"metadata": {"name": "e", "namespace": "ns", "managedFields": [{"manager": "m"}], "labels": {"a": "b"}},
		"spec": {"hosts": ["e.test"], "resolution": "DNS", "ports": [{"number": 80, "name": "http", "targetPort": 8080}], "newField": {"x": 1},
			"endpoints": [{"address": "192.0.2.1", "weight": 3, "ports": {"http": 9}}], "exportTo": ["."]},
		"status": {"addresses": [{"host": "e.test", "value": "240.0.0.1"}], "conditions": [{"type": "x"}]}}`), kind.GVK)
	if !ok {
		t.Fatal("can't be read")
	}
	if _, err := kind.transform(entry); err != nil {
		t.Fatal(err)
	}
	spec := &entry.Spec
	if entry.Name != "e" || entry.Labels["a"] != "b" || spec.Hosts[0] != "e.test" || spec.Resolution != networkingapi.ServiceEntry_DNS ||
		spec.Ports[0].TargetPort != 8080 || spec.Endpoints[0].Ports["http"] != 9 || entry.Status.Addresses[0].Value != "240.0.0.1" {
		t.Errorf("got %v", entry)
	}
	if spec.ExportTo != nil || entry.Status.Conditions != nil {
		t.Errorf("kept %v, %v", spec.ExportTo, entry.Status.Conditions)
	}
}
