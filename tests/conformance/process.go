package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// stopPatience is how long a process may take to end when it is asked to.
// Stopping a node with fifty pods takes some seconds.
const stopPatience = 60 * time.Second

// shownLog is how much of a log an error shows, in bytes.
const shownLog = 4096

// process is a part of the stack. It dies with the test, however that ends.
type process struct {
	name    string
	log     string
	process *os.Process
	stdin   io.Closer
	// asked is closed when the process is to end.
	asked chan struct{}
	// ended is closed when the process is gone; outcome is then how it went.
	ended   chan struct{}
	outcome error
}

// startProcess starts command, whose stderr, and stdout if it is not taken,
// go to the file <name>.log of the directory logs.
func startProcess(name, logs string, command *exec.Cmd) (*process, error) {
	path := filepath.Join(logs, name+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Stderr = log
	if command.Stdout == nil {
		command.Stdout = log
	}
	// A group of its own: an interrupt from the terminal reaches the test, and
	// the parts are then stopped in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: path, stdin: stdin, asked: make(chan struct{}), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread that started the child
		// ends, so that thread is kept until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.outcome = command.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	p.process = command.Process
	return p, nil
}

// stop ends the process and returns when it is gone.
func (p *process) stop() error {
	close(p.asked)
	// It may have ended by itself.
	_ = p.stdin.Close()
	_ = p.process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopPatience):
		err := p.process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("%s didn't end within %s and was killed", p.name, stopPatience), err)
	}
}

// watch calls lost if the process ends by itself, and returns when it ends.
func (p *process) watch(lost func(error)) {
	<-p.ended
	select {
	case <-p.asked:
	default:
		lost(p.failure())
	}
}

// failure describes a process that ended by itself.
func (p *process) failure() error {
	how := "without an error"
	if p.outcome != nil {
		how = "with " + p.outcome.Error()
	}
	return fmt.Errorf("%s ended by itself %s; its log %s ends with\n%s", p.name, how, p.log, p.tail())
}

// tail returns the end of the log.
func (p *process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-shownLog):])
}
