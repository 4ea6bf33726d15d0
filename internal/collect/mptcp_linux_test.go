package collect

import (
	"context"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// TestMPTCPMinis holds the iterator to what it once lost: the TIME_WAIT sockets
// that a listener with MPTCP, as every Go server has one, leaves behind.
func TestMPTCPMinis(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a private network namespace")
	}
	const made = 10
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		d := &director{}
		d.check(unix.Unshare(unix.CLONE_NEWNET))
		d.check(loopbackUp())
		l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			t.Errorf("no MPTCP in this kernel: %v", err)
			return
		}
		defer unix.Close(l)
		d.check(unix.Bind(l, v4()))
		d.check(unix.Listen(l, made))
		for range made {
			client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			d.check(err)
			d.check(unix.Connect(client, d.name(l)))
			server, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
			d.check(err)
			unix.Close(server) // the active close
			_, err = unix.Read(client, make([]byte, 1))
			d.check(err)
			unix.Close(client)
		}
		if d.err != nil {
			t.Error(d.err)
			return
		}
		var ns unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
			t.Error(err)
			return
		}
		for _, source := range []string{"bpf-iter", "sock_diag", "procfs"} {
			sn, err := Take(context.Background(), Options{SocketsBy: source, SocketsOnly: true})
			if err != nil {
				t.Error(err)
				continue
			}
			n := 0
			for i := range sn.Sockets {
				if s := &sn.Sockets[i]; s.NetNS == ns.Ino && s.State == tcp.TimeWait {
					n++
				}
			}
			if n != made {
				t.Errorf("%s sees %d TIME_WAIT of an MPTCP listener, want %d", source, n, made)
			}
		}
	}()
	<-done
}
