package settings

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Sources is where settings come from.
type Sources struct {
	// Lookup returns a variable and whether it is set.
	Lookup func(string) (string, bool)
	// Flags were registered by Register and have been parsed; nil means none.
	Flags *pflag.FlagSet
	// ResolvConf is the text of the resolver's configuration.
	ResolvConf string
}

// FromProcess returns the sources of the running process.
func FromProcess(flags *pflag.FlagSet) Sources {
	// Without the file the search list is unknown, as if it were empty.
	resolv, _ := os.ReadFile("/etc/resolv.conf")
	return Sources{Lookup: os.LookupEnv, Flags: flags, ResolvConf: string(resolv)}
}

// Register adds a flag for every setting.
func Register(flags *pflag.FlagSet) {
	for _, s := range Table {
		if s.Flag == "" {
			continue
		}
		usage := fmt.Sprintf("%s (%s) [%s]", s.Doc, s.Type, s.Variable)
		if s.NoEffect {
			usage += ", accepted without effect"
		}
		flags.String(s.Flag, "", usage)
		flags.Lookup(s.Flag).DefValue = s.Default
		if s.Type == typeBool {
			flags.Lookup(s.Flag).NoOptDefVal = "true"
		}
	}
}

// Load reads all settings. The error names every malformed one, its value and
// what would be right.
func Load(from Sources) (Settings, error) {
	s := defaults()
	var wrong []error
	for _, setting := range Table {
		if setting.set == nil {
			continue
		}
		value, source, given := from.value(setting)
		if !given {
			continue
		}
		if err := setting.set(&s, value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: malformed value %q: %w", source, value, err))
		}
	}
	if len(wrong) > 0 {
		return Settings{}, errors.Join(wrong...)
	}
	s.complete(from.ResolvConf)
	return s, nil
}

// value returns what was given for a setting, and by what.
func (from Sources) value(setting Setting) (value, source string, given bool) {
	if from.Flags != nil {
		if flag := from.Flags.Lookup(setting.Flag); flag != nil && flag.Changed {
			return flag.Value.String(), "--" + setting.Flag, setting.KeepsEmpty || flag.Value.String() != ""
		}
	}
	value, given = from.Lookup(setting.Variable)
	return value, setting.Variable, given && (setting.KeepsEmpty || value != "")
}

// complete derives what depends on several settings.
func (s *Settings) complete(resolvConf string) {
	if domain := searchDomain(resolvConf); domain != "" {
		s.ClusterDomain = domain
	} else if s.ClusterDomain == "" {
		s.ClusterDomain = defaultDomain
	}
	if s.XDS.Host == "" {
		s.XDS.Host = s.XDS.ServiceName + "." + s.Namespace + ".svc." + s.ClusterDomain
	}
	if s.XDS.Address == "" {
		s.XDS.Address = net.JoinHostPort("", strconv.FormatUint(uint64(s.XDS.Port), 10))
	}
}

// searchDomain finds the cluster's domain in the search list that Kubernetes
// gives to pods: "<namespace>.svc.<domain> svc.<domain> <domain>".
func searchDomain(resolvConf string) string {
	for line := range strings.Lines(resolvConf) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		for _, entry := range fields[1:] {
			if domain, found := strings.CutPrefix(entry, "svc."); found {
				if domain = strings.TrimSuffix(domain, "."); domain != "" {
					return domain
				}
			}
		}
	}
	return ""
}
