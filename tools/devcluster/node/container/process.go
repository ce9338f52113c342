//go:build linux

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outputPatience is how long output may keep coming after the end of a process.
const outputPatience = time.Second

// Process is the first process of a container, or one that joined it.
type Process struct {
	command *exec.Cmd
	user    User
	env     []string
	root    string
	// networked tells that the container isn't in the machine's network.
	networked bool
}

// Streams are a process's standard streams. Nil means none.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Check returns an error if this process may not run containers.
func Check() error {
	if err := mayReturn(); err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "devcluster-trial-")
	if err != nil {
		return err
	}
	defer os.Remove(root)
	process, err := Start(Spec{Root: root, Hostname: "trial", Command: []string{"none"}, Trial: true}, nil, Streams{})
	if err != nil {
		return err
	}
	process.Wait()
	return nil
}

// Start runs the container in the network namespace, nil for the machine's own.
// It returns once the program itself runs. The program dies with this process.
func Start(spec Spec, network *os.File, streams Streams) (*Process, error) {
	command := firstCommand(streams)
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:     true,
		Pdeathsig:  syscall.SIGKILL,
	}
	spec.Join, spec.Networked = false, network != nil
	var namespaces []*os.File
	if network != nil {
		namespaces = append(namespaces, network)
	}
	if err := launch(command, spec, namespaces, command.Start); err != nil {
		return nil, err
	}
	return &Process{command: command, user: spec.User, env: spec.Env, root: spec.Dir, networked: spec.Networked}, nil
}

// Exec runs another program in the container, as its user and with its
// environment.
func (p *Process) Exec(program []string, streams Streams) (*Process, error) {
	command := firstCommand(streams)
	// It needs no Pdeathsig, because it dies with the container.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	kinds := []string{"uts", "ipc", "mnt"}
	if p.networked {
		kinds = append([]string{"net"}, kinds...)
	}
	var namespaces []*os.File
	defer func() {
		for _, file := range namespaces {
			file.Close()
		}
	}()
	for _, kind := range kinds {
		file, err := p.namespace(kind)
		if err != nil {
			return nil, err
		}
		namespaces = append(namespaces, file)
	}
	processes, err := p.namespace("pid")
	if err != nil {
		return nil, err
	}
	defer processes.Close()
	spec := Spec{Join: true, Networked: p.networked, Command: program, Env: p.env, Dir: p.root, User: p.user}
	err = launch(command, spec, namespaces, func() error { return within(processes, command.Start) })
	if err != nil {
		return nil, err
	}
	return &Process{command: command}, nil
}

func firstCommand(streams Streams) *exec.Cmd {
	command := exec.Command("/proc/self/exe")
	command.Args = []string{firstProcess}
	command.Env = []string{}
	command.Stdin, command.Stdout, command.Stderr = streams.In, streams.Out, streams.Err
	// A process that left the streams open to another one must not hold up
	// those who wait for its end.
	command.WaitDelay = outputPatience
	return command
}

// launch starts the first process, sends it the spec and reads how far it came.
func launch(command *exec.Cmd, spec Spec, namespaces []*os.File, start func() error) error {
	if len(spec.Command) == 0 {
		return errors.New("nothing to run")
	}
	content, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	specReader, specWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer specWriter.Close()
	reportReader, reportWriter, err := os.Pipe()
	if err != nil {
		return errors.Join(err, specReader.Close())
	}
	defer reportReader.Close()
	command.ExtraFiles = append([]*os.File{specReader, reportWriter}, namespaces...)
	err = start()
	specReader.Close()
	reportWriter.Close()
	if err != nil {
		return fmt.Errorf("starting a container: %w", err)
	}
	_, err = specWriter.Write(content)
	specWriter.Close()
	report, readErr := io.ReadAll(reportReader)
	if err = errors.Join(err, readErr); err == nil && len(report) == 0 {
		return nil
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	if len(report) > 0 {
		return errors.New(string(report))
	}
	return fmt.Errorf("starting a container: %w", err)
}

// mayReturn returns an error if this process couldn't come back from the
// process table of a container, as within does: root of a user namespace alone
// may not enter tables of others, be it his own one.
func mayReturn() error {
	own, err := os.Open("/proc/thread-self/ns/pid")
	if err != nil {
		return err
	}
	defer own.Close()
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("entering the own process table: %w", err)
	}
	return nil
}

// within runs start with children going to another process table.
//
// The thread is put back and not thrown away: processes are told to die with
// the thread that started them, and this one may have started others.
func within(processes *os.File, start func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/pid")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	if err := unix.Setns(int(processes.Fd()), unix.CLONE_NEWPID); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("joining the container: %w", err)
	}
	err = start()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWPID); back != nil {
		// Nothing else may run on this thread: it ends with its goroutine.
		return errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return err
}

func (p *Process) namespace(kind string) (*os.File, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/ns/" + kind)
	if err != nil {
		return nil, fmt.Errorf("the container isn't running: %w", err)
	}
	return file, nil
}

// Signal sends a signal to the process; one that has ended is left alone. A
// kill takes all processes of the container.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Exit is how a process ended.
type Exit struct {
	Code int
	// Signal is zero unless a signal ended the process; Code is then 128 more,
	// as a shell would say.
	Signal int
}

// Wait returns when the process has ended and its output is complete.
func (p *Process) Wait() Exit {
	// Its error says the same as the state, or that output was cut off.
	_ = p.command.Wait()
	state := p.command.ProcessState
	if state == nil {
		return Exit{Code: 255}
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Code: 128 + int(status.Signal()), Signal: int(status.Signal())}
	}
	return Exit{Code: state.ExitCode()}
}
