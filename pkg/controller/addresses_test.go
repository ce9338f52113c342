package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/provision"
)

// TestAddressesOfGateways checks what becomes of the addresses that a Gateway
// asks for: translation and provisioning each judge them, and the status says
// it as one.
func TestAddressesOfGateways(t *testing.T) {
	const (
		fine        = "True/Accepted True/Programmed"
		mistaken    = "False/InvalidParameters False/Invalid"
		notUsable   = "True/Accepted False/AddressNotUsable"
		unsupported = "False/UnsupportedAddress True/Programmed"
	)
	const ipA, ipB, host, custom = "{value: 192.0.2.1}", "{type: IPAddress, value: 192.0.2.2}", "{type: Hostname, value: h.test}", "{type: x.y/z, value: c}"
	for _, test := range []struct {
		addresses, status string
		// asked is the address that the Service asks for, "-" if there is no
		// Service.
		asked string
		// silent tells that proxies are sent nothing.
		silent bool
	}{
		{"", fine, "", false},
		{"{value: ''}", fine, "", false},
		{ipA, fine, "192.0.2.1", false},
		{"{value: '2001:db8::1'}", fine, "2001:db8::1", false},
		{"{value: nonsense}", mistaken, "-", false},
		{ipA + ", " + ipB, mistaken, "-", true},
		{host, "False/InvalidParameters False/AddressNotUsable", "-", false},
		{custom, mistaken, "-", false},
		{custom + ", " + host, "False/InvalidParameters False/AddressNotUsable", "-", false},
		{custom + ", " + host + ", " + ipA, "False/UnsupportedAddress False/AddressNotUsable", "192.0.2.1", false},
		{host + ", " + ipA, notUsable, "192.0.2.1", false},
		{ipA + ", " + custom, unsupported, "192.0.2.1", false},
		{host + ", " + ipA + ", " + ipB, "False/InvalidParameters False/AddressNotUsable", "-", false},
		{custom + ", " + ipA + ", " + ipB, mistaken, "-", true},
	} {
		t.Run(test.addresses, func(t *testing.T) {
			status, asked, sent := addressed(t, test.addresses)
			if status != test.status {
				t.Errorf("Accepted and Programmed are %s, want %s", status, test.status)
			}
			if asked != test.asked {
				t.Errorf("the Service asks for %q, want %q", asked, test.asked)
			}
			if (sent == 0) != test.silent {
				t.Errorf("%d resources are sent", sent)
			}
		})
	}
}

// addressed returns the conditions of a Gateway with these addresses, the
// address that its Service asks for, and how many resources its proxies get.
func addressed(t *testing.T, addresses string) (status, asked string, sent int) {
	t.Helper()
	decoder := inputs.NewDecoder()
	decoder.Read("input", []byte(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agentgateway}
spec: {controllerName: agentgateway.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: agentgateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
  addresses: [`+addresses+`]
`))
	for _, diagnostic := range decoder.Diagnostics {
		t.Fatal(diagnostic)
	}
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	in := inputs.FromObjects(decoder.Objects, opts)
	translated := graph.Build(in, graph.DefaultSettings(), opts)
	desired := provision.NewDesired(provision.Inputs{
		Gateways: in.Gateways, Classes: in.GatewayClasses, Parameters: in.AgentgatewayParameters, Secrets: in.Secrets, Judged: translated.Gateways,
		Defaults: provision.Defaults{ImageRepository: "proxy", XDSHost: "xds", XDSPort: 1, NewSessionKey: provision.NewSessionKey},
	}, opts)
	reports := provision.NewReports(desired, in.Services, krt.NewStaticCollection[provision.Outcome](nil, nil), opts)
	statuses := withReports(translated.GatewayStatuses, reports, opts)
	for _, collection := range []krt.Syncer{statuses, desired, translated.Gateways} {
		collection.WaitUntilSynced(t.Context().Done())
	}
	var conditions []string
	for _, kind := range []string{"Accepted", "Programmed"} {
		if found := meta.FindStatusCondition(statuses.GetKey("default/gw").Conditions, kind); found != nil {
			conditions = append(conditions, fmt.Sprintf("%s/%s", found.Status, found.Reason))
		}
	}
	asked = "-"
	for _, object := range desired.GetKey("default/gw").Objects {
		var service corev1.Service
		if json.Unmarshal([]byte(object.Body), &service) == nil && service.Kind == "Service" {
			asked = service.Spec.LoadBalancerIP
		}
	}
	return strings.Join(conditions, " "), asked, len(translated.Gateways.GetKey("default/gw").Resources)
}
