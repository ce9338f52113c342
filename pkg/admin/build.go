package admin

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
)

// Build says what is running.
type Build struct {
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	BuildDate   string `json:"buildDate"`
	RuntimeOS   string `json:"runtimeOS"`
	RuntimeArch string `json:"runtimeArch"`
}

// NewBuild completes what the linker was told, which may be nothing, from what
// the compiler recorded.
func NewBuild(version, commit, date string) Build {
	b := Build{Version: version, Commit: commit, BuildDate: date, RuntimeOS: runtime.GOOS, RuntimeArch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && b.Commit == "":
			b.Commit = setting.Value
		case setting.Key == "vcs.time" && b.BuildDate == "":
			b.BuildDate = setting.Value
		}
	}
	return b
}

// String is the JSON object that --version prints.
func (b Build) String() string {
	// A struct of strings cannot fail to encode.
	text, _ := json.Marshal(b)
	return string(text)
}
