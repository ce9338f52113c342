package main

import (
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// logs is where the components' own words go. Quiet, which is the default,
// means that only errors are kept, in a file beside the data.
type logs struct {
	path string
	file *os.File

	// etcdOutput and etcdLevel are the same choice in etcd's terms.
	etcdOutput, etcdLevel string
}

// openLogs directs the process-wide loggers of Kubernetes. It must come before
// anything of Kubernetes runs.
func openLogs(dir *dataDir, verbose bool) (*logs, error) {
	l := &logs{etcdOutput: "stderr", etcdLevel: "info"}
	settings := map[string]string{"logtostderr": "true", "v": "2"}
	if !verbose {
		l.path = dir.file("components.log")
		file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening the log: %w", err)
		}
		l.file = file
		// etcd opens its log by itself, so it gets one of its own.
		l.etcdOutput, l.etcdLevel = dir.file("etcd.log"), "error"
		// one_output keeps an error from being written once more as a warning
		// and once more as information.
		settings = map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true", "v": "0"}
		stdlog.SetOutput(file)
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range settings {
		if err := flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("setting up the log: %w", err)
		}
	}
	if !verbose {
		klog.SetOutputBySeverity("INFO", io.Discard)
		klog.SetOutputBySeverity("WARNING", io.Discard)
		klog.SetOutputBySeverity("ERROR", l.file)
		klog.SetOutputBySeverity("FATAL", l.file)
	}
	// A component that gives up ends the process at once, past every deferred
	// call; the temporary directory must not stay.
	klog.OsExit = func(code int) {
		os.RemoveAll(dir.run)
		os.Exit(code)
	}
	// The components watch old API versions on purpose; nobody needs to be
	// warned of that.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	return l, nil
}

// tail returns the last bytes of the log, at most max of them. It is for the
// message of a failed start, because a temporary log is about to be removed.
func (l *logs) tail(max int64) string {
	if l.file == nil {
		return ""
	}
	klog.Flush()
	file, err := os.Open(l.path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > max {
		if _, err := file.Seek(-max, io.SeekEnd); err != nil {
			return ""
		}
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return ""
	}
	return string(content)
}

// close stops the flushing of logs in the background and closes the file.
func (l *logs) close() {
	klog.Flush()
	if l.file != nil {
		l.file.Close()
	}
}
