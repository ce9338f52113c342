// Package offline runs the graph on objects instead of a cluster, and shows
// everything that comes out of it as one document.
package offline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// Document is what the controller would send and write for a set of objects.
// Its lists are sorted and complete, equal for equal objects in any order.
type Document struct {
	// Resources are what the proxies of each Gateway are sent.
	Resources []Resource `json:"resources"`
	// Addresses are what all proxies are sent.
	Addresses []Address `json:"addresses"`
	// Status is what the objects' status becomes, without transition times.
	Status []Status `json:"status"`
	// Diagnostics are findings about the manifests themselves.
	Diagnostics []inputs.Diagnostic `json:"diagnostics"`
}

// Resource is a resource for the proxies of one Gateway.
type Resource struct {
	Gateway  string          `json:"gateway"`
	Name     string          `json:"name"`
	Resource json.RawMessage `json:"resource"`
}

// Address is a service or workload.
type Address struct {
	Name    string          `json:"name"`
	Address json.RawMessage `json:"address"`
}

// Status is the desired status of one object.
type Status struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        Metadata `json:"metadata"`
	Status          any      `json:"status"`
}

// Metadata names an object.
type Metadata struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Translate runs the graph on objects until everything is derived. The objects
// belong to it from then on.
func Translate(objects []runtime.Object, settings graph.Settings) (Document, error) {
	stop := make(chan struct{})
	defer close(stop)
	opts := krt.NewOptionsBuilder(stop, "", nil)
	built := graph.Build(inputs.FromObjects(objects, opts), settings, opts)
	if !built.WaitUntilSynced(stop) {
		return Document{}, fmt.Errorf("the graph stopped before it was complete")
	}
	return Show(built)
}

// Show makes the document of a graph as it is now.
func Show(built *graph.Graph) (Document, error) {
	document := Document{Resources: []Resource{}, Addresses: []Address{}, Status: []Status{}, Diagnostics: []inputs.Diagnostic{}}
	for _, feed := range built.Feeds {
		for _, resource := range feed.List() {
			if err := document.add(resource); err != nil {
				return Document{}, err
			}
		}
	}
	slices.SortFunc(document.Resources, func(a, b Resource) int {
		return cmp.Or(strings.Compare(a.Gateway, b.Gateway), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(document.Addresses, func(a, b Address) int { return strings.Compare(a.Name, b.Name) })
	document.addStatuses(built)
	return document, nil
}

func (d *Document) add(resource resources.Resource) error {
	message, err := resource.Message()
	if err != nil {
		return err
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return fmt.Errorf("print %s: %w", resource.Name, err)
	}
	if resource.Type == resources.TypeAddress {
		d.Addresses = append(d.Addresses, Address{Name: resource.Name, Address: text})
		return nil
	}
	d.Resources = append(d.Resources, Resource{Gateway: resource.Gateway.String(), Name: resource.Name, Resource: text})
	return nil
}

func (d *Document) addStatuses(built *graph.Graph) {
	for _, class := range built.Classes.List() {
		d.addStatus("GatewayClass", Metadata{Name: class.Name}, map[string]any{"conditions": untimed(class.Conditions())})
	}
	for _, status := range built.GatewayStatuses.List() {
		d.addStatus("Gateway", Metadata{Namespace: status.Namespace, Name: status.Name}, gatewayStatus(status))
	}
	for _, status := range built.ListenerSetStatuses.List() {
		d.addStatus("ListenerSet", Metadata{Namespace: status.Namespace, Name: status.Name}, listenersStatus(status))
	}
	for _, kind := range built.Routes {
		for _, route := range kind.List() {
			d.addStatus(route.Kind, Metadata{Namespace: route.Namespace, Name: route.Name}, routeStatus(route))
		}
	}
	for _, policy := range built.BackendTLSStatuses.List() {
		d.addStatus(policy.Kind, Metadata{Namespace: policy.Namespace, Name: policy.Name}, policyStatus(policy))
	}
	for _, pool := range built.InferencePools.List() {
		d.Status = append(d.Status, Status{
			TypeMeta: metav1.TypeMeta{APIVersion: inferencev1.GroupVersion.String(), Kind: references.InferencePoolKind},
			Metadata: Metadata{Namespace: pool.Namespace, Name: pool.Name}, Status: poolStatus(pool),
		})
	}
	slices.SortFunc(d.Status, func(a, b Status) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Metadata.Namespace, b.Metadata.Namespace),
			strings.Compare(a.Metadata.Name, b.Metadata.Name))
	})
}

func (d *Document) addStatus(kind string, metadata Metadata, status any) {
	d.Status = append(d.Status, Status{
		TypeMeta: metav1.TypeMeta{APIVersion: gwv1.GroupVersion.String(), Kind: kind}, Metadata: metadata, Status: status,
	})
}

// condition is a condition without its transition time, which only a writer
// can know.
type condition struct {
	Type               string                 `json:"type"`
	Status             metav1.ConditionStatus `json:"status"`
	ObservedGeneration int64                  `json:"observedGeneration,omitempty"`
	Reason             string                 `json:"reason"`
	Message            string                 `json:"message"`
}

func untimed(list []metav1.Condition) []condition {
	out := make([]condition, 0, len(list))
	for _, c := range list {
		out = append(out, condition{c.Type, c.Status, c.ObservedGeneration, c.Reason, c.Message})
	}
	return out
}

func gatewayStatus(status gateways.Status) any {
	shown := listenersStatus(status)
	shown["attachedListenerSets"] = status.AttachedListenerSets
	return shown
}

func listenersStatus(status gateways.Status) map[string]any {
	type listener struct {
		Name           gwv1.SectionName      `json:"name"`
		SupportedKinds []gwv1.RouteGroupKind `json:"supportedKinds"`
		AttachedRoutes int32                 `json:"attachedRoutes"`
		Conditions     []condition           `json:"conditions"`
	}
	listeners := make([]listener, 0, len(status.Listeners))
	for _, l := range status.Listeners {
		listeners = append(listeners, listener{l.Name, l.SupportedKinds, l.AttachedRoutes, untimed(l.Conditions)})
	}
	return map[string]any{"conditions": untimed(status.Conditions), "listeners": listeners}
}

func routeStatus(route routes.Route) any {
	type parent struct {
		ParentRef      gwv1.ParentReference   `json:"parentRef"`
		ControllerName gwv1.GatewayController `json:"controllerName"`
		Conditions     []condition            `json:"conditions"`
	}
	parents := make([]parent, 0, len(route.Parents))
	for _, p := range route.Parents {
		parents = append(parents, parent{p.ParentRef, p.ControllerName, untimed(p.Conditions)})
	}
	return map[string]any{"parents": parents}
}
