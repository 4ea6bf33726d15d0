package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// homeNS is the namespace that looks are taken in unless they say otherwise.
const homeNS = 4026531840

// pair builds the looks that a test examines: a Linux machine with its default
// settings, one namespace, two looks a second apart.
type pair struct {
	before, now *host.Snapshot
	seen        *host.Activity
	cookie      uint64
}

func newPair() *pair {
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	s := &pair{before: emptyLook(at), now: emptyLook(at.Add(time.Second))}
	s.before.Machine.Uptime = time.Hour
	s.now.Machine.Uptime = time.Hour + time.Second
	return s
}

func emptyLook(at time.Time) *host.Snapshot {
	return &host.Snapshot{
		Machine:   host.Machine{Name: "web-1", OS: "linux", Kernel: "6.18.44", InitialNetNS: homeNS},
		TakenAt:   at,
		Source:    host.Source{Kind: host.Live, SocketsBy: "bpf-iter", OwnersBy: "bpf-iter"},
		Processes: map[int32]*host.Process{},
		Sharers:   map[uint64][]int32{},
		Namespaces: []*host.NetNS{{Inode: homeNS, Counters: host.Counters{},
			Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")},
			Settings: host.Settings{
				"net.ipv4.ip_local_port_range": "32768 60999", "net.ipv4.tcp_tw_reuse": "2",
				"net.ipv4.tcp_timestamps": "1", "net.ipv4.tcp_tw_reuse_delay": "1000",
				"net.ipv4.tcp_syn_retries": "6", "net.ipv4.tcp_syn_linear_timeouts": "4",
				"net.ipv4.ip_unprivileged_port_start": "1024",
			}}},
	}
}

// oneGlance takes the first look away.
func (s *pair) oneGlance() *pair {
	s.before = nil
	return s
}

// setting sets a system setting in every look.
func (s *pair) setting(name, value string) *pair {
	for _, sn := range s.looks() {
		sn.Namespaces[0].Settings[name] = value
	}
	return s
}

func (s *pair) looks() []*host.Snapshot {
	if s.before == nil {
		return []*host.Snapshot{s.now}
	}
	return []*host.Snapshot{s.before, s.now}
}

// counted makes a counter grow by n between the looks.
func (s *pair) counted(name string, n uint64) *pair {
	s.before.Namespaces[0].Counters[name] = 1000
	s.now.Namespaces[0].Counters[name] = 1000 + n
	return s
}

// process adds a process to every look.
func (s *pair) process(pid int32, name string, rt host.Runtime, sockets int) *pair {
	for _, sn := range s.looks() {
		sn.Processes[pid] = &host.Process{PID: pid, PPID: 1, Name: name, Exe: "/usr/bin/" + name,
			Cmdline: []string{"/usr/bin/" + name}, User: "app", NetNS: homeNS, Runtime: rt, Sockets: sockets, UDP: -1}
	}
	return s
}

// row is a socket of a pair.
type row struct {
	local, remote string
	state         tcp.State
	pid           int32
	port          tcp.PortUse
	timer         tcp.Timer
	recvq, sendq  uint32
	inode         uint64
}

func (s *pair) socket(r row) tcp.Socket {
	s.cookie++
	sk := tcp.Socket{NetNS: homeNS, Cookie: s.cookie, State: r.state, PID: r.pid, Port: r.port, Timer: r.timer,
		RecvQ: r.recvq, SendQ: r.sendq, Inode: r.inode, Local: netip.MustParseAddrPort(r.local)}
	if r.remote != "" {
		sk.Remote = netip.MustParseAddrPort(r.remote)
	}
	if r.pid != 0 && sk.Inode == 0 {
		sk.Inode = 100000 + s.cookie
	}
	return sk
}

// add puts sockets into the last look only.
func (s *pair) add(rows ...row) *pair {
	for _, r := range rows {
		s.now.Sockets = append(s.now.Sockets, s.socket(r))
	}
	return s
}

// keep puts the same sockets into both looks, as the last one shows them.
func (s *pair) keep(rows ...row) *pair {
	for _, r := range rows {
		sk := s.socket(r)
		s.now.Sockets = append(s.now.Sockets, sk)
		if s.before != nil {
			if sk.State == tcp.TimeWait && sk.Timer.Kind == tcp.TimerTimeWait {
				sk.Timer.Expires += time.Second // a second ago it had that much more left
			}
			s.before.Sockets = append(s.before.Sockets, sk)
		}
	}
	return s
}

// lost puts sockets into the first look only.
func (s *pair) lost(rows ...row) *pair {
	for _, r := range rows {
		s.before.Sockets = append(s.before.Sockets, s.socket(r))
	}
	return s
}

// rows repeats a row n times with local ports from port on, every step-th.
func rows(n int, port uint16, r row) []row {
	out := make([]row, n)
	addr := netip.MustParseAddrPort(r.local).Addr()
	for i := range out {
		out[i] = r
		out[i].local = netip.AddrPortFrom(addr, port+uint16(i)).String()
	}
	return out
}

// watched says that somebody watched the second between the looks.
func (s *pair) watched() *pair {
	if s.seen == nil {
		s.seen = &host.Activity{Window: time.Second, By: "tracepoint"}
	}
	return s
}

func (s *pair) connects(pid int32, name, remote string, opened, failed uint64) *pair {
	s.watched()
	s.seen.Outgoing = append(s.seen.Outgoing, host.Flow{PID: pid, Name: name, NetNS: homeNS,
		Remote: netip.MustParseAddrPort(remote), Opened: opened, Failed: failed})
	return s
}

func (s *pair) fails(pid int32, name, call string, errno uint32, addr string, n uint64) *pair {
	s.watched()
	s.seen.Failures = append(s.seen.Failures, host.Failure{PID: pid, Name: name, NetNS: homeNS, Call: call,
		Errno: errno, Addr: netip.MustParseAddrPort(addr), Count: n})
	return s
}

func (s *pair) examine() *examination { return examine(s.before, s.now, s.seen) }

// verdict is what a test compares of a finding.
type verdict struct {
	Severity  Severity
	Certainty Certainty
	First     int32  // pid of the first culprit
	Dest      string // first destination
}

func verdicts(fs []*found) []verdict {
	var out []verdict
	for _, f := range fs {
		v := verdict{Severity: f.severity, Certainty: f.certainty}
		if len(f.blamed) > 0 {
			v.First = f.blamed[0].pid
		}
		if len(f.dests) > 0 {
			v.Dest = destString(f.dests[0])
		}
		out = append(out, v)
	}
	return out
}

// ruleCase is a pair of looks and what one rule must say of it; nothing when want is nil.
type ruleCase struct {
	name  string
	looks *pair
	want  []verdict
	facts []string // keys that the first finding must have, nil: not compared
}

func testRule(t *testing.T, r rule, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := r(c.looks.examine())
			if d := cmp.Diff(c.want, verdicts(got)); d != "" {
				t.Fatalf("findings (-want +got):\n%s", d)
			}
			if c.facts != nil {
				var keys []string
				for _, f := range got[0].facts {
					keys = append(keys, f.key)
				}
				if d := cmp.Diff(c.facts, keys); d != "" {
					t.Errorf("facts (-want +got):\n%s", d)
				}
			}
			tellAll(t, c.looks, got)
		})
	}
}
