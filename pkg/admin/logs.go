package admin

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Trace is the level below debug.
const Trace = zapcore.DebugLevel - 1

// levels are the names of log levels, lowest first.
var levels = []struct {
	name  string
	level zapcore.Level
}{
	{"trace", Trace},
	{"debug", zapcore.DebugLevel},
	{"info", zapcore.InfoLevel},
	{"warn", zapcore.WarnLevel},
	{"error", zapcore.ErrorLevel},
}

// ParseLevel returns the level of a name.
func ParseLevel(name string) (zapcore.Level, error) {
	for _, known := range levels {
		if known.name == name {
			return known.level, nil
		}
	}
	return 0, fmt.Errorf("unknown log level %q: want trace, debug, info, warn or error", name)
}

// levelName is the inverse of ParseLevel. What is above error, such as a
// panic, is an error too.
func levelName(level zapcore.Level) string {
	name := levels[0].name
	for _, known := range levels {
		if level >= known.level {
			name = known.name
		}
	}
	return name
}

// Logs makes the loggers of the components, each with a level that can be
// changed while it runs.
type Logs struct {
	encoder zapcore.Encoder
	out     zapcore.WriteSyncer

	mu         sync.Mutex
	level      zapcore.Level
	components map[string]*component
}

// component is a name with a level of its own.
type component struct {
	level zap.AtomicLevel
	// changed hands the level on to a library that filters by itself.
	changed func(zapcore.Level)
}

// NewLogs writes lines to out, as JSON objects or, for people, as text.
func NewLogs(out io.Writer, json bool, level zapcore.Level) *Logs {
	config := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "msg", CallerKey: "source",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeCaller:   zapcore.ShortCallerEncoder,
		EncodeLevel:    func(level zapcore.Level, to zapcore.PrimitiveArrayEncoder) { to.AppendString(levelName(level)) },
	}
	encoder := zapcore.NewConsoleEncoder(config)
	if json {
		encoder = zapcore.NewJSONEncoder(config)
	}
	return &Logs{encoder: encoder, out: zapcore.Lock(zapcore.AddSync(out)), level: level, components: map[string]*component{}}
}

// Component returns the logger of a component, which exists from then on.
func (l *Logs) Component(name string) *zap.Logger {
	return zap.New(l.core(name, nil), zap.AddCaller())
}

func (l *Logs) core(name string, changed func(zapcore.Level)) zapcore.Core {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.components[name]
	if c == nil {
		c = &component{level: zap.NewAtomicLevelAt(l.level)}
		l.components[name] = c
	}
	if changed != nil {
		c.changed = changed
		changed(c.level.Level())
	}
	inner := zapcore.NewCore(l.encoder, l.out, c.level).With([]zapcore.Field{zap.String("component", name)})
	return &core{Core: inner, level: c.level}
}

// Levels returns the level of every component.
func (l *Logs) Levels() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := make(map[string]string, len(l.components))
	for name, c := range l.components {
		current[name] = levelName(c.level.Level())
	}
	return current
}

// Set changes the levels of the named components, and of all of them by the
// name "". It changes nothing when a component or a level is unknown.
func (l *Logs) Set(wanted map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	parsed := make(map[string]zapcore.Level, len(wanted))
	for name, value := range wanted {
		level, err := ParseLevel(value)
		if err != nil {
			return err
		}
		if _, known := l.components[name]; !known && name != "" {
			return fmt.Errorf("unknown component %q: want one of %q", name, slices.Sorted(maps.Keys(l.components)))
		}
		parsed[name] = level
	}
	if level, all := parsed[""]; all {
		l.level = level
		for _, c := range l.components {
			c.set(level)
		}
	}
	for name, level := range parsed {
		if name != "" {
			l.components[name].set(level)
		}
	}
	return nil
}

func (c *component) set(level zapcore.Level) {
	c.level.SetLevel(level)
	if c.changed != nil {
		c.changed(level)
	}
}

// core adds to zap's core that lines name their place in the source only when
// somebody is debugging the component.
type core struct {
	zapcore.Core
	level zap.AtomicLevel
}

// With keeps the wrapper around a logger with fields.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{Core: c.Core.With(fields), level: c.level}
}

// Check makes this core, and not the inner one, the one that writes.
func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write drops the source above debug.
func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	if c.level.Level() > zapcore.DebugLevel {
		entry.Caller = zapcore.EntryCaller{}
	}
	entry.Time = entry.Time.UTC().Truncate(time.Microsecond)
	return c.Core.Write(entry, fields)
}
