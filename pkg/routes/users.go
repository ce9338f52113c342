package routes

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/krtx"
)

// Users answers which Gateways use a backend.
type Users struct {
	sources []users
}

// users are the uses of one origin.
type users struct {
	members   krt.Collection[krtx.Member]
	byBackend krt.Index[string, krtx.Member]
}

// NewUsers indexes members, whose keys are UseKey, by backend.
func NewUsers(members krt.Collection[krtx.Member]) Users { return Users{}.And(members) }

// And returns the users with those of another origin: a backend that a Gateway
// uses may itself need others.
func (u Users) And(members krt.Collection[krtx.Member]) Users {
	more := users{members: members, byBackend: krt.NewIndex(members, "backend", func(m krtx.Member) []string {
		_, backend, _ := strings.Cut(m.Key, "|")
		return []string{backend}
	})}
	return Users{sources: append(slices.Clip(u.sources), more)}
}

// Of returns the Gateways that use backend, sorted, each once. It costs a
// look-up for each origin.
func (u Users) Of(ctx krt.HandlerContext, backend string) []types.NamespacedName {
	var gateways []types.NamespacedName
	for _, source := range u.sources {
		for _, member := range krt.Fetch(ctx, source.members, krt.FilterIndex(source.byBackend, backend)) {
			gateway, _, _ := strings.Cut(member.Key, "|")
			namespace, name, _ := strings.Cut(gateway, "/")
			gateways = append(gateways, types.NamespacedName{Namespace: namespace, Name: name})
		}
	}
	slices.SortFunc(gateways, compareNames)
	return slices.Compact(gateways)
}
