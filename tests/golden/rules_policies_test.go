package golden

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
)

// targeted checks a policy that is attached to something.
func (c *checker) targeted(gateway, name string, policy *api.Policy) {
	target, err := proto.MarshalOptions{Deterministic: true}.Marshal(policy.GetTarget())
	if err != nil {
		c.complain(name, "the target can't be encoded: %v", err)
	}
	place := fmt.Sprintf("%s|%T|%T|%x", gateway, policy.GetKind(), policy.GetBackend().GetKind(), target)
	if other := c.places[place]; other != nil && !proto.Equal(other.GetBackend(), policy.GetBackend()) {
		c.complain(name, "another policy of the same kind has this target and says something else: a proxy takes any of them")
	}
	c.places[place] = policy
	if service := policy.GetTarget().GetService(); service != nil && service.Port != nil {
		c.port(name, service.GetPort(), false)
	}
	if tls := policy.GetBackend().GetBackendTls(); tls != nil {
		c.backendTLS(name, tls)
	}
}

// backendTLS knows what makes a proxy refuse the policy, and so speak plain
// text to the backend.
func (c *checker) backendTLS(name string, tls *api.BackendPolicySpec_BackendTLS) {
	if (tls.Cert == nil) != (tls.Key == nil) {
		c.complain(name, "a client certificate without its key, or the other way round")
	}
	for part, text := range map[string][]byte{"root": tls.GetRoot(), "cert": tls.GetCert()} {
		for len(text) > 0 {
			block, rest := pem.Decode(text)
			if block == nil {
				c.complain(name, "%s: not PEM to its end", part)
				break
			}
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				c.complain(name, "%s: %v", part, err)
			}
			text = rest
		}
	}
	if tls.Hostname == nil && tls.GetVerification() != api.BackendPolicySpec_BackendTLS_INSECURE_ALL && (tls.Root == nil || len(tls.Root) > 0) {
		c.complain(name, "no hostname: the address of a pod would be verified")
	}
}
