package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// ServeHTTP lists the levels of all components and changes those that the
// query names: ?level=debug for all of them, ?<component>=debug for one.
// Only POST and PUT are allowed.
func (l *Logs) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost && request.Method != http.MethodPut {
		response.Header().Set("Allow", "POST, PUT")
		http.Error(response, "use POST or PUT", http.StatusMethodNotAllowed)
		return
	}
	query, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	wanted := map[string]string{}
	for name, values := range query {
		if name == "level" {
			name = ""
		}
		wanted[name] = values[len(values)-1]
	}
	if err := l.Set(wanted); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	current := l.Levels()
	response.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, name := range slices.Sorted(maps.Keys(current)) {
		fmt.Fprintf(response, "%s: %s\n", name, current[name])
	}
}
