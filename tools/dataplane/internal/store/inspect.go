package store

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	api "agentgateway.dev/controller/apis/xds"
	"istio.io/istio/pkg/workloadapi"
)

// inspect walks a message and everything inside it. Each message is examined by
// the checks of its own type, wherever it stands, and each enum field by the
// list of enums whose unknown numbers the proxy refuses.
func inspect(message proto.Message, r *review) {
	inspectMessage(message.ProtoReflect(), r)
}

func inspectMessage(message protoreflect.Message, r *review) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		inspectEnum(field, value, r)
		return true
	})
	check(message.Interface(), r)
	eachMessage(message, func(child protoreflect.Message) bool {
		inspectMessage(child, r)
		return true
	})
}

func inspectEnum(field protoreflect.FieldDescriptor, value protoreflect.Value, r *review) {
	enum := field.Enum()
	if enum == nil || field.IsMap() || !strictEnum(enum) {
		return
	}
	numbers := []protoreflect.EnumNumber{}
	if field.IsList() {
		for i := range value.List().Len() {
			numbers = append(numbers, value.List().Get(i).Enum())
		}
	} else {
		numbers = append(numbers, value.Enum())
	}
	for _, number := range numbers {
		if enum.Values().ByNumber(number) == nil {
			r.errorf("%s: unknown number %d of enum %s", field.Name(), number, enum.FullName())
		}
	}
}

// strictEnum tells whether the proxy refuses unknown numbers of an enum. For
// all others it falls back to a default in silence.
func strictEnum(enum protoreflect.EnumDescriptor) bool {
	return enum.FullName().Parent() == "istio.workload" ||
		enum.FullName().Parent().Parent() == "istio.workload" ||
		strictEnums[enum.FullName()]
}

var strictEnums = namesOf(
	api.Bind_HTTP, api.Bind_DIRECT, api.Bind_STANDARD, api.Protocol_UNKNOWN,
	api.TrafficPolicySpec_ROUTE, api.TrafficPolicySpec_LocalRateLimit_REQUEST,
	api.TrafficPolicySpec_JWT_OPTIONAL, api.TrafficPolicySpec_BasicAuthentication_STRICT,
	api.TrafficPolicySpec_APIKey_STRICT, api.TrafficPolicySpec_HostRewrite_NONE,
	api.FrontendPolicySpec_HTTP_LOWERCASE, api.BackendPolicySpec_BackendHTTP_UNSPECIFIED,
	api.BackendPolicySpec_BackendTLS_STRICT, api.BackendPolicySpec_InferenceRouting_UNKNOWN,
	api.MCPTarget_UNDEFINED, api.BackendPolicySpec_McpAuthentication_OPTIONAL,
	api.BackendPolicySpec_Ai_PromptGuard_DISABLED, api.AIBackend_PROVIDER_FORMAT_UNSPECIFIED,
	api.AIBackend_PROVIDER_PRESET_UNSPECIFIED, api.OAuthClientAuth_UNSPECIFIED,
	api.OAuthClientAuth_PrivateKeyJwt_SIGNING_ALG_UNSPECIFIED,
	api.OAuthClientAuth_PrivateKeyJwt_CERTIFICATE_HEADER_UNSPECIFIED,
	api.OAuthTokenExchange_UNSPECIFIED,
)

func namesOf(enums ...protoreflect.Enum) map[protoreflect.FullName]bool {
	names := map[protoreflect.FullName]bool{}
	for _, enum := range enums {
		names[enum.Descriptor().FullName()] = true
	}
	return names
}

// check applies the rules for one message, without what lies inside it. Several
// values that make the proxy panic or act on a truncated number are refused
// here too, although the proxy itself would not say so.
func check(message proto.Message, r *review) {
	switch m := message.(type) {
	case *api.RouteBackend:
		checkRouteBackend(m, r)
	case *api.BackendReference:
		checkPort(m.GetPort(), "backend reference port", r)
	case *api.TrafficPolicySpec:
		checkTraffic(m, r)
	case *api.BackendPolicySpec:
		checkBackendPolicy(m, r)
	case *api.FrontendPolicySpec:
		checkFrontend(m, r)
	case *api.ConditionalPolicies:
		checkConditional(m, r)
	case *api.RequestRedirect:
		checkRedirect(m, r)
	case *api.RequestMirrors_Mirror:
		checkMirror(m, r)
	case *api.DirectResponse:
		checkDirectResponse(m, r)
	case *api.CORS:
		checkCORS(m, r)
	case *api.Timeout:
		checkDurations(r, named{"timeout.request", m.GetRequest()}, named{"timeout.backend_request", m.GetBackendRequest()})
	case *api.Retry:
		checkRetry(m, r)
	case *api.Delay:
		checkExpressions(r, m.GetDuration())
	case *api.AuthorizationLocation:
		checkLocation(m, r)
	case *api.BackendAuthPolicy:
		checkAuth(m, r)
	case *workloadapi.LoadBalancing:
		checkLoadBalancing(m, r)
	case *workloadapi.GatewayAddress:
		if m.GetDestination() == nil {
			r.errorf("gateway address without a destination")
		}
	default:
		checkSecurity(message, r)
	}
}

func checkPort(port uint32, what string, r *review) {
	if port > maxPort {
		r.errorf("%s %d is greater than %d", what, port, maxPort)
	}
}

// maxPort is the highest TCP port; the proxy truncates what lies above.
const maxPort = 65535

func missing(what string) string { return fmt.Sprintf("missing required field %s", what) }
