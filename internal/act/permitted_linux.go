package act

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Forbidden reports whether the kernel would not let this user send a signal to that
// process: signal 0 is judged as any other and does nothing (kill(2)). It is for
// telling early; the deed asks anew.
func Forbidden(pid int32) bool {
	return pid > 0 && errors.Is(unix.Kill(int(pid), 0), unix.EPERM)
}

// MayClose reports whether this process has what the kernel asks of who destroys
// sockets: CAP_NET_ADMIN (sock_diag_destroy, net/core/sock_diag.c, v6.18). True where that cannot be told.
func MayClose() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return true
	}
	return sets[unix.CAP_NET_ADMIN/32].Effective&(1<<(unix.CAP_NET_ADMIN%32)) != 0
}
