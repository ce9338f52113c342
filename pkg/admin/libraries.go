package admin

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	istiolog "istio.io/istio/pkg/log"
)

// CaptureLibraries sends the log lines of the libraries here: those of Istio's
// packages as "istio" and "istio.<scope>", those of the Kubernetes clients as
// "klog". Both have one logger for the whole process, so this must be called
// once only, before they are used. Verbosity is that of the Kubernetes clients.
func (l *Logs) CaptureLibraries(verbosity int) error {
	if verbosity > 0 {
		istiolog.EnableKlogWithVerbosity(verbosity)
	}
	captured := &captured{logs: l, cores: map[string]zapcore.Core{}}
	for _, scope := range istiolog.Scopes() {
		captured.of(scope.Name())
	}
	options := istiolog.DefaultOptions()
	// As JSON, attributes arrive as fields and not as part of the message.
	options.JSONEncoding = true
	options = options.WithExtension(func(zapcore.Core) (zapcore.Core, func() error, error) {
		return captured, func() error { return nil }, nil
	})
	if err := istiolog.Configure(options); err != nil {
		return fmt.Errorf("capture the log lines of libraries: %w", err)
	}
	// Configure takes the standard library's logger for itself.
	if _, err := zap.RedirectStdLogAt(l.Component("default"), zapcore.WarnLevel); err != nil {
		return fmt.Errorf("capture the log lines of the standard library: %w", err)
	}
	// Configure resets the levels of scopes.
	return l.Set(l.Levels())
}

// reserved are the keys of every line.
var reserved = []string{"time", "level", "msg", "component", "source"}

// captured is the core that Istio's logging writes to. The scope is in the
// entry, so the component's core is looked up for every line.
type captured struct {
	logs *Logs

	mu    sync.Mutex
	cores map[string]zapcore.Core
}

// componentOf names the component of a scope.
func componentOf(scope string) string {
	switch scope {
	case "", istiolog.DefaultScopeName:
		return "istio"
	case istiolog.KlogScope.Name():
		return scope
	default:
		return "istio." + scope
	}
}

func (c *captured) of(scope string) zapcore.Core {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := componentOf(scope)
	known := c.cores[name]
	if known == nil {
		known = c.logs.core(name, levelOf(istiolog.FindScope(scopeNamed(scope))))
		c.cores[name] = known
	}
	return known
}

func scopeNamed(scope string) string {
	if scope == "" {
		return istiolog.DefaultScopeName
	}
	return scope
}

// levelOf hands a component's level to its scope, which filters first.
func levelOf(scope *istiolog.Scope) func(zapcore.Level) {
	if scope == nil {
		return nil
	}
	return func(level zapcore.Level) {
		switch {
		case level <= zapcore.DebugLevel:
			scope.SetOutputLevel(istiolog.DebugLevel)
		case level == zapcore.InfoLevel:
			scope.SetOutputLevel(istiolog.InfoLevel)
		case level == zapcore.WarnLevel:
			scope.SetOutputLevel(istiolog.WarnLevel)
		default:
			scope.SetOutputLevel(istiolog.ErrorLevel)
		}
	}
}

// Enabled is true for everything: scopes and components filter.
func (c *captured) Enabled(zapcore.Level) bool { return true }

// With is never used by Istio's scopes; the global zap logger, which Istio
// replaces, loses such fields.
func (c *captured) With([]zapcore.Field) zapcore.Core { return c }

// Check takes every entry.
func (c *captured) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(entry, c)
}

// Write passes an entry to the core of its component.
func (c *captured) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	core := c.of(entry.LoggerName)
	if !core.Enabled(entry.Level) {
		return nil
	}
	// A second "time" would hide the first one from most readers of JSON.
	for i := range fields {
		if slices.Contains(reserved, fields[i].Key) {
			fields[i].Key += "_"
		}
	}
	entry.LoggerName = ""
	entry.Message = strings.TrimRight(entry.Message, "\n")
	return core.Write(entry, fields)
}

// Sync has nothing to flush.
func (c *captured) Sync() error { return nil }
