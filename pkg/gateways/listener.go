package gateways

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Listener is one listener of a Gateway or ListenerSet, with everything that a
// route needs to know to attach to it.
type Listener struct {
	// Key is the key of the listener on the wire, "<namespace>/<name>.<listener>"
	// with the object that declares it.
	Key  string
	Name string
	// RouteSuffix ends the keys of the routes on the listener, and tells it from
	// every other listener of the same Gateway: "<listener>", and for a
	// ListenerSet "<namespace>.<name>.<listener>".
	RouteSuffix string
	Port        int32
	Hostname    string
	Protocol    gwv1.ProtocolType
	// Kinds are the route kinds that may attach, all of the Gateway API group.
	Kinds []string
	// Namespaces says from where routes may attach.
	Namespaces Namespaces
	// Served is false for a listener that isn't sent and takes no routes: its
	// protocol is not supported, it conflicts with another one, or it is to
	// terminate TLS without saying how. A listener whose certificate can't be
	// used is served: it refuses connections, and takes routes meanwhile.
	Served bool
	// Internal listeners are reached only by re-entry, not by a socket.
	Internal bool
}

// Equals compares everything.
func (l Listener) Equals(other Listener) bool {
	return l.Key == other.Key && l.Name == other.Name && l.RouteSuffix == other.RouteSuffix && l.Port == other.Port && l.Hostname == other.Hostname &&
		l.Protocol == other.Protocol && slices.Equal(l.Kinds, other.Kinds) && l.Namespaces == other.Namespaces &&
		l.Served == other.Served && l.Internal == other.Internal
}

// Namespaces is allowedRoutes.namespaces or allowedListeners.namespaces in a
// comparable form.
type Namespaces struct {
	From gwv1.FromNamespaces
	// Selector is the canonical text of the label selector; it matters only
	// with FromNamespaces Selector. Matching parses it again, which is cheap for
	// the few requirements that selectors have.
	Selector string
}

// Matches reports whether objects of namespace may attach to one in own.
// namespaceLabels are the labels of namespace, needed only with a selector.
func (n Namespaces) Matches(own, namespace string, namespaceLabels map[string]string) bool {
	switch n.From {
	case gwv1.NamespacesFromAll:
		return true
	case gwv1.NamespacesFromSame:
		return own == namespace
	case gwv1.NamespacesFromSelector:
		selector, err := labels.Parse(n.Selector)
		if err != nil || n.Selector == "" {
			return false
		}
		set := labels.Set{}
		for key, value := range namespaceLabels {
			set[key] = value
		}
		set["kubernetes.io/metadata.name"] = namespace
		return selector.Matches(set)
	default:
		return false
	}
}

// allowedNamespaces defaults to the namespace of the listener's object.
func allowedNamespaces(allowed *gwv1.AllowedRoutes) Namespaces {
	if allowed == nil || allowed.Namespaces == nil {
		return Namespaces{From: gwv1.NamespacesFromSame}
	}
	return namespaces(allowed.Namespaces.From, gwv1.NamespacesFromSame, allowed.Namespaces.Selector)
}

// allowedListeners defaults to none.
func allowedListeners(allowed *gwv1.AllowedListeners) Namespaces {
	if allowed == nil || allowed.Namespaces == nil {
		return Namespaces{From: gwv1.NamespacesFromNone}
	}
	return namespaces(allowed.Namespaces.From, gwv1.NamespacesFromNone, allowed.Namespaces.Selector)
}

func namespaces(from *gwv1.FromNamespaces, otherwise gwv1.FromNamespaces, selector *metav1.LabelSelector) Namespaces {
	n := Namespaces{From: otherwise}
	if from != nil {
		n.From = *from
	}
	if n.From != gwv1.NamespacesFromSelector || selector == nil {
		return n
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		// Without a selector nothing matches.
		return n
	}
	if parsed.Empty() {
		// It is there and demands nothing.
		return Namespaces{From: gwv1.NamespacesFromAll}
	}
	n.Selector = parsed.String()
	return n
}
