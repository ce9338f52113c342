package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

	istiolog "istio.io/istio/pkg/log"
)

// lines decodes what was logged.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var decoded []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		decoded = append(decoded, fields)
	}
	out.Reset()
	return decoded
}

func TestLogLine(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(&out, true, zapcore.InfoLevel)
	logger := logs.Component("status").With(zap.String("kind", "Gateway"))
	logger.Debug("not seen")
	logger.Warn("look", zap.Int("n", 1))
	if err := logs.Set(map[string]string{"status": "trace"}); err != nil {
		t.Fatal(err)
	}
	logger.Log(Trace, "deep")

	got := lines(t, &out)
	if len(got) != 2 {
		t.Fatalf("lines %v", got)
	}
	line := got[0]
	if line["level"] != "warn" || line["msg"] != "look" || line["component"] != "status" || line["kind"] != "Gateway" || line["n"] != 1.0 {
		t.Errorf("line %v", line)
	}
	if at, ok := line["time"].(string); !ok || !strings.HasSuffix(at, "Z") {
		t.Errorf("time %v", line["time"])
	}
	if _, there := line["source"]; there {
		t.Errorf("a line of level info has a source: %v", line)
	}
	if source, _ := got[1]["source"].(string); got[1]["level"] != "trace" || !strings.Contains(source, "logs_test.go") {
		t.Errorf("line %v", got[1])
	}
}

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	NewLogs(&out, false, zapcore.InfoLevel).Component("xds").Info("hello")
	if got := out.String(); !strings.Contains(got, "info\thello") || !strings.Contains(got, "xds") {
		t.Errorf("line %q", got)
	}
}

func TestLoggingEndpoint(t *testing.T) {
	for _, test := range []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"reading is refused", http.MethodGet, "", http.StatusMethodNotAllowed, ""},
		{"list", http.MethodPost, "", http.StatusOK, "status: info\nxds: info\n"},
		{"all", http.MethodPut, "?level=debug", http.StatusOK, "status: debug\nxds: debug\n"},
		{"one", http.MethodPost, "?xds=error", http.StatusOK, "status: info\nxds: error\n"},
		{"all but one", http.MethodPost, "?level=warn&xds=trace", http.StatusOK, "status: warn\nxds: trace\n"},
		{"unknown component", http.MethodPost, "?nobody=debug", http.StatusBadRequest, ""},
		{"unknown level", http.MethodPost, "?xds=loud", http.StatusBadRequest, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs := NewLogs(&bytes.Buffer{}, true, zapcore.InfoLevel)
			logs.Component("xds")
			logs.Component("status")
			response := httptest.NewRecorder()
			logs.ServeHTTP(response, httptest.NewRequest(test.method, "/logging"+test.query, nil))
			if response.Code != test.status {
				t.Errorf("status %d, want %d: %s", response.Code, test.status, response.Body)
			}
			if test.body != "" && response.Body.String() != test.body {
				t.Errorf("body %q, want %q", response.Body, test.body)
			}
			if test.status != http.StatusOK {
				for name, level := range logs.Levels() {
					if level != "info" {
						t.Errorf("a refused request changed %s to %s", name, level)
					}
				}
			}
		})
	}
}

func TestLibraries(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(&out, true, zapcore.InfoLevel)
	if err := logs.CaptureLibraries(0); err != nil {
		t.Fatal(err)
	}
	istiolog.WithLabels("time", "1s", "n", 2).Infof("plain")
	istiolog.RegisterScope("late", "").Warn("scoped")
	klog.InfoS("structured", "key", "value")
	got := lines(t, &out)
	if len(got) != 3 {
		t.Fatalf("lines %v", got)
	}
	if got[0]["component"] != "istio" || got[0]["time_"] != "1s" || got[0]["n"] != 2.0 {
		t.Errorf("line of the default scope: %v", got[0])
	}
	if got[1]["component"] != "istio.late" || got[1]["level"] != "warn" {
		t.Errorf("line of a scope: %v", got[1])
	}
	if message, _ := got[2]["msg"].(string); got[2]["component"] != "klog" || !strings.Contains(message, "structured") {
		t.Errorf("line of klog: %v", got[2])
	}
	if err := logs.Set(map[string]string{"istio": "error"}); err != nil {
		t.Fatal(err)
	}
	istiolog.Info("silenced")
	if got := lines(t, &out); len(got) != 0 {
		t.Errorf("lines below the level: %v", got)
	}
}
