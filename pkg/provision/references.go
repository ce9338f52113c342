package provision

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// parametersRef is a reference to parameters, of a class or of a Gateway.
type parametersRef struct {
	group, kind, namespace, name string
	// from names the object and field that hold the reference.
	from, field string
}

func classRef(class class) *parametersRef {
	if class.parameters == (gwv1.ParametersReference{}) {
		return nil
	}
	ref := &parametersRef{
		group: string(class.parameters.Group), kind: string(class.parameters.Kind), name: class.parameters.Name,
		from: "GatewayClass " + class.name, field: "spec.parametersRef",
	}
	if class.parameters.Namespace != nil {
		ref.namespace = string(*class.parameters.Namespace)
	}
	return ref
}

func gatewayRef(gateway *gwv1.Gateway) *parametersRef {
	if gateway.Spec.Infrastructure == nil || gateway.Spec.Infrastructure.ParametersRef == nil {
		return nil
	}
	ref := gateway.Spec.Infrastructure.ParametersRef
	return &parametersRef{
		group: string(ref.Group), kind: string(ref.Kind), namespace: gateway.Namespace, name: ref.Name,
		field: "spec.infrastructure.parametersRef",
	}
}

// fetch returns the parameters that the reference means, nil without one.
func (ref *parametersRef) fetch(ctx krt.HandlerContext, parameters krt.Collection[*v1alpha1.AgentgatewayParameters]) (*v1alpha1.AgentgatewayParameters, *Problem) {
	switch {
	case ref == nil:
		return nil, nil
	case ref.group != v1alpha1.GroupName || ref.kind != v1alpha1.AgentgatewayParametersKind:
		return nil, invalid(ref.from, ref.field, fmt.Sprintf("refers to a %s of group %q; only %s of group %s is supported",
			ref.kind, ref.group, v1alpha1.AgentgatewayParametersKind, v1alpha1.GroupName))
	case ref.namespace == "":
		return nil, invalid(ref.from, ref.field, fmt.Sprintf("%s %s not found: the reference has no namespace", ref.kind, ref.name))
	}
	found := krt.FetchOne(ctx, parameters, krt.FilterKey(ref.namespace+"/"+ref.name))
	if found == nil {
		return nil, invalid(ref.from, ref.field, fmt.Sprintf("%s %s/%s not found", ref.kind, ref.namespace, ref.name))
	}
	return *found, nil
}
