//go:build linux

package network

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// placeThreads is how many threads a place of its own has. What they do takes
// at most some milliseconds, because none of it waits for others.
const placeThreads = 4

// place is the network namespace that the bridge is in: the machine's, or one
// of its own. A process that is root only in a user namespace may enter one of
// its own but not return to the machine's, so threads are kept there.
type place struct {
	// namespace is nil for the machine's.
	namespace *os.File
	jobs      chan func()
	// closed is closed when there is nobody left to do jobs.
	closed chan struct{}
}

// errClosed tells that a network was closed.
var errClosed = errors.New("the network of the node is closed")

// ownPlace makes a network namespace of its own, with threads in it.
func ownPlace() (*place, error) {
	p := &place{jobs: make(chan func()), closed: make(chan struct{})}
	entered := make(chan error)
	go p.work(entered, func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		p.namespace, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err := <-entered; err != nil {
		return nil, fmt.Errorf("making a network namespace: %w", err)
	}
	for range placeThreads - 1 {
		go p.work(entered, func() error { return unix.Setns(int(p.namespace.Fd()), unix.CLONE_NEWNET) })
		if err := <-entered; err != nil {
			return nil, errors.Join(fmt.Errorf("entering a network namespace: %w", err), p.close())
		}
	}
	return p, nil
}

// work does jobs on a thread that has entered the place. The thread is never
// given back: it ends with this goroutine.
func (p *place) work(entered chan<- error, enter func() error) {
	runtime.LockOSThread()
	err := enter()
	entered <- err
	if err != nil {
		return
	}
	for {
		select {
		case job := <-p.jobs:
			job()
		case <-p.closed:
			return
		}
	}
}

// run calls do, which must not wait for anybody, on a thread of the place.
func (p *place) run(do func() error) error {
	if p.namespace == nil {
		return do()
	}
	var err error
	done := make(chan struct{})
	job := func() {
		defer close(done)
		err = do()
	}
	select {
	case p.jobs <- job:
		<-done
		return err
	case <-p.closed:
		return errClosed
	}
}

// inside calls do on a thread that is in another network namespace meanwhile.
func (p *place) inside(namespace *os.File, do func() error) error {
	return p.run(func() error {
		return onThread(func() error { return unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET) }, do)
	})
}

// newNamespace makes one for a pod.
func (p *place) newNamespace() (*os.File, error) {
	var made *os.File
	err := p.run(func() error {
		return onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
			made, err = os.Open("/proc/thread-self/ns/net")
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("making the network namespace of a pod: %w", err)
	}
	return made, nil
}

// links returns what configures the devices of the place.
func (p *place) links() (*netlink.Handle, error) {
	var handle *netlink.Handle
	err := p.run(func() (err error) {
		handle, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening the configuration of networks: %w", err)
	}
	return handle, nil
}

// close ends the threads. The namespace goes when nothing is left in it.
func (p *place) close() error {
	if p.namespace == nil {
		return nil
	}
	close(p.closed)
	return p.namespace.Close()
}

// control exchanges the socket of a dialer, before it connects, by one that was
// made where enter leads. A socket belongs to where it was made, so no thread
// has to wait there for an answer.
func control(enter func(do func() error) error) func(network, address string, raw syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(fd uintptr) {
			failure = enter(func() error { return exchange(int(fd)) })
		})
		return errors.Join(err, failure)
	}
}

// exchange replaces a socket by a new one of the same type.
func exchange(fd int) error {
	var options [3]int
	for i, option := range []int{unix.SO_DOMAIN, unix.SO_TYPE, unix.SO_PROTOCOL} {
		var err error
		if options[i], err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err != nil {
			return os.NewSyscallError("getsockopt", err)
		}
	}
	made, err := unix.Socket(options[0], options[1]|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, options[2])
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(made)
	return os.NewSyscallError("dup3", unix.Dup3(made, fd, unix.O_CLOEXEC))
}

// onThread runs do on a thread whose network enter has changed, and puts the
// thread back. It must not be thrown away instead: containers are told to die
// with the thread that started them, and this one may have started some.
func onThread(enter, do func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	if err := enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = do()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		// Nothing else may run on this thread: it ends with its goroutine.
		return errors.Join(err, fmt.Errorf("returning from the network of a pod: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}
