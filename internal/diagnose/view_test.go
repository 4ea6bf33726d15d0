package diagnose

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestOutgoing(t *testing.T) {
	for _, c := range []struct {
		name string
		row  row
		want bool
	}{
		{"SYN_SENT always", row{local: "10.0.0.1:80", remote: "10.0.0.2:50000", state: tcp.SynSent}, true},
		{"ephemeral to a service", row{local: "10.0.0.1:40000", remote: "10.0.0.2:3306", state: tcp.Established}, true},
		{"its TIME_WAIT", row{local: "10.0.0.1:40000", remote: "10.0.0.2:3306", state: tcp.TimeWait}, true},
		{"accepted by the listener", row{local: "10.0.0.1:8080", remote: "10.0.0.2:50000", state: tcp.Established}, false},
		{"accepted by the wildcard listener", row{local: "10.0.0.7:9090", remote: "10.0.0.2:50000", state: tcp.TimeWait}, false},
		{"another address than the listener's", row{local: "10.0.0.7:8080", remote: "10.0.0.2:80", state: tcp.Established}, true},
		{"accepted by a listener that has gone", row{local: "10.0.0.1:443", remote: "10.0.0.2:50000", state: tcp.TimeWait}, false},
		{"a low port that connect() chose", row{local: "10.0.0.1:20000", remote: "10.0.0.2:50000", state: tcp.Established, port: tcp.PortAuto}, true},
		{"a handshake of the server's", row{local: "10.0.0.1:8080", remote: "10.0.0.2:50000", state: tcp.SynReceived}, false},
		{"a listener", row{local: "10.0.0.1:8080", state: tcp.Listen}, false},
		{"bound", row{local: "10.0.0.1:40000", state: tcp.Bound}, false},
	} {
		p := newPair().keep(listen("10.0.0.1:8080", 900), listen("[::]:9090", 900), listen("0.0.0.0:9090", 900), c.row)
		x := p.examine()
		sk := &p.now.Sockets[len(p.now.Sockets)-1]
		if got := x.spaces[0].outgoing(sk); got != c.want {
			t.Errorf("%s: outgoing is %v", c.name, got)
		}
	}
}

func TestHeldAndReservedPorts(t *testing.T) {
	p := newPair().setting("net.ipv4.ip_local_port_range", "40000 40009").setting("net.ipv4.ip_local_reserved_ports", "40008-40012").keep(
		listen("10.0.0.1:40000", 1),
		row{local: "10.0.0.1:40001", state: tcp.Bound, pid: 1},
		row{local: "10.0.0.1:40002", remote: "10.0.0.9:80", state: tcp.Established, port: tcp.PortBound, pid: 1},
		row{local: "10.0.0.1:40002", remote: "10.0.0.8:80", state: tcp.TimeWait, port: tcp.PortBound},
		listen("10.0.0.1:40008", 1), // reserved and listened on: taken away once
		row{local: "10.0.0.1:40003", remote: "10.0.0.9:80", state: tcp.Established, port: tcp.PortAuto, pid: 1},
		row{local: "10.0.0.1:40009", remote: "10.0.0.9:80", state: tcp.Established, port: tcp.PortAuto, pid: 1}, // reserved since
		listen("10.0.0.1:80", 1), // out of range
	)
	s := p.examine().spaces[0]
	if s.rangePorts != 8 || s.heldCount != 3 {
		t.Errorf("ports in range %d, held %d; want 8, 3", s.rangePorts, s.heldCount)
	}
	for _, b := range p.examine().accounts {
		if b.usable != 5 {
			t.Errorf("%v: usable %d, want 5", b.group.key, b.usable)
		}
		want := map[string]int{"10.0.0.9:80": 1, "10.0.0.8:80": 0}[b.group.key.remote.String()]
		if b.used != want {
			t.Errorf("%v: used %d, want %d", b.group.key.remote, b.used, want)
		}
	}
}

func TestReusableTimeWait(t *testing.T) {
	tw := func(local, remote string, age time.Duration) row {
		return row{local: local, remote: remote, state: tcp.TimeWait, port: tcp.PortAuto,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: tcp.TimeWaitLen - age}}
	}
	far, near := tw("10.0.0.1:40000", "10.0.0.2:80", 2*time.Second), tw("127.0.0.1:40000", "127.0.0.1:80", 2*time.Second)
	unknown := far
	unknown.timer = tcp.Timer{}
	for _, c := range []struct {
		name                string
		mode, stamps, delay string
		row                 row
		want                bool
	}{
		{"off", "0", "1", "1000", far, false}, {"off, loopback", "0", "1", "1000", near, false},
		{"on", "1", "1", "1000", far, true}, {"on, loopback", "1", "1", "1000", near, true},
		{"loopback only", "2", "1", "1000", far, false}, {"loopback only, loopback", "2", "1", "1000", near, true},
		{"loopback only, own other address", "2", "1", "1000", tw("10.0.0.1:40000", "10.0.0.1:80", 2*time.Second), false},
		{"no timestamps", "1", "0", "1000", far, false},
		{"too young", "1", "1", "1000", tw("10.0.0.1:40000", "10.0.0.2:80", 900*time.Millisecond), false},
		{"shorter delay", "1", "1", "100", tw("10.0.0.1:40000", "10.0.0.2:80", 900*time.Millisecond), true},
		{"no such setting before 6.14: 1 s", "1", "1", "", far, true},
		{"unknown age", "1", "1", "1000", unknown, false},
		{"unknown mode", "", "1", "1000", far, false},
		{"not TIME_WAIT", "1", "1", "1000", established("10.0.0.1:40000", "10.0.0.2:80", 1), false},
	} {
		p := newPair().setting("net.ipv4.tcp_tw_reuse", c.mode).setting("net.ipv4.tcp_timestamps", c.stamps).
			setting("net.ipv4.tcp_tw_reuse_delay", c.delay).keep(c.row)
		if got := p.examine().spaces[0].reusable(&p.now.Sockets[0]); got != c.want {
			t.Errorf("%s: reusable is %v", c.name, got)
		}
	}
}

// A port in TIME_WAIT that was bound stays closed to connect(), so it is not
// given back to the account as reusable.
func TestReuseOfBoundPort(t *testing.T) {
	p := newPair().setting("net.ipv4.tcp_tw_reuse", "1")
	for i := range 10 {
		p.keep(row{local: fmt.Sprintf("10.0.0.1:%d", 40000+i), remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortBound,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 30 * time.Second}})
	}
	p.keep(established("10.0.0.1:50000", "10.0.0.2:80", 1))
	b := p.examine().accounts[0]
	if b.used != 1 || b.reuse != 0 || b.usable != 28232-10 {
		t.Errorf("used %d, reusable %d, usable %d; want 1, 0, 28222", b.used, b.reuse, b.usable)
	}
}

func TestDelta(t *testing.T) {
	p := newPair().counted("A", 7).counted("B", 3)
	p.before.Namespaces[0].Counters["B"] = 9999 // the namespace was made anew
	p.now.Namespaces[0].Counters["C"] = 1
	s := p.examine().spaces[0]
	got := map[string]any{}
	for _, n := range []string{"A", "B", "C"} {
		d, ok := s.delta(n)
		got[n] = fmt.Sprint(d, ok)
	}
	if d := cmp.Diff(map[string]any{"A": "7 true", "B": "0 false", "C": "0 false"}, got); d != "" {
		t.Error(d)
	}
	if _, ok := newPair().oneGlance().examine().spaces[0].delta("A"); ok {
		t.Error("one glance knows a delta")
	}
}

// The kernel is watched as a whole; what happened in namespaces that nobody
// asked about is no finding here.
func TestActivityOfOtherNamespaces(t *testing.T) {
	p := newPair().connects(1, "a", "10.0.0.2:80", 500, 500).fails(1, "a", "bind", errADDRINUSE, "0.0.0.0:80", 9)
	p.connects(2, "b", "10.0.0.3:80", 1, 0)
	p.seen.Outgoing[0].NetNS, p.seen.Failures[0].NetNS = 99, 99
	x := p.examine()
	for _, r := range rules() {
		for _, f := range r(x) {
			t.Errorf("%s from another namespace", f.id)
		}
	}
	if len(x.ours.Outgoing) != 1 || len(p.seen.Outgoing) != 2 {
		t.Errorf("%d connects kept, %d left in what was given; want 1, 2", len(x.ours.Outgoing), len(p.seen.Outgoing))
	}
	p.before.Namespaces = append(p.before.Namespaces, &host.NetNS{Inode: 99}) // gone since
	if x := p.examine(); len(x.ours.Outgoing) != 2 {
		t.Error("what happened in a namespace of the first look was dropped")
	}
}

// A dump may be of sockets alone, with namespaces that nobody looked into and
// states out of range of any kernel's.
func TestExamineWithoutNamespaces(t *testing.T) {
	now := &host.Snapshot{Sockets: []tcp.Socket{{NetNS: 5, State: tcp.TimeWait}, {State: tcp.Unknown}}}
	x := examine(nil, now, nil)
	if len(x.spaces) != 2 || len(x.accounts) != 0 {
		t.Errorf("%d namespaces, %d accounts; want 2, 0", len(x.spaces), len(x.accounts))
	}
	for _, r := range rules() {
		r(x)
	}
}
