package references

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
)

// Service is what a reference to a Service depends on. Changes of anything
// else in a Service wake nobody who refers to it.
type Service struct {
	types.NamespacedName
	// ExternalName services have no endpoints that a proxy could be sent.
	ExternalName bool
	Ports        []ServicePort
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name        string
	Port        int32
	AppProtocol string
	// TCP is false for ports that no proxy connects to.
	TCP bool
}

// ResourceName is the key "<namespace>/<name>".
func (s Service) ResourceName() string { return s.String() }

// Equals compares everything.
func (s Service) Equals(other Service) bool {
	return s.NamespacedName == other.NamespacedName && s.ExternalName == other.ExternalName && slices.Equal(s.Ports, other.Ports)
}

// NewServices projects services. An event costs one small object.
func NewServices(services krt.Collection[*corev1.Service], opts krt.OptionsBuilder) krt.Collection[Service] {
	return krt.NewCollection(services, func(_ krt.HandlerContext, service *corev1.Service) *Service {
		projected := &Service{
			NamespacedName: types.NamespacedName{Namespace: service.Namespace, Name: service.Name},
			ExternalName:   service.Spec.Type == corev1.ServiceTypeExternalName,
		}
		for _, port := range service.Spec.Ports {
			p := ServicePort{Name: port.Name, Port: port.Port, TCP: port.Protocol == "" || port.Protocol == corev1.ProtocolTCP}
			if port.AppProtocol != nil {
				p.AppProtocol = *port.AppProtocol
			}
			projected.Ports = append(projected.Ports, p)
		}
		return projected
	}, opts.WithName("references/Services")...)
}
