package collect

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

var allSources = []string{"bpf-iter", "sock_diag", "procfs"}

// find returns the socket that m describes: by inode where it has one.
func (m *made) find(sockets []tcp.Socket) *tcp.Socket {
	for i := range sockets {
		s := &sockets[i]
		if m.Owned && s.Inode == m.Inode || !m.Owned && s.Local == m.Local && s.Remote == m.Remote && s.State == m.State {
			return s
		}
	}
	return nil
}

// want is the socket that the source should give, of what this test compares.
func (m *made) want(source string, pid, child int32) tcp.Socket {
	w := tcp.Socket{
		Local: m.Local, Remote: m.Remote, Inode: m.Inode, Mark: m.Mark, RecvQ: m.RecvQ,
		Timer: tcp.Timer{Kind: m.Timer}, State: m.State, V4Mapped: m.Mapped, Port: m.Port, Orphan: m.Orphan,
	}
	if m.Owned {
		w.PID = pid
		if m.Shared {
			w.PID = min(pid, child)
		}
	}
	switch source {
	case "sock_diag":
		if m.State != tcp.Bound {
			w.Port = tcp.PortUnknown
		}
	case "procfs":
		w.Port, w.Mark = tcp.PortUnknown, 0
		if a := w.Local.Addr(); a.Zone() != "" {
			w.Local = netip.AddrPortFrom(a.WithZone(""), w.Local.Port())
		}
		if m.State == tcp.Bound {
			w.State = tcp.Closed // /proc/net tells nothing of it
		}
	}
	if m.Hidden && w.State == tcp.Closed {
		w.Local, w.Remote = netip.AddrPort{}, netip.AddrPort{}
		if source == "bpf-iter" { // which port it had the kernel has forgotten
			w.Local, w.Remote = netip.AddrPortFrom(m.Local.Addr(), 0), m.Remote
		}
	}
	return w
}

// kind is the kind of a timer, but for a sender that is stuck: it changes
// between probing and retransmitting as a probe finds room for a little more.
func kind(timer tcp.Timer, m *made) tcp.TimerKind {
	if m.Timer == tcp.TimerPersist && timer.Kind == tcp.TimerOn {
		return tcp.TimerPersist
	}
	return timer.Kind
}

// seen reduces a socket to what want compares.
func seen(s *tcp.Socket, m *made) tcp.Socket {
	g := tcp.Socket{
		Local: s.Local, Remote: s.Remote, Inode: s.Inode, Mark: s.Mark, RecvQ: s.RecvQ, PID: s.PID,
		Timer: tcp.Timer{Kind: kind(s.Timer, m)}, State: s.State, V4Mapped: s.V4Mapped, Port: s.Port, Orphan: s.Orphan,
	}
	if m.What == "slow reader" || m.What == "peer of last-ack" {
		g.RecvQ = 0 // as much as fitted
	}
	return g
}

var addrs = gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// awaitSettled takes snapshots until what is still on its way has arrived: the
// last segments of the stage's connections.
func awaitSettled(t *testing.T, pid int32, s script) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		sn := takeOf(t, pid, "procfs")
		missing := ""
		for i := range s.Made {
			m := &s.Made[i]
			if m.Hidden {
				continue
			}
			if got := m.find(sn.Sockets); got == nil || got.State != m.State || kind(got.Timer, m) != m.Timer {
				missing = m.What
			}
		}
		if missing == "" || time.Now().After(deadline) {
			return // the test itself says what is wrong
		}
	}
}

func takeOf(t *testing.T, pid int32, source string) *host.Snapshot {
	t.Helper()
	sn, err := Take(context.Background(), Options{NetNS: strconv.Itoa(int(pid)), SocketsBy: source, SocketsOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return sn
}

// TestSourcesSeeEveryState puts one socket of each kind on the stage and asks
// every source for it.
func TestSourcesSeeEveryState(t *testing.T) {
	pid, s := play(t)
	awaitSettled(t, pid, s)
	for _, source := range allSources {
		t.Run(source, func(t *testing.T) {
			sn := takeOf(t, pid, source)
			if sn.Source.SocketsBy != source {
				t.Errorf("SocketsBy = %q", sn.Source.SocketsBy)
			}
			known := make(map[*tcp.Socket]bool)
			for i := range s.Made {
				m := &s.Made[i]
				got := m.find(sn.Sockets)
				if got == nil {
					t.Errorf("%s: not seen: %+v", m.What, *m)
					continue
				}
				known[got] = true
				if diff := gocmp.Diff(m.want(source, pid, s.Child), seen(got, m), addrs); diff != "" {
					t.Errorf("%s (-want +got):\n%s", m.What, diff)
				}
				if m.Timer != tcp.TimerOff && (got.Timer.Expires < 0 || got.Timer.Expires > 3*time.Hour) {
					t.Errorf("%s: timer expires in %v", m.What, got.Timer.Expires)
				}
				if m.Timer == tcp.TimerTimeWait && (got.Timer.Expires < 20*time.Second || got.Timer.Expires > 60*time.Second) {
					t.Errorf("%s: a TIME_WAIT that was just begun expires in %v", m.What, got.Timer.Expires)
				}
				if m.Shared {
					want := []int32{min(pid, s.Child), max(pid, s.Child)}
					if diff := gocmp.Diff(want, sn.Owners(got)); diff != "" {
						t.Errorf("%s: owners (-want +got):\n%s", m.What, diff)
					}
				}
				if source == "procfs" {
					continue
				}
				if got.Cookie == 0 && (source == "bpf-iter" || !m.Hidden || m.State == tcp.Bound) {
					t.Errorf("%s: no cookie", m.What)
				}
				wantInfo := m.State.Connected() && m.State != tcp.SynSent && m.State != tcp.TimeWait && m.Timer != tcp.TimerTimeWait && m.What != "syn-recv"
				if (got.Info != nil) != wantInfo {
					t.Errorf("%s: Info = %+v, want some: %v", m.What, got.Info, wantInfo)
				}
				if m.State == tcp.Listen && got.SendQ > 7 {
					t.Errorf("%s: limit of the accept queue %d", m.What, got.SendQ)
				}
			}
			if p := sn.Processes[pid]; p == nil {
				t.Errorf("the owner is not among the processes: %v", sn.Processes)
			} else if p.UDP != 2 {
				t.Errorf("UDP sockets: %d, want 2", p.UDP)
			}
			for i := range sn.Sockets {
				// What the stage did not note are the ends that it dropped: reset
				// listeners' children and the like. None may be owned.
				if got := &sn.Sockets[i]; !known[got] && got.Inode != 0 {
					t.Errorf("not made by the stage: %+v", *got)
				}
				if got := sn.Sockets[i].NetNS; got != sn.Namespaces[0].Inode {
					t.Errorf("namespace %d, want %d", got, sn.Namespaces[0].Inode)
				}
			}
		})
	}
}

// TestSourcesAgree compares every field that two sources can both know, of every
// socket on the stage.
func TestSourcesAgree(t *testing.T) {
	pid, s := play(t)
	awaitSettled(t, pid, s)
	reduce := func(source string) []tcp.Socket {
		sn := takeOf(t, pid, source)
		out := slices.Clone(sn.Sockets)
		for i := range out {
			got := &out[i]
			got.Port = tcp.PortUnknown // only bpf-iter
			got.Timer.Expires = got.Timer.Expires.Round(10 * time.Second)
			got.Timer.Retries = 0 // it counts on
			stalled := got.RecvQ > 4<<10 || got.SendQ > 4<<10
			if stalled { // a probe may still find room for what it carries
				got.RecvQ, got.SendQ = 1, 1
				got.Timer = tcp.Timer{}
			}
			if got.Info != nil {
				i := *got.Info
				i.LastSend, i.LastRecv, i.LastAck = 0, 0, 0 // they run
				i.RTO, i.Retrans, i.Backoff, i.Probes = 0, 0, 0, 0
				if stalled {
					i.BytesAcked, i.BytesReceived, i.RTT, i.SendWindow, i.Unacked = 0, 0, 0, 0, 0
				}
				got.Info = &i
			}
			if got.State == tcp.Closed {
				got.Local, got.Remote, got.Cookie, got.UID = netip.AddrPort{}, netip.AddrPort{}, 0, 0
			}
		}
		slices.SortFunc(out, func(a, b tcp.Socket) int {
			return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Inode, b.Inode),
				a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
		})
		return out
	}
	iter, diag, proc := reduce("bpf-iter"), reduce("sock_diag"), reduce("procfs")
	timers := gocmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= 10*time.Second })
	if diff := gocmp.Diff(iter, diag, addrs, timers); diff != "" {
		t.Errorf("bpf-iter (-) and sock_diag (+):\n%s", diff)
	}
	for _, list := range [][]tcp.Socket{diag, proc} {
		for i := range list {
			got := &list[i]
			got.Info, got.Cookie, got.Iface, got.Mark = nil, 0, 0, 0
			if a := got.Local.Addr(); a.Zone() != "" {
				got.Local = netip.AddrPortFrom(a.WithZone(""), got.Local.Port())
			}
			if got.State == tcp.Listen {
				got.SendQ = 0
			}
			if got.State == tcp.Bound {
				got.State, got.Local, got.UID = tcp.Closed, netip.AddrPort{}, 0
			}
		}
		slices.SortFunc(list, func(a, b tcp.Socket) int {
			return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Inode, b.Inode),
				a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
		})
	}
	if diff := gocmp.Diff(diag, proc, addrs, timers); diff != "" {
		t.Errorf("sock_diag (-) and procfs (+):\n%s", diff)
	}
}

// TestAllNamespaces finds a namespace by a process that lives in it, and says
// which is its own.
func TestAllNamespaces(t *testing.T) {
	pid, _ := play(t)
	want, err := linkInode("/proc/"+strconv.Itoa(int(pid))+"/ns/net", "net:[")
	if err != nil {
		t.Fatal(err)
	}
	sn, err := Take(context.Background(), Options{SocketsOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	ns := sn.Namespace(want)
	if ns == nil || ns.Self || ns.PID == 0 {
		t.Errorf("namespace of the stage: %+v", ns)
	}
	if len(sn.Namespaces) == 0 || !sn.Namespaces[0].Self {
		t.Errorf("the first namespace is not our own: %+v", sn.Namespaces)
	}
	last := -1
	for i := range sn.Sockets {
		at := slices.IndexFunc(sn.Namespaces, func(ns *host.NetNS) bool { return ns.Inode == sn.Sockets[i].NetNS })
		if at < last || at < 0 {
			t.Fatalf("socket %d is of namespace %d after %d", i, at, last)
		}
		last = at
	}
}

// TestThreadNamespace reads, as "self", the namespace of the calling thread,
// which is not that of the process.
func TestThreadNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes a network namespace")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with its namespace
		result <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			d := &director{}
			d.check(loopbackUp())
			l := d.listen(unix.AF_INET, v4(), 7)
			defer unix.Close(l)
			if d.err != nil {
				return d.err
			}
			for _, mode := range []Options{{NetNS: "self"}, {NetNS: "self", SocketsBy: "sock_diag"}, {NetNS: "self", SocketsBy: "procfs"}, {}} {
				mode.SocketsOnly = true
				sn, err := Take(context.Background(), mode)
				if err != nil {
					return err
				}
				at := slices.IndexFunc(sn.Sockets, func(s tcp.Socket) bool {
					return s.NetNS == sn.Namespaces[0].Inode && s.State == tcp.Listen && s.Local == addrPort(d.name(l))
				})
				if at < 0 || sn.Sockets[at].PID != int32(os.Getpid()) {
					return errors.New("listener not seen, or not ours, in " + sn.Source.SocketsBy)
				}
				if len(sn.Sockets) != 1 && mode.NetNS == "self" {
					return errors.New("more than the listener seen by " + sn.Source.SocketsBy)
				}
			}
			return nil
		}()
	}()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestForcedSource(t *testing.T) {
	if _, err := Take(context.Background(), Options{SocketsBy: "netstat"}); err == nil {
		t.Error("a source that does not exist was used")
	}
	if _, err := Take(context.Background(), Options{NetNS: "no such name"}); !errors.Is(err, ErrUnknownNetNS) {
		t.Errorf("unknown namespace: %v", err)
	}
	if _, err := Take(context.Background(), Options{NetNS: "../netns/x"}); !errors.Is(err, ErrUnknownNetNS) {
		t.Errorf("path as a name: %v", err)
	}
	if _, err := Take(context.Background(), Options{NetNS: "2147483647"}); !errors.Is(err, ErrUnknownNetNS) {
		t.Errorf("pid of nobody: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Take(ctx, Options{SocketsOnly: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNothingLeft counts descriptors: every program, link, iterator, netlink
// socket and namespace must be closed.
func TestNothingLeft(t *testing.T) {
	for _, source := range append([]string{""}, allSources...) {
		opt := Options{SocketsBy: source, SocketsOnly: true}
		before := descriptors(t)
		for range 3 {
			if _, err := Take(context.Background(), opt); err != nil {
				if source == "bpf-iter" && os.Geteuid() != 0 {
					t.Skip("needs root: ", err)
				}
				t.Fatal(err)
			}
		}
		if after := descriptors(t); !slices.Equal(before, after) {
			t.Errorf("%q: descriptors before and after:\n%v\n%v", source, before, after)
		}
	}
}

func descriptors(t *testing.T) (links []string) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		link, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasSuffix(link, "/fd") {
			links = append(links, link)
		}
	}
	slices.Sort(links)
	return links
}

// TestVanishing reads while sockets, processes and namespaces come and go.
func TestVanishing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, "/proc/self/exe")
			cmd.Env = append(os.Environ(), roleVar+"=flicker")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
			in, _ := cmd.StdinPipe()
			out, _ := cmd.StdoutPipe()
			if cmd.Start() != nil {
				return
			}
			_, _ = bufio.NewReader(out).ReadString('\n')
			_ = in.Close()
			_ = cmd.Wait()
		}
	}()
	defer func() { cancel(); <-done }()
	for range 10 {
		for _, source := range allSources {
			if _, err := Take(context.Background(), Options{SocketsBy: source, SocketsOnly: true}); err != nil {
				t.Errorf("%s: %v", source, err)
			}
		}
	}
}
