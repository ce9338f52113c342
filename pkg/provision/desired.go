package provision

import (
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/mesh"
)

// Inputs are the collections that provisioning reads.
type Inputs struct {
	Gateways   krt.Collection[*gwv1.Gateway]
	Classes    krt.Collection[*gwv1.GatewayClass]
	Parameters krt.Collection[*v1alpha1.AgentgatewayParameters]
	// Secrets must keep data of the session Secrets, which have the label
	// GatewayNameLabel.
	Secrets krt.Collection[*corev1.Secret]
	// Judged are the Gateways of our classes with their effective listeners.
	Judged krt.Collection[gateways.Gateway]
	// Authority is the CA of the xDS server, nil where xDS isn't encrypted.
	Authority krt.Singleton[Authority]
	// Mesh is the mesh that proxies may join, nil where there is none to watch.
	Mesh     krt.Singleton[mesh.Mesh]
	Defaults Defaults
}

// Desired is what a Gateway of ours should have.
type Desired struct {
	types.NamespacedName
	UID        types.UID
	Generation int64
	// Controller is the controllerName of its class, under which objects are
	// applied.
	Controller string
	// Addresses are those that the Gateway asks for.
	Addresses []gwv1.GatewaySpecAddress
	// Objects are in the order of application.
	Objects []Applied
	// SessionUID and SessionVersion are the uid and the resourceVersion of the
	// session Secret that was read, "" if none was.
	SessionUID     types.UID
	SessionVersion string
	// AwaitsKey, Warnings and Problem are those of Result.
	AwaitsKey bool
	Warnings  []string
	Problem   *Problem
}

// Applied is an object in the form in which it is sent.
type Applied struct {
	// kind is its place in kinds.
	kind int
	Name string
	// Body is JSON with sorted keys. Equal objects have equal bodies.
	Body string
}

// ResourceName is the key "<namespace>/<name>".
func (d Desired) ResourceName() string { return d.String() }

// Equals compares everything.
func (d Desired) Equals(other Desired) bool {
	return d.NamespacedName == other.NamespacedName && d.UID == other.UID && d.Generation == other.Generation &&
		d.Controller == other.Controller && d.SessionUID == other.SessionUID && d.SessionVersion == other.SessionVersion &&
		d.AwaitsKey == other.AwaitsKey &&
		slices.EqualFunc(d.Addresses, other.Addresses, equalAddresses) && slices.Equal(d.Objects, other.Objects) &&
		slices.Equal(d.Warnings, other.Warnings) && equalPointers(d.Problem, other.Problem)
}

// NewDesired renders every Gateway of ours, again whenever the Gateway, the
// parameters of either level, its session Secret, the CA or the mesh changes.
// An event renders the Gateways that it concerns, once.
func NewDesired(in Inputs, opts krt.OptionsBuilder) krt.Collection[Desired] {
	classes := newClasses(in.Classes, opts)
	subjects := newSubjects(in.Gateways, in.Judged, classes, opts)
	return krt.NewCollection(subjects, func(ctx krt.HandlerContext, s subject) *Desired {
		desired := &Desired{
			NamespacedName: types.NamespacedName{Namespace: s.gateway.Namespace, Name: s.gateway.Name},
			UID:            s.gateway.UID,
			Generation:     s.gateway.Generation,
			Controller:     s.controller,
			Addresses:      s.gateway.Spec.Addresses,
		}
		request, problem := in.request(ctx, s, classes)
		if problem != nil {
			desired.Problem = problem
			return desired
		}
		if request.Session != nil {
			desired.SessionUID, desired.SessionVersion = request.Session.UID, request.Session.Version
		}
		desired.fill(Render(request))
		return desired
	}, opts.WithName("provision/Desired")...)
}

// request gathers what a Gateway's objects depend on.
func (in Inputs) request(ctx krt.HandlerContext, s subject, classes krt.Collection[class]) (Request, *Problem) {
	request := Request{Gateway: s.gateway, Ports: s.ports, Defaults: in.Defaults}
	var problem *Problem
	// The class is there, or the Gateway wouldn't be ours; but collections
	// don't change all at once.
	if class := krt.FetchOne(ctx, classes, krt.FilterKey(string(s.gateway.Spec.GatewayClassName))); class != nil {
		if request.Class, problem = classRef(*class).fetch(ctx, in.Parameters); problem != nil {
			return Request{}, problem
		}
	}
	if request.Own, problem = gatewayRef(s.gateway).fetch(ctx, in.Parameters); problem != nil {
		return Request{}, problem
	}
	secret := sessionSecretName(Name(s.gateway.Name))
	if found := krt.FetchOne(ctx, in.Secrets, krt.FilterKey(s.gateway.Namespace+"/"+secret)); found != nil {
		request.Session = &Session{UID: (*found).UID, Version: (*found).ResourceVersion, Key: (*found).Data[sessionDataKey]}
	}
	if in.Authority != nil {
		if authority := krt.FetchOne(ctx, in.Authority.AsCollection(), krt.FilterKey(authorityKey)); authority != nil {
			request.Authority = authority.PEM
		}
	}
	request.MeshTrustDomain = mesh.Fetch(ctx, in.Mesh).TrustDomain
	return request, nil
}

// fill takes over a Result.
func (d *Desired) fill(result Result) {
	d.Problem, d.AwaitsKey, d.Warnings = result.Problem, result.AwaitsKey, result.Warnings
	for _, object := range result.Objects {
		content, err := Encode(object)
		if err == nil {
			var body []byte
			if body, err = json.Marshal(content); err == nil {
				d.Objects = append(d.Objects, Applied{kind: kindIndex(object.GroupVersionKind()), Name: object.GetName(), Body: string(body)})
			}
		}
		if err != nil {
			d.Objects, d.Problem = nil, invalid("", "", err.Error())
			return
		}
	}
}
