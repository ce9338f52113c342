package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// text takes any value.
func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		*field(s) = value
		return nil
	}
}

// accept takes any value and forgets it.
func accept(*Settings, string) error { return nil }

// discardBool is the field of booleans without effect.
func discardBool(*Settings) *bool { return new(bool) }

func boolean(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		parsed, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("want true or false")
		}
		*field(s) = parsed
		return nil
	}
}

// exact is the normalization of values in which case counts.
func exact(value string) string { return value }

func oneOf[T ~string](field func(*Settings) *T, normalize func(string) string, allowed ...T) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		normalized := T(normalize(value))
		if !slices.Contains(allowed, normalized) {
			return fmt.Errorf("want %s", either(allowed))
		}
		*field(s) = normalized
		return nil
	}
}

// either lists values as "a, b or c".
func either[T ~string](values []T) string {
	list := ""
	for i, value := range values {
		switch {
		case i == 0:
		case i == len(values)-1:
			list += " or "
		default:
			list += ", "
		}
		list += string(value)
	}
	return list
}

func integer(value string, least, most int64) (int64, error) {
	parsed, err := strconv.ParseInt(value, 10, 64)
	if err != nil || parsed < least || parsed > most {
		return 0, fmt.Errorf("want an integer from %d to %d", least, most)
	}
	return parsed, nil
}

func duration(_ *Settings, value string) error {
	if parsed, err := time.ParseDuration(value); err != nil || parsed < 0 {
		return errors.New("want a duration such as 10ms or 1s")
	}
	return nil
}

func address(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		_, port, err := net.SplitHostPort(value)
		if err == nil {
			_, err = integer(port, 0, math.MaxUint16)
		}
		if err != nil {
			return errors.New("want host:port, where the host may be empty and port 0 takes a free one")
		}
		*field(s) = value
		return nil
	}
}

func setController(s *Settings, value string) error {
	domain, path, found := strings.Cut(value, "/")
	if !found || path == "" || len(validation.IsDNS1123Subdomain(domain)) > 0 {
		return errors.New("want a domain and a path such as example.com/controller")
	}
	s.Controllers = []string{value}
	return nil
}

func setClassName(s *Settings, value string) error {
	if wrong := validation.IsDNS1123Subdomain(value); len(wrong) > 0 {
		return errors.New("want the name of a GatewayClass: " + wrong[0])
	}
	s.ClassName = value
	return nil
}

func setNamespace(s *Settings, value string) error {
	if wrong := validation.IsDNS1123Label(value); len(wrong) > 0 {
		return errors.New("want the name of a namespace: " + wrong[0])
	}
	s.Namespace = value
	return nil
}

func setClassParameters(s *Settings, value string) error {
	refs := map[string]ParametersRef{}
	if err := decode(value, &refs); err != nil {
		return fmt.Errorf(`want a JSON object such as {"agentgateway": {"name": "n", "namespace": "ns"}}: %w`, err)
	}
	for class, ref := range refs {
		if strings.TrimSpace(ref.Name) == "" || strings.TrimSpace(ref.Namespace) == "" {
			return fmt.Errorf("want a name and a namespace for class %q", class)
		}
		if ref.Group == "" {
			ref.Group = "agentgateway.dev"
		}
		if ref.Kind == "" {
			ref.Kind = "AgentgatewayParameters"
		}
		refs[class] = ref
	}
	s.ClassParameters = refs
	return nil
}

func setDiscovery(s *Settings, value string) error {
	var selectors []metav1.LabelSelector
	err := decode(value, &selectors)
	for i := 0; err == nil && i < len(selectors); i++ {
		_, err = metav1.LabelSelectorAsSelector(&selectors[i])
	}
	if err != nil {
		return fmt.Errorf(`want a JSON list of label selectors such as [{"matchLabels": {"k": "v"}}]: %w`, err)
	}
	s.Discovery = selectors
	return nil
}

// decode refuses fields that it doesn't know: a misspelt selector would select
// everything.
func decode(value string, into any) error {
	decoder := json.NewDecoder(bytes.NewBufferString(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("more than one value")
	}
	return nil
}

func setXDSPort(s *Settings, value string) error {
	port, err := integer(value, 1, math.MaxUint16)
	if err != nil {
		return err
	}
	s.XDS.Port = uint32(port)
	return nil
}

func setDummyPort(s *Settings, value string) error {
	port, err := integer(value, 0, math.MaxUint16)
	if err != nil {
		return err
	}
	s.Proxy.DummyPort = uint16(port)
	return nil
}

func setXDSMode(s *Settings, value string) error {
	switch normalized := strings.ToLower(value); normalized {
	case "true":
		s.XDS.Mode = XDSTLS
	case "false":
		s.XDS.Mode = XDSPlaintext
	default:
		return oneOf(func(s *Settings) *XDSMode { return &s.XDS.Mode }, exact, XDSPlaintext, XDSTLS, XDSEither)(s, normalized)
	}
	return nil
}

func setTLSHosts(s *Settings, value string) error {
	for host := range strings.SplitSeq(value, ",") {
		if host = strings.TrimSpace(host); host != "" {
			s.XDS.TLSHosts = append(s.XDS.TLSHosts, host)
		}
	}
	return nil
}

func setStreamsPerSecond(s *Settings, value string) error {
	parsed, err := strconv.ParseFloat(value, 64)
	if err != nil || parsed < 0 || math.IsInf(parsed, 0) || math.IsNaN(parsed) {
		return errors.New("want a number from 0")
	}
	s.XDS.StreamsPerSecond = parsed
	return nil
}

func setKlogVerbosity(s *Settings, value string) error {
	verbosity, err := integer(value, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	s.Logs.KlogVerbosity = int(verbosity)
	return nil
}

// setLogLevel is the one setting whose malformed value does not stop the
// start: nobody should lose a controller to a misspelt level.
func setLogLevel(s *Settings, value string) error {
	normalized := strings.ToLower(value)
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "error"}, normalized) {
		s.Complaints = append(s.Complaints, fmt.Sprintf("log level %q: want trace, debug, info, warn or error; info is taken", value))
		normalized = "info"
	}
	s.Logs.Level = normalized
	return nil
}

func setNoElection(s *Settings, value string) error {
	disabled := false
	if err := boolean(func(*Settings) *bool { return &disabled })(s, value); err != nil {
		return err
	}
	s.LeaderElection = !disabled
	return nil
}
