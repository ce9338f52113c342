package main

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// newLogger writes to stderr. Of a filter list the first entry without a target
// counts.
func newLogger(filter string, json bool) (*zap.Logger, zap.AtomicLevel, error) {
	level := zap.NewAtomicLevelAt(levelOf(filter))
	config := zap.NewDevelopmentConfig()
	config.Level, config.Development, config.DisableStacktrace = level, false, true
	config.DisableCaller = true
	config.EncoderConfig.ConsoleSeparator = " "
	if json {
		config.Encoding = "json"
	}
	log, err := config.Build()
	return log, level, err
}

func levelOf(filter string) zapcore.Level {
	for entry := range strings.SplitSeq(filter, ",") {
		switch strings.ToLower(strings.TrimSpace(entry)) {
		case "trace", "debug":
			return zap.DebugLevel
		case "info":
			return zap.InfoLevel
		case "warn":
			return zap.WarnLevel
		case "error", "off":
			return zap.ErrorLevel
		}
	}
	return zap.InfoLevel
}

// logResult writes one line about an applied response: +applied -removed. A
// NACK has one more line per finding.
func logResult(log *zap.Logger, typeURL, nonce string, result store.Result) {
	short := typeURL[strings.LastIndexByte(typeURL, '.')+1:]
	fields := []zap.Field{zap.String("type", short), zap.String("nonce", nonce)}
	var names []string
	for _, name := range result.Applied {
		names = append(names, "+"+name)
	}
	for _, name := range result.Removed {
		names = append(names, "-"+name)
	}
	log.Info("applied "+strings.Join(names, " "), fields...)
	for _, finding := range result.Findings {
		if finding.Error != "" {
			log.Error("rejected "+finding.Key+": "+finding.Error, fields...)
		} else {
			log.Warn("degraded "+finding.Key+": "+finding.Warn, fields...)
		}
	}
	for _, note := range result.Notes {
		log.Warn("suspicious "+note, fields...)
	}
}
