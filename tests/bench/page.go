package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// markdown is all figures as a table, those with a goal first.
func (a *figures) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Machine: %s.\n\n## Goals\n\n", a.Machine)
	out.WriteString("| world | scenario | figure | measured | floor | goal | |\n| --- | --- | --- | ---: | ---: | ---: | --- |\n")
	for _, f := range a.Figures {
		if limit, ok := f.goal(); ok {
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | ≤ %s | %s |\n",
				f.World, f.Scenario, f.Name, amount(f.Value, f.Unit), f.floor(), amount(limit, f.Unit), verdict(f.Value <= limit))
		}
	}
	out.WriteString("\n## All figures\n\n| world | scenario | figure | measured | floor | measured at | controller |\n| --- | --- | --- | ---: | ---: | --- | --- |\n")
	for _, f := range a.Figures {
		if strings.HasPrefix(f.Name, "violations") && f.Value == 0 {
			continue
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n",
			f.World, f.Scenario, f.Name, amount(f.Value, f.Unit), f.floor(), f.At.Format("2006-01-02 15:04"), f.Version)
	}
	return out.String()
}

func (f figure) floor() string {
	if f.Floor == nil {
		return ""
	}
	return amount(*f.Floor, f.Unit) + " " + f.FloorOf
}

// machine describes the processors and memory.
func machine() string {
	model, total := "unknown processor", ""
	for _, source := range []struct {
		path, key string
		into      *string
	}{{"/proc/cpuinfo", "model name", &model}, {"/proc/meminfo", "MemTotal", &total}} {
		content, err := os.ReadFile(source.path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == source.key {
				*source.into = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, memory of %s, %s", runtime.NumCPU(), model, total, runtime.Version())
}

// The measured part of a page stands between these lines.
const (
	beginMeasured = "<!-- measured: written by make bench -->"
	endMeasured   = "<!-- end of measured -->"
)

// updatePage puts the tables between the marks of a checked-in page.
func (a *figures) updatePage(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(content), beginMeasured)
	_, after, closed := strings.Cut(rest, endMeasured)
	if !ok || !closed {
		return fmt.Errorf("%s has no %q with %q after it", path, beginMeasured, endMeasured)
	}
	return os.WriteFile(path, []byte(before+beginMeasured+"\n\n"+a.markdown()+"\n"+endMeasured+after), 0o644)
}
