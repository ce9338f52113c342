package policies

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/krtx"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// many is how many Gateways use the Service "shared", and how many policies
// on other Services there are.
const many = 100

// scene holds the collections that a test changes.
type scene struct {
	policies     krt.StaticCollection[*gwv1.BackendTLSPolicy]
	configMaps   krt.StaticCollection[*corev1.ConfigMap]
	members      krt.StaticCollection[krtx.Member]
	certificates krt.StaticCollection[gateways.ClientCertificate]
	gateways     krt.StaticCollection[gateways.Gateway]
	lines        chan string
}

// newScene makes the policy "shared" on the Service of the same name, used by
// many Gateways, and many policies on Services that one Gateway each uses.
func newScene(t *testing.T) scene {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	policies := []*gwv1.BackendTLSPolicy{policyOn("shared", 10, "shared")}
	var members []krtx.Member
	var ours []gateways.Gateway
	for i := range many {
		gateway := fmt.Sprintf("g%03d", i)
		own := fmt.Sprintf("own%03d", i)
		policies = append(policies, policyOn(own, 10, own))
		members = append(members, member(gateway, "shared"), member(gateway, own))
		ours = append(ours, gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: gateway}, Controller: gateways.DefaultController})
	}
	// For the marks of the test's end: Services that are used and get a policy,
	// policies whose Services get a user, and a Gateway that gets a certificate.
	for _, end := range []string{"end0", "end1"} {
		members = append(members, member("g000", end))
		policies = append(policies, policyOn("late-"+end, 10, "late-"+end))
	}
	policies = append(policies, policyOn("certified", 10, "certified"))
	members = append(members, member("certified", "certified"))
	ours = append(ours, gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: "certified"}, Controller: gateways.DefaultController})
	s := scene{
		policies:     krt.NewStaticCollection(nil, policies, opts.WithName("policies")...),
		configMaps:   krt.NewStaticCollection(nil, []*corev1.ConfigMap{bundleNamed("ca", "no certificate")}, opts.WithName("configMaps")...),
		members:      krt.NewStaticCollection(nil, members, opts.WithName("members")...),
		certificates: krt.NewStaticCollection[gateways.ClientCertificate](nil, nil, opts.WithName("certificates")...),
		gateways:     krt.NewStaticCollection(nil, ours, opts.WithName("gateways")...),
		lines:        make(chan string, 10*many),
	}
	built := NewBackendTLS(BackendTLSInputs{
		Policies: s.policies, ConfigMaps: s.configMaps, Owners: gateways.NewOwners(s.gateways, opts), Certificates: s.certificates, Users: routes.NewUsers(s.members),
		Backends: references.Backends{
			Services: krt.NewStaticCollection[references.Service](nil, nil, opts.WithName("services")...), ClusterDomain: "test",
		},
	}, opts)
	if !built.Resources.WaitUntilSynced(stop) || !built.Statuses.WaitUntilSynced(stop) {
		t.Fatal("never synced")
	}
	if got, want := len(built.Resources.List()), 2*many+1; got != want {
		t.Fatalf("%d resources at first, want %d", got, want)
	}
	built.Resources.RegisterBatch(func(events []krt.Event[resources.Resource]) {
		for _, event := range events {
			resource := event.Latest()
			s.lines <- fmt.Sprintf("%s %s %s", event.Event, resource.Gateway.Name, strings.TrimSuffix(resource.Name[strings.LastIndex(resource.Name, "/")+1:], ".default.svc.test"))
		}
	}, false)
	built.Statuses.RegisterBatch(func(events []krt.Event[Status]) {
		for _, event := range events {
			s.lines <- fmt.Sprintf("%s status of %s", event.Event, event.Latest().Name)
		}
	}, false)
	return s
}

// policyOn is a policy of a Service, created at the given second.
func policyOn(name string, created int64, service string) *gwv1.BackendTLSPolicy {
	policy := &gwv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: metav1.NewTime(time.Unix(created, 0))}}
	ref := gwv1.LocalPolicyTargetReferenceWithSectionName{}
	ref.Kind, ref.Name = "Service", gwv1.ObjectName(service)
	policy.Spec.TargetRefs = []gwv1.LocalPolicyTargetReferenceWithSectionName{ref}
	policy.Spec.Validation.Hostname = "backend.test"
	policy.Spec.Validation.WellKnownCACertificates = new(gwv1.WellKnownCACertificatesSystem)
	return policy
}

func bundleNamed(name, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{"ca.crt": text}}
}

func member(gateway, service string) krtx.Member {
	return krtx.Member{Key: "default/" + gateway + "|Service/default/" + service}
}

// heard returns what is told until all of marks are, sorted and without them.
func (s scene) heard(t *testing.T, marks ...string) []string {
	t.Helper()
	var got []string
	// The limit only ends a test that fails.
	limit := time.After(30 * time.Second)
	for len(marks) > 0 {
		select {
		case line := <-s.lines:
			if i := slices.Index(marks, line); i >= 0 {
				marks = slices.Delete(marks, i, i+1)
			} else {
				got = append(got, line)
			}
		case <-limit:
			t.Fatalf("%q don't come; before came %q", marks, got)
		}
	}
	slices.Sort(got)
	return got
}

// TestBackendTLSTellsOnlyWhatChanges makes one change among many policies and
// Gateways, then others as marks that travel the same ways: a new policy, a new
// user of a Service, and a new certificate. Marks may overtake what is handled together with
// them, so there are two rounds of them: nothing of the change comes after the
// second.
func TestBackendTLSTellsOnlyWhatChanges(t *testing.T) {
	var everybody []string
	for i := range many {
		everybody = append(everybody, fmt.Sprintf("update g%03d shared", i))
	}
	for _, test := range []struct {
		name   string
		change func(scene)
		want   []string
	}{
		{"a Gateway begins to use a backend", func(s scene) { s.members.UpdateObject(member("g000", "own001")) },
			[]string{"add g000 own001", "update status of own001"}},
		{"a Gateway ceases to use a backend", func(s scene) { s.members.DeleteObject(member("g001", "shared").Key) },
			[]string{"delete g001 shared", "update status of shared"}},
		{"a client certificate comes", func(s scene) {
			s.certificates.UpdateObject(gateways.ClientCertificate{
				Gateway: types.NamespacedName{Namespace: "default", Name: "g007"}, Certificate: []byte("c"), Key: []byte("k"),
			})
		}, []string{"update g007 own007", "update g007 shared"}},
		{"a client certificate can't be used", func(s scene) {
			s.certificates.UpdateObject(gateways.ClientCertificate{Gateway: types.NamespacedName{Namespace: "default", Name: "g007"}, Invalid: true, Message: "bad"})
		}, []string{"update g007 own007", "update g007 shared", "update status of own007", "update status of shared"}},
		{"a policy changes", func(s scene) {
			policy := policyOn("shared", 10, "shared")
			policy.Spec.Validation.Hostname = "other.test"
			s.policies.UpdateObject(policy)
		}, everybody},
		{"a policy gets a label", func(s scene) {
			policy := policyOn("shared", 10, "shared")
			policy.Labels = map[string]string{"a": "b"}
			s.policies.UpdateObject(policy)
		}, nil},
		{"a younger policy on the same target", func(s scene) { s.policies.UpdateObject(policyOn("younger", 20, "own003")) },
			[]string{"add status of younger"}},
		{"an older policy on the same target", func(s scene) { s.policies.UpdateObject(policyOn("older", 5, "own003")) },
			[]string{"add status of older", "update g003 own003", "update status of own003"}},
		{"a Gateway changes that keeps its class", func(s scene) {
			s.gateways.UpdateObject(gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: "g000"}, Controller: gateways.DefaultController, Generation: 7})
		}, nil},
		{"a bundle changes that nobody refers to", func(s scene) { s.configMaps.UpdateObject(bundleNamed("ca", "still none")) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.change(s)
			var got []string
			for round := range 2 {
				end := fmt.Sprintf("end%d", round)
				s.policies.UpdateObject(policyOn(end, 10, end))
				s.members.UpdateObject(member("g000", "late-"+end))
				s.certificates.UpdateObject(gateways.ClientCertificate{
					Gateway: types.NamespacedName{Namespace: "default", Name: "certified"}, Certificate: []byte(end), Key: []byte(end), Invalid: round == 0,
				})
				got = append(got, s.heard(t, "add g000 "+end, "add status of "+end, "add g000 late-"+end, "update status of late-"+end,
					"update certified certified", "update status of certified")...)
			}
			// A resource whose policy changes may be told as an exchange.
			if diff := cmp.Diff(test.want, exchanges(got)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// exchanges joins the removal of a resource and the addition of the one that
// takes its place to an update.
func exchanges(lines []string) []string {
	var out []string
	for _, line := range lines {
		kind, what, _ := strings.Cut(line, " ")
		switch {
		case kind == "add" && slices.Contains(lines, "delete "+what):
			out = append(out, "update "+what)
		case kind == "delete" && slices.Contains(lines, "add "+what):
		default:
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// TestBackendTLSHealsByItself checks that a policy follows the bundle that it
// refers to, through every state of it.
func TestBackendTLSHealsByItself(t *testing.T) {
	s := newScene(t)
	policy := policyOn("own000", 10, "own000")
	policy.Spec.Validation.WellKnownCACertificates = nil
	policy.Spec.Validation.CACertificateRefs = []gwv1.LocalObjectReference{{Kind: "ConfigMap", Name: "ca"}}
	s.policies.UpdateObject(policy)
	changed := []string{"update g000 own000", "update status of own000"}
	s.heard(t, slices.Clone(changed)...)
	authority, err := os.ReadFile("testdata/authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	s.configMaps.UpdateObject(bundleNamed("ca", string(authority)))
	s.heard(t, slices.Clone(changed)...)
	s.configMaps.DeleteObject("default/ca")
	s.heard(t, slices.Clone(changed)...)
}
