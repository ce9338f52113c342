package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// gracePeriod is how long a process may take to stop before it is killed.
const gracePeriod = 20 * time.Second

// child is a process of the stack.
type child struct {
	name    string
	command *exec.Cmd
	done    chan struct{}
	err     error
}

// start runs command and shows its error output line by line under its name.
// Standard output goes the same way unless the command has its own.
func start(name string, command *exec.Cmd) (*child, error) {
	// A process group of its own: Ctrl-C reaches us alone, and we stop the
	// parts in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reader, writer := io.Pipe()
	command.Stderr = writer
	if command.Stdout == nil {
		command.Stdout = writer
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &child{name: name, command: command, done: make(chan struct{})}
	var shown sync.WaitGroup
	shown.Go(func() {
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			fmt.Printf("%-10s| %s\n", name, scanner.Text())
		}
		// A line that is too long ends the scan; the process must not block on it.
		_, _ = io.Copy(io.Discard, reader)
	})
	go func() {
		c.err = command.Wait()
		_ = writer.Close()
		shown.Wait()
		close(c.done)
	}()
	return c, nil
}

// startPart starts a process that everything else depends on.
func (s *stack) startPart(name string, command *exec.Cmd) (*child, error) {
	c, err := start(name, command)
	if err == nil {
		s.children = append(s.children, c)
	}
	return c, err
}

// stop ends the parts in the reverse order of their start.
func (s *stack) stop() {
	for _, c := range slices.Backward(s.children) {
		c.stop()
	}
}

func (c *child) stop() {
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(gracePeriod):
		_ = c.command.Process.Kill()
		<-c.done
	}
}
