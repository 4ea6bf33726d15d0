package diagnose

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// sceneNS is the namespace of every scene.
const sceneNS = 4026531840

// scene is two hand-made looks at one machine, a second apart, for the rules
// that judge what a program does with its connections.
type scene struct {
	then, now *host.Snapshot
	next      uint64 // cookie and inode of the next socket
}

func newScene() *scene {
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	look := func(at time.Time) *host.Snapshot {
		return &host.Snapshot{
			TakenAt: at, Source: host.Source{Kind: host.Live, SocketsBy: "sock_diag", OwnersBy: "procfs"},
			Processes: map[int32]*host.Process{},
			Namespaces: []*host.NetNS{{Inode: sceneNS, Counters: host.Counters{},
				Settings: host.Settings{"net.ipv4.ip_local_port_range": "32768 60999"}}},
		}
	}
	return &scene{then: look(at), now: look(at.Add(time.Second)), next: 1000}
}

// process adds a program to both looks.
func (s *scene) process(pid int32, name string, rt host.Runtime, cmdline ...string) *host.Process {
	p := &host.Process{PID: pid, Name: name, Exe: "/usr/bin/" + name, Cmdline: cmdline, Runtime: rt, NetNS: sceneNS}
	s.then.Processes[pid], s.now.Processes[pid] = p, p
	return p
}

// sock makes a socket that is held by pid, or by nobody with pid 0.
func (s *scene) sock(st tcp.State, local, remote string, pid int32) tcp.Socket {
	s.next++
	sk := tcp.Socket{NetNS: sceneNS, State: st, Cookie: s.next, PID: pid, Local: netip.MustParseAddrPort(local)}
	if remote != "" {
		sk.Remote = netip.MustParseAddrPort(remote)
	}
	if pid != 0 {
		sk.Inode = s.next
	}
	if st.Connected() && st != tcp.TimeWait && st != tcp.NewSynRecv {
		sk.Info = &tcp.Info{}
	}
	return sk
}

// stays puts sockets into both looks; change, if any, makes the later of the earlier.
func (s *scene) stays(change func(*tcp.Socket), socks ...tcp.Socket) {
	s.then.Sockets = append(s.then.Sockets, socks...)
	for _, sk := range socks {
		if sk.Info != nil {
			later := *sk.Info
			later.LastSend += time.Second
			later.LastRecv += time.Second
			later.LastAck += time.Second
			sk.Info = &later
		}
		if change != nil {
			change(&sk)
		}
		s.now.Sockets = append(s.now.Sockets, sk)
	}
}

func (s *scene) comes(socks ...tcp.Socket) { s.now.Sockets = append(s.now.Sockets, socks...) }
func (s *scene) goes(socks ...tcp.Socket)  { s.then.Sockets = append(s.then.Sockets, socks...) }

// listens adds a listener to both looks.
func (s *scene) listens(addr string, pid int32, queue, backlog uint32) {
	l := s.sock(tcp.Listen, addr, "", pid)
	l.RecvQ, l.SendQ = queue, backlog
	s.stays(nil, l)
}

// many makes n sockets of different local ports from a client to a server.
func (s *scene) many(n int, st tcp.State, remote string, pid int32, set func(i int, sk *tcp.Socket)) []tcp.Socket {
	out := make([]tcp.Socket, n)
	for i := range out {
		out[i] = s.sock(st, "10.0.0.1:1", remote, pid)
		out[i].Local = netip.AddrPortFrom(out[i].Local.Addr(), 33000+uint16(s.next%20000))
		if set != nil {
			set(i, &out[i])
		}
	}
	return out
}

// accepted makes n connections of a listener, each from another client.
func (s *scene) accepted(n int, st tcp.State, local string, pid int32, set func(i int, sk *tcp.Socket)) []tcp.Socket {
	out := make([]tcp.Socket, n)
	for i := range out {
		out[i] = s.sock(st, local, "192.0.2.1:1", pid)
		out[i].Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 40000+uint16(i/256))
		if set != nil {
			set(i, &out[i])
		}
	}
	return out
}

// after returns what sets how long ago the peer was last heard and spoken to.
func after(d time.Duration) func(int, *tcp.Socket) {
	return func(_ int, sk *tcp.Socket) {
		sk.Info = &tcp.Info{LastSend: d, LastRecv: d, LastAck: d, BytesAcked: 100, BytesReceived: 100}
	}
}

// judged is what a test asks of a finding.
type judged struct {
	severity  Severity
	certainty Certainty
	pid       int32  // first culprit, 0 for none
	facts     string // keys of the evidence, in order
}

// sceneCase is one picture and what a rule says to it; want empty: it is silent.
type sceneCase struct {
	name   string
	single bool // one glance
	build  func(s *scene)
	seen   *host.Activity
	want   []judged
}

// runScenes runs one rule over each picture and checks that every finding can
// be told in both languages.
func runScenes(t *testing.T, r rule, cases []sceneCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			before := s.then
			if c.single {
				before = nil
			}
			x := examine(before, s.now, c.seen)
			got := r(x)
			for i, f := range got {
				v := judged{severity: f.severity, certainty: f.certainty, facts: factKeys(f)}
				if len(f.blamed) > 0 {
					v.pid = f.blamed[0].pid
				}
				if i >= len(c.want) || v != c.want[i] {
					t.Errorf("finding %d: got %+v, want %+v", i, v, c.want)
				}
				for _, lang := range []string{"en", "zh"} {
					tellFound(t, x, f, lang)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d findings, want %d", len(got), len(c.want))
			}
		})
	}
}

func factKeys(f *found) string {
	keys := make([]string, 0, len(f.facts))
	for _, fc := range f.facts {
		keys = append(keys, fc.key)
	}
	return strings.Join(keys, " ")
}

func tellFound(t *testing.T, x *examination, f *found, lang string) {
	t.Helper()
	book, err := knowledge.Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	w, err := x.inWords(f, book)
	if err != nil {
		t.Errorf("%s in %s: %v", f.id, lang, err)
		return
	}
	if n := utf8.RuneCountInString(w.Title); n > 80 || n == 0 {
		t.Errorf("%s: title of %d characters: %s", f.id, n, w.Title)
	}
	sentences := []string{w.Title, w.Explanation}
	for _, e := range w.Evidence {
		sentences = append(sentences, e.Fact)
	}
	for _, r := range w.Remedies {
		sentences = append(sentences, r.Title, r.Detail, string(r.Command))
	}
	for _, s := range sentences {
		for _, bad := range []string{"<no value>", "dst  ", " to  ", "到  的", "port 0 ", "端口 0 ", ":0 ", "{{", "invalid AddrPort"} {
			if strings.Contains(s+" ", bad) {
				t.Errorf("%s in %s: %q in %q", f.id, lang, bad, s)
			}
		}
	}
	if len(w.Evidence) == 0 || len(w.Remedies) == 0 {
		t.Errorf("%s: %d evidence, %d remedies", f.id, len(w.Evidence), len(w.Remedies))
	}
	if !testing.Verbose() {
		return
	}
	t.Logf("%s %s/%s: %s\n    %s", f.id, f.severity, f.certainty, w.Title, w.Explanation)
	for _, e := range w.Evidence {
		t.Logf("      · %s", e.Fact)
	}
	for _, r := range w.Remedies {
		t.Logf("      → [%s] %s | %s", r.Kind, r.Title, r.Command)
	}
}
