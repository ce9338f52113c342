//go:build linux

package container

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// capabilities are the names that Pods use for the kernel's numbers.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
	SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
	AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// usual are those that container runtimes leave to a program run by root.
var usual = strings.Fields(`CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
	NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`)

// Capabilities returns the numbers of what remains of the usual capabilities
// with these dropped and added; "ALL" stands for all. Unknown names are an
// error.
func Capabilities(drop, add []string) ([]int, error) {
	kept := map[string]bool{}
	set := func(names []string, to bool) error {
		for _, name := range names {
			name = strings.TrimPrefix(name, "CAP_")
			switch {
			case name == "ALL":
				for _, each := range capabilities {
					kept[each] = to
				}
			case slices.Contains(capabilities, name):
				kept[name] = to
			default:
				return fmt.Errorf("unknown capability %q", name)
			}
		}
		return nil
	}
	_ = set(usual, true)
	// "ALL" is the weaker word on either side.
	if slices.Contains(add, "ALL") {
		_ = set([]string{"ALL"}, true)
	}
	if err := set(drop, false); err != nil {
		return nil, err
	}
	if err := set(slices.DeleteFunc(slices.Clone(add), func(n string) bool { return n == "ALL" }), true); err != nil {
		return nil, err
	}
	numbers := []int{}
	for number, name := range capabilities {
		if kept[name] {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

// become gives up what the user doesn't have.
func (u User) become() error {
	if u.Keep != nil {
		for number := range capabilities {
			if slices.Contains(u.Keep, number) {
				continue
			}
			// EINVAL is an older kernel's word for a capability it doesn't have.
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil && err != unix.EINVAL {
				return fmt.Errorf("dropping the capability %s: %w", capabilities[number], err)
			}
		}
	}
	if u.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up new privileges: %w", err)
		}
	}
	if u.UID == 0 && u.GID == 0 && len(u.Groups) == 0 {
		return nil
	}
	if err := syscall.Setgroups(u.Groups); err != nil {
		return fmt.Errorf("setting the groups: %w", err)
	}
	if err := syscall.Setgid(u.GID); err != nil {
		return fmt.Errorf("becoming group %d: %w", u.GID, err)
	}
	if err := syscall.Setuid(u.UID); err != nil {
		return fmt.Errorf("becoming user %d: %w", u.UID, err)
	}
	// The kernel forgets this with a change of the user.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}
