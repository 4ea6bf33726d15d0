//go:build linux

package netstat_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
	"sockeye/internal/tcp"
)

// What the real programs print of sockets that this test holds.
func TestNetstatReal(t *testing.T) {
	held := holds(t)
	for _, c := range []struct {
		argv   []string
		owners bool
	}{
		{[]string{"netstat", "-tan"}, false},
		{[]string{"netstat", "-an"}, false},
		{[]string{"netstat", "-tanp"}, true},
		{[]string{"netstat", "-tanpeo"}, true},
		{[]string{"netstat", "-tuanpW"}, true},
		{[]string{"netstat", "-natuo", "--timers"}, false},
		{[]string{"busybox", "netstat", "-tan"}, false},
		{[]string{"busybox", "netstat", "-an"}, false},
	} {
		t.Run(strings.Join(c.argv, " "), func(t *testing.T) {
			if _, err := exec.LookPath(c.argv[0]); err != nil {
				t.Skip(c.argv[0], "is not installed")
			}
			command := exec.Command(c.argv[0], c.argv[1:]...)
			command.Env = append(os.Environ(), "LC_ALL=C")
			text, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			sn := pastetest.Read(t, string(text)).Snapshot
			if sn.Machine.OS != "linux" {
				t.Errorf("os %q", sn.Machine.OS)
			}
			found := map[[2]netip.AddrPort]*tcp.Socket{}
			for i := range sn.Sockets {
				found[[2]netip.AddrPort{sn.Sockets[i].Local, sn.Sockets[i].Remote}] = &sn.Sockets[i]
			}
			for _, want := range held {
				got := found[[2]netip.AddrPort{want.Local, want.Remote}]
				if got == nil || got.State != want.State {
					t.Errorf("%s %s %s: got %v in\n%s", want.State, want.Local, want.Remote, got, text)
					continue
				}
				if c.owners && want.PID != 0 && got.PID != want.PID {
					t.Errorf("%s %s is owned by %d, want %d", want.State, want.Local, got.PID, want.PID)
				}
				if want.State != tcp.Listen && got.RecvQ != want.RecvQ {
					t.Errorf("%s %s has %d bytes to read, want %d", want.State, want.Local, got.RecvQ, want.RecvQ)
				}
			}
		})
	}
}

// holds makes a listener, a connection with something to read and one that
// is half closed, and tells how they must be seen.
func holds(t *testing.T) (held []tcp.Socket) {
	t.Helper()
	me := int32(os.Getpid())
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Log("without", at, err)
			continue
		}
		t.Cleanup(func() { l.Close() })
		here := l.Addr().(*net.TCPAddr).AddrPort()
		held = append(held, tcp.Socket{Local: here, State: tcp.Listen, PID: me})
		open := pair(t, l)
		if _, err := open[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		half := pair(t, l)
		if err := half[0].CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := half[1].Read(make([]byte, 1)); err == nil {
			t.Fatal("the end was not seen")
		}
		// What comes back acknowledges the FIN: only then it is FIN_WAIT_2.
		if _, err := half[1].Write([]byte("!")); err != nil {
			t.Fatal(err)
		}
		if _, err := half[0].Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		far := open[0].LocalAddr().(*net.TCPAddr).AddrPort()
		halfFar := half[0].LocalAddr().(*net.TCPAddr).AddrPort()
		held = append(held,
			tcp.Socket{Local: far, Remote: here, State: tcp.Established, PID: me},
			tcp.Socket{Local: here, Remote: far, State: tcp.Established, PID: me, RecvQ: 5},
			tcp.Socket{Local: halfFar, Remote: here, State: tcp.FinWait2, PID: me},
			tcp.Socket{Local: here, Remote: halfFar, State: tcp.CloseWait, PID: me})
	}
	return held
}

func pair(t *testing.T, l net.Listener) [2]*net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return [2]*net.TCPConn{c.(*net.TCPConn), s.(*net.TCPConn)}
}

// What netstat -s counts is what the kernel counts, by the same names.
func TestNetstatStatisticsReal(t *testing.T) {
	if _, err := exec.LookPath("netstat"); err != nil {
		t.Skip("netstat is not installed")
	}
	text, err := exec.Command("netstat", "-s").Output()
	if err != nil {
		t.Fatal(err)
	}
	kernel := sample.KernelCounters(t)
	got := pastetest.Read(t, string(text)).Snapshot.Namespaces[0].Counters
	if len(got) < 20 {
		t.Fatalf("only %d counters in\n%s", len(got), text)
	}
	for name := range got {
		if !kernel[name] {
			t.Errorf("the kernel has no counter %q", name)
		}
	}
	if !strings.Contains(string(text), "active connection openings") {
		t.Fatalf("netstat -s has changed:\n%s", text)
	}
	if _, ok := got["TcpActiveOpens"]; !ok {
		t.Error("TcpActiveOpens was not read")
	}
}
