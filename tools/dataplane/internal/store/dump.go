package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	api "agentgateway.dev/controller/apis/xds"
)

// Dump is the configuration in the shape of the proxy's /config_dump.
type Dump struct {
	Binds    []BindDump                 `json:"binds"`
	Pending  map[string]json.RawMessage `json:"pendingListeners,omitempty"`
	Routes   RoutesDump                 `json:"routes"`
	Models   []json.RawMessage          `json:"modelRoutes"`
	Policies []json.RawMessage          `json:"policies"`
	Backends []json.RawMessage          `json:"backends"`
	// Workloads and Services are sorted by their xDS name.
	Workloads []json.RawMessage `json:"workloads"`
	Services  []json.RawMessage `json:"services"`
}

// BindDump shows what the accept loop does, which is what the bind was when it
// was added.
type BindDump struct {
	Key            string                  `json:"key"`
	Address        string                  `json:"address"`
	Protocol       string                  `json:"protocol"`
	TunnelProtocol string                  `json:"tunnelProtocol"`
	Mode           string                  `json:"mode"`
	Listeners      map[string]ListenerDump `json:"listeners"`
}

// ListenerDump is a listener with its routes by key.
type ListenerDump struct {
	Listener  json.RawMessage            `json:"listener"`
	Routes    map[string]json.RawMessage `json:"routes"`
	TCPRoutes map[string]json.RawMessage `json:"tcpRoutes"`
}

// RoutesDump holds what does not hang on a listener, by parent and then by key.
type RoutesDump struct {
	HTTPMesh    map[string]map[string]json.RawMessage `json:"httpMesh"`
	TCPMesh     map[string]map[string]json.RawMessage `json:"tcpMesh"`
	RouteGroups map[string]map[string]json.RawMessage `json:"routeGroups"`
}

// Dump copies the configuration; secrets are replaced.
func (s *State) Dump() Dump {
	s.mu.RLock()
	defer s.mu.RUnlock()
	dump := Dump{
		Models: list(s.modelRoutes), Policies: list(s.policies), Backends: list(s.backends),
		Workloads: list(s.workloads),
		Routes: RoutesDump{
			HTTPMesh: map[string]map[string]json.RawMessage{}, TCPMesh: map[string]map[string]json.RawMessage{},
			RouteGroups: map[string]map[string]json.RawMessage{},
		},
		Pending: map[string]json.RawMessage{},
	}
	byName := map[string]proto.Message{}
	for key, service := range s.services {
		byName[key.String()] = service
	}
	dump.Services = list(byName)
	for _, key := range slices.Sorted(maps.Keys(s.binds)) {
		dump.Binds = append(dump.Binds, s.dumpBind(s.binds[key]))
	}
	for _, listeners := range s.pending {
		for key, listener := range listeners {
			dump.Pending[key] = encode(listener.Spec)
		}
	}
	for parent := range s.routes {
		switch parent.Kind {
		case ParentService:
			dump.Routes.HTTPMesh[fmt.Sprintf("%s:%d", parent.Key, parent.Port)] = s.dumpRoutes(parent)
		case ParentGroup:
			dump.Routes.RouteGroups[parent.Key] = s.dumpRoutes(parent)
		}
	}
	for parent := range s.tcpRoutes {
		if parent.Kind == ParentService {
			dump.Routes.TCPMesh[fmt.Sprintf("%s:%d", parent.Key, parent.Port)] = s.dumpTCPRoutes(parent)
		}
	}
	return dump
}

func (s *State) dumpBind(bind *Bind) BindDump {
	dump := BindDump{
		Key: bind.Running.GetKey(), Address: fmt.Sprintf("[::]:%d", bind.Running.GetPort()),
		Protocol: bind.Running.GetProtocol().String(), TunnelProtocol: bind.Running.GetTunnelProtocol().String(),
		Mode: bind.Running.GetMode().String(), Listeners: map[string]ListenerDump{},
	}
	for key, listener := range bind.Listeners {
		parent := Parent{Kind: ParentListener, Key: key}
		dump.Listeners[key] = ListenerDump{
			Listener: encode(listener.Spec), Routes: s.dumpRoutes(parent), TCPRoutes: s.dumpTCPRoutes(parent),
		}
	}
	return dump
}

func (s *State) dumpRoutes(parent Parent) map[string]json.RawMessage {
	dump := map[string]json.RawMessage{}
	if set := s.routes[parent]; set != nil {
		for key, route := range set.byKey {
			dump[key] = encode(route.Spec)
		}
	}
	return dump
}

func (s *State) dumpTCPRoutes(parent Parent) map[string]json.RawMessage {
	dump := map[string]json.RawMessage{}
	for key, route := range s.tcpRoutes[parent] {
		dump[key] = encode(route)
	}
	return dump
}

func list[M proto.Message](byKey map[string]M) []json.RawMessage {
	dump := []json.RawMessage{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		dump = append(dump, encode(byKey[key]))
	}
	return dump
}

func encode(message proto.Message) json.RawMessage {
	shown := proto.Clone(message)
	redact(shown.ProtoReflect())
	text, err := protojson.Marshal(shown)
	if err != nil {
		// The message was decoded from bytes, so it can be shown; if not, say so.
		text, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return text
}

// secrets are the fields whose values a dump must not show. The keys of API key
// users and of inline backend credentials are among them.
var secrets = secretFields()

func secretFields() map[protoreflect.FullName]bool {
	fields := map[protoreflect.FullName]bool{}
	for message, hidden := range map[proto.Message][]protoreflect.Name{
		&api.TLSConfig{}:                             {"private_key"},
		&api.BackendPolicySpec_BackendTLS{}:          {"key"},
		&api.Key{}:                                   {"secret"},
		&api.BackendAuthCredential{}:                 {"value"},
		&api.Gcp{}:                                   {"credential"},
		&api.AwsExplicitConfig{}:                     {"secret_access_key", "session_token"},
		&api.AzureClientSecret{}:                     {"client_secret"},
		&api.OAuthClientAuth{}:                       {"client_secret"},
		&api.OAuthClientAuth_PrivateKeyJwt{}:         {"signing_key"},
		&api.TrafficPolicySpec_BasicAuthentication{}: {"htpasswd_content"},
		&api.TrafficPolicySpec_APIKey_User{}:         {"key", "key_hash"},
		&api.TrafficPolicySpec_JWT_MCP{}:             {"client_secret"},
		&api.BackendPolicySpec_McpAuthentication{}:   {"client_secret"},
	} {
		for _, field := range hidden {
			fields[message.ProtoReflect().Descriptor().FullName().Append(field)] = true
		}
	}
	return fields
}

func redact(message protoreflect.Message) {
	message.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !secrets[field.FullName()] {
			return true
		}
		if field.Kind() == protoreflect.BytesKind {
			message.Set(field, protoreflect.ValueOfBytes([]byte("<redacted>")))
		} else {
			message.Set(field, protoreflect.ValueOfString("<redacted>"))
		}
		return true
	})
	eachMessage(message, func(child protoreflect.Message) bool {
		redact(child)
		return true
	})
}
