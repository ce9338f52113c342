package xds

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// Severity says what became of a resource that the proxy complained about.
type Severity uint8

const (
	// SeverityWarning: the proxy took the resource in a degraded form.
	SeverityWarning Severity = iota
	// SeverityError: the proxy refused it and keeps the version before, if any.
	SeverityError
)

// String returns "warning" or "error".
func (s Severity) String() string {
	if s == SeverityError {
		return "error"
	}
	return "warning"
}

// Rejection is a complaint of a proxy about one version of a resource.
type Rejection struct {
	// Gateway is the one whose proxy complained, for addresses too. It is zero
	// for an address that was not sent because of its size.
	Gateway types.NamespacedName
	Type    resources.Type
	// Name and Version are empty when the complaint named no resource of the
	// response.
	Name     string
	Version  string
	Severity Severity
	// Text is written by the proxy; several findings on one resource are
	// joined with "; ".
	Text string
}

// maxRejectionText bounds, in bytes, what is kept and shown of one complaint:
// it ends up in a status and an Event, whose messages have a limit of their own.
const maxRejectionText = 1024

// finding is one element of the JSON array that a proxy puts into the message
// of error_detail.
type finding struct {
	Key   string `json:"key"`
	Warn  string `json:"warn"`
	Error string `json:"error"`
}

// rejectionsIn reads the message of a NACK. A message of another form is one
// error without a name.
func rejectionsIn(response *Response, message string, gateway types.NamespacedName) []Rejection {
	var findings []finding
	if err := json.Unmarshal([]byte(message), &findings); err != nil || len(findings) == 0 {
		findings = []finding{{Error: message}}
	}
	versions := make(map[string]string, len(findings))
	for _, f := range findings {
		versions[f.Key] = ""
	}
	for _, item := range response.items {
		if _, named := versions[item.name]; named {
			versions[item.name] = item.version
		}
	}
	byName := map[string]*Rejection{}
	var order []string
	for _, f := range findings {
		version := versions[f.Key]
		sent := version != ""
		text := f.Error + f.Warn
		if !sent && f.Key != "" {
			text = f.Key + ": " + text
			f.Key = ""
		}
		r := byName[f.Key]
		if r == nil {
			r = &Rejection{Gateway: gateway, Type: response.Type, Name: f.Key, Version: version, Text: text}
			byName[f.Key] = r
			order = append(order, f.Key)
		} else {
			r.Text += "; " + text
		}
		if f.Warn == "" {
			r.Severity = SeverityError
		}
	}
	rejections := make([]Rejection, 0, len(order))
	for _, name := range order {
		r := *byName[name]
		if len(r.Text) > maxRejectionText {
			r.Text = strings.ToValidUTF8(r.Text[:maxRejectionText], "") + "…"
		}
		rejections = append(rejections, r)
	}
	return rejections
}

// rejections holds the current complaints of all proxies of this process.
type rejections struct {
	mu        sync.Mutex
	byGateway map[types.NamespacedName]map[complaint]Rejection
}

type complaint struct {
	kind resources.Type
	name string
}

func newRejections() rejections {
	return rejections{byGateway: map[types.NamespacedName]map[complaint]Rejection{}}
}

// add returns false if the same was added before. Complaints without a name
// are told apart by their text, and only the last is kept.
func (r *rejections) add(rejection Rejection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.byGateway[rejection.Gateway]
	if of == nil {
		of = map[complaint]Rejection{}
		r.byGateway[rejection.Gateway] = of
	}
	about := complaint{kind: rejection.Type, name: rejection.Name}
	before, found := of[about]
	if found && before.Version == rejection.Version && (rejection.Name != "" || before.Text == rejection.Text) {
		return false
	}
	of[about] = rejection
	return true
}

// forget drops what was said about a resource that has changed.
func (r *rejections) forget(from audience, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	about := complaint{kind: from.kind, name: name}
	if from.kind == resources.TypeResource {
		r.remove(from.gateway, about)
		return
	}
	for gateway := range r.byGateway {
		r.remove(gateway, about)
	}
}

// forgetUnnamed drops the complaint without a name, when a response was taken
// without one.
func (r *rejections) forgetUnnamed(gateway types.NamespacedName, kind resources.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(gateway, complaint{kind: kind})
}

func (r *rejections) remove(gateway types.NamespacedName, about complaint) {
	of := r.byGateway[gateway]
	delete(of, about)
	if of != nil && len(of) == 0 {
		delete(r.byGateway, gateway)
	}
}

func (r *rejections) of(gateway types.NamespacedName) []Rejection {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Rejection, 0, len(r.byGateway[gateway]))
	for _, rejection := range r.byGateway[gateway] {
		all = append(all, rejection)
	}
	slices.SortFunc(all, func(a, b Rejection) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
	return all
}
