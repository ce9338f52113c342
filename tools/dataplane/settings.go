package main

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

const (
	// defaultToken is used if the file exists and nothing else is configured.
	defaultToken  = "./var/run/secrets/xds-tokens/xds-token"
	defaultRootCA = "./var/run/secrets/xds/root-cert.pem"
	// defaultDeadline is the longest drain without any configuration.
	defaultDeadline = 5 * time.Second
)

// settings is the environment, read once.
type settings struct {
	// xds has an empty Address if there is no control plane.
	xds      xdsclient.Options
	locality string

	adminAddr, statsAddr, readinessAddr string

	logLevel string
	logJSON  bool

	// drainLeast and drainMost bound the graceful termination.
	drainLeast, drainMost time.Duration

	listenHost string
	closeDelay time.Duration
	port       func(uint32) uint32
}

// readSettings fails on any value that the real proxy would not accept.
func readSettings(getenv func(string) string) (settings, error) {
	e := environment{getenv: getenv}
	wildcard := "[::]"
	if !e.boolean("IPV6_ENABLED", true) {
		wildcard = "0.0.0.0"
	}
	s := settings{
		xds: xdsclient.Options{
			Address: getenv("XDS_ADDRESS"), RootCA: e.text("XDS_ROOT_CA", defaultRootCA),
			Namespace: getenv("NAMESPACE"), Gateway: getenv("GATEWAY"), PodName: getenv("POD_NAME"),
			InstanceIP: getenv("INSTANCE_IP"), NodeName: getenv("NODE_NAME"), ClusterID: getenv("CLUSTER_ID"),
		},
		locality:      getenv("LOCALITY"),
		adminAddr:     e.text("ADMIN_ADDR", "localhost:15000"),
		statsAddr:     e.text("STATS_ADDR", wildcard+":15020"),
		readinessAddr: e.text("READINESS_ADDR", wildcard+":15021"),
		logLevel:      e.text("RUST_LOG", "info"),
		logJSON:       getenv("LOG_FORMAT") == "json",
		drainLeast:    e.duration("CONNECTION_MIN_TERMINATION_DEADLINE", 0),
		listenHost:    getenv("DATAPLANE_LISTEN_HOST"),
		closeDelay:    e.duration("DATAPLANE_CLOSE_DELAY", 500*time.Millisecond),
	}
	s.drainMost = e.duration("CONNECTION_TERMINATION_DEADLINE", e.gracePeriod())
	s.xds.TokenFile = e.tokenFile()
	s.port = e.ports()
	return s, e.err
}

// environment remembers the first value that cannot be read.
type environment struct {
	getenv func(string) string
	err    error
}

func (e *environment) fail(name string, err error) {
	if e.err == nil {
		e.err = fmt.Errorf("%s=%q: %w", name, e.getenv(name), err)
	}
}

func (e *environment) text(name, fallback string) string {
	if value := e.getenv(name); value != "" {
		return value
	}
	return fallback
}

func (e *environment) boolean(name string, fallback bool) bool {
	switch e.getenv(name) {
	case "":
		return fallback
	case "true":
		return true
	case "false":
		return false
	}
	e.fail(name, fmt.Errorf("neither true nor false"))
	return fallback
}

func (e *environment) duration(name string, fallback time.Duration) time.Duration {
	value := e.getenv(name)
	if value == "" {
		return fallback
	}
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		err = fmt.Errorf("negative duration")
	}
	if err != nil {
		e.fail(name, err)
	}
	return d
}

// gracePeriod leaves the pod some seconds of its grace period for the rest.
func (e *environment) gracePeriod() time.Duration {
	const name = "TERMINATION_GRACE_PERIOD_SECONDS"
	value := e.getenv(name)
	if value == "" {
		return defaultDeadline
	}
	seconds, err := strconv.ParseUint(value, 10, 32)
	switch {
	case err != nil:
		e.fail(name, err)
	case seconds == 0:
		e.fail(name, fmt.Errorf("must be at least 1"))
	case seconds > 10:
		seconds -= 5
	default:
		seconds = max(seconds-1, 1)
	}
	return time.Duration(seconds) * time.Second
}

// tokenFile demands that a configured file exists and has a content; without
// configuration a missing file means that there is no token.
func (e *environment) tokenFile() string {
	path := e.getenv("XDS_AUTH_TOKEN")
	configured := path != ""
	if !configured {
		path = defaultToken
	}
	content, err := os.ReadFile(path)
	switch {
	case err != nil && !configured:
		return ""
	case err != nil:
		e.fail("XDS_AUTH_TOKEN", err)
	case len(content) == 0:
		e.fail("XDS_AUTH_TOKEN", &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("file is empty")})
	}
	return path
}

// ports reads DATAPLANE_PORTS.
func (e *environment) ports() func(uint32) uint32 {
	const name = "DATAPLANE_PORTS"
	same := func(port uint32) uint32 { return port }
	kind, value, _ := strings.Cut(e.getenv(name), ":")
	switch kind {
	case "":
		return same
	case "offset":
		offset, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			e.fail(name, err)
		}
		return func(port uint32) uint32 { return port + uint32(offset) }
	case "map":
		moved := map[uint32]uint32{}
		for pair := range strings.SplitSeq(value, ",") {
			var from, to uint32
			if _, err := fmt.Sscanf(pair, "%d=%d", &from, &to); err != nil {
				e.fail(name, fmt.Errorf("%q: %w", pair, err))
			}
			moved[from] = to
		}
		return func(port uint32) uint32 {
			if to, ok := moved[port]; ok {
				return to
			}
			return port
		}
	}
	e.fail(name, fmt.Errorf("neither offset:N nor map:FROM=TO,…"))
	return same
}
