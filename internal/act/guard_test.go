package act

import (
	"net/netip"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func socketOf(state tcp.State, local, remote string, pid int32) tcp.Socket {
	s := tcp.Socket{State: state, NetNS: 1, Cookie: 7, PID: pid}
	s.Local = netip.MustParseAddrPort(local)
	if remote != "" {
		s.Remote = netip.MustParseAddrPort(remote)
	}
	return s
}

func TestProtectedSockets(t *testing.T) {
	const self, shell, sshd, other = 900, 800, 700, 300
	g := newGuard(self, []int32{shell, sshd, 1}, [][]string{
		{"PATH=/bin", "SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 22", "SSH_CONNECTION=", "SSH_CLIENT=x"},
		{"SSH_CLIENT=2001:db8::9 50023 2222", "SSH_CONNECTION=fe80::5%eth0 60000 fe80::1%eth0 22", "SSH_TTY=/dev/pts/0"},
	})
	ours := socketOf(tcp.Established, "127.0.0.1:41000", "127.0.0.1:8080", shell)
	theirs := socketOf(tcp.Established, "127.0.0.1:8080", "127.0.0.1:41000", other)
	g.Learn(&host.Snapshot{Sockets: []tcp.Socket{ours, theirs, socketOf(tcp.Listen, "0.0.0.0:8080", "", sshd)}})
	unseen := socketOf(tcp.Established, "192.0.2.1:700", "192.0.2.20:2049", 0)
	unseen.Inode = 4711
	tests := []struct {
		name      string
		s         tcp.Socket
		owners    []int32
		listeners bool
		want      Why
	}{
		{"anybody's", socketOf(tcp.CloseWait, "192.0.2.1:80", "198.51.100.9:5000", other), []int32{other}, false, NoReason},
		{"nobody's", socketOf(tcp.TimeWait, "192.0.2.1:80", "198.51.100.9:5000", 0), nil, false, NoReason},
		{"somebody's", unseen, nil, false, Unseen},
		{"own", socketOf(tcp.CloseWait, "192.0.2.1:80", "198.51.100.9:5000", other), []int32{1, sshd, self}, false, Own},
		{"an ancestor's", socketOf(tcp.CloseWait, "192.0.2.1:80", "198.51.100.9:5000", sshd), []int32{other, sshd}, false, Ancestor},
		{"of process 1", socketOf(tcp.Listen, "192.0.2.1:80", "", 1), []int32{1, other}, true, Init},
		{"the far end of an ancestor's", theirs, []int32{other}, false, Ancestor},
		{"a listener where an ancestor's has been", socketOf(tcp.Listen, "0.0.0.0:8081", "", other), []int32{other}, true, NoReason},
		{"SSH", socketOf(tcp.Established, "192.0.2.1:22", "192.0.2.7:50022", other), []int32{other}, false, Session},
		{"SSH over a mapped socket", socketOf(tcp.Established, "[::ffff:192.0.2.1]:22", "[::ffff:192.0.2.7]:50022", other), []int32{other}, false, Session},
		{"SSH seen from its client", socketOf(tcp.Established, "192.0.2.7:50022", "192.0.2.1:22", other), []int32{other}, false, Session},
		{"SSH_CLIENT", socketOf(tcp.Established, "[2001:db8::1]:2222", "[2001:db8::9]:50023", other), []int32{other}, false, Session},
		{"another client's SSH", socketOf(tcp.Established, "192.0.2.1:22", "192.0.2.7:50024", other), []int32{other}, false, NoReason},
		{"SSH over a link-local address", socketOf(tcp.Established, "[fe80::1%2]:22", "[fe80::5%2]:60000", other), []int32{other}, false, Session},
		{"a listener", socketOf(tcp.Listen, "0.0.0.0:80", "", other), []int32{other}, false, Listener},
		{"a listener that is asked for", socketOf(tcp.Listen, "0.0.0.0:80", "", other), []int32{other}, true, NoReason},
		{"the local name server", socketOf(tcp.Listen, "127.0.0.53:53", "", other), []int32{other}, true, DNS},
		{"a question to it", socketOf(tcp.Established, "127.0.0.1:40000", "127.0.0.53:53", other), []int32{other}, false, DNS},
		{"over IPv6", socketOf(tcp.Established, "[::1]:53", "[::1]:40000", other), []int32{other}, false, DNS},
		{"another machine's name server", socketOf(tcp.Established, "192.0.2.1:40000", "192.0.2.53:53", other), []int32{other}, false, NoReason},
	}
	for _, tt := range tests {
		if got := g.Socket(&tt.s, tt.owners, tt.listeners); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPossible(t *testing.T) {
	whole := socketOf(tcp.TimeWait, "192.0.2.1:80", "198.51.100.9:5000", 0)
	nameless, nowhere, bound, closed := whole, whole, whole, whole
	nameless.Cookie, nowhere.NetNS, bound.State, closed.State = 0, 0, tcp.Bound, tcp.Closed
	for _, tt := range []struct {
		s    tcp.Socket
		want Why
	}{{whole, NoReason}, {nameless, NoIdentity}, {nowhere, NoIdentity}, {bound, NoLookup}, {closed, NoLookup}} {
		if got := Possible(&tt.s); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.s, got, tt.want)
		}
	}
}

// Inside of tmux the environment tells of the connection that tmux was started over,
// not of the one that it is shown over now.
func TestInsideOfTmux(t *testing.T) {
	const monitor, session, rootsMonitor, othersMonitor, others, fake = 500, 501, 510, 520, 521, 530
	mine := socketOf(tcp.Established, "192.0.2.1:22", "192.0.2.7:50022", monitor)
	mine.Inode = 1
	roots, theirs, service := mine, mine, mine
	roots.Remote, theirs.Remote, service.Remote = netip.MustParseAddrPort("192.0.2.8:50022"), netip.MustParseAddrPort("192.0.2.9:50022"), netip.MustParseAddrPort("192.0.2.9:50023")
	roots.PID, theirs.PID, service.PID = rootsMonitor, othersMonitor, fake
	roots.Inode, theirs.Inode, service.Inode = 2, 3, 4
	sn := &host.Snapshot{
		Sockets: []tcp.Socket{mine, roots, theirs, service},
		Sharers: map[uint64][]int32{1: {monitor, session}, 3: {othersMonitor, others}},
		Processes: map[int32]*host.Process{
			monitor: {PID: monitor, Name: "sshd"}, session: {PID: session, Name: "sshd", UID: 1000},
			rootsMonitor:  {PID: rootsMonitor, Name: "sshd-session"},
			othersMonitor: {PID: othersMonitor, Name: "sshd"}, others: {PID: others, Name: "sshd", UID: 1001},
			fake: {PID: fake, Name: "sshdd", UID: 1000},
		},
	}
	for _, tt := range []struct {
		env  string
		user uint32
		want [4]Why
	}{
		{"TMUX=/tmp/tmux-1000/default,77,0", 1000, [4]Why{Screen, NoReason, NoReason, NoReason}},
		{"STY=77.pts-0.host", 0, [4]Why{NoReason, Screen, NoReason, NoReason}},
		{"TMUX=", 1000, [4]Why{}},
		{"TERM=tmux-256color", 1000, [4]Why{}},
	} {
		g := newGuard(900, []int32{800}, [][]string{nil, {tt.env}})
		g.users[tt.user] = true
		g.Learn(sn)
		for i, want := range tt.want {
			if got := g.Socket(&sn.Sockets[i], sn.Owners(&sn.Sockets[i]), false); got != want {
				t.Errorf("%s, user %d, socket %d: %q, want %q", tt.env, tt.user, i, got, want)
			}
		}
	}
}
