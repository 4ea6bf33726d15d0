package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func listen(local string, pid int32) row {
	return row{local: local, state: tcp.Listen, pid: pid, sendq: 4096, port: tcp.PortBound}
}

func TestAddressInUse(t *testing.T) {
	refused := func(addr string, n uint64) *pair {
		return newPair().process(900, "nginx", "nginx", 3).process(901, "python3", "python", 1).
			fails(901, "python3", "bind", errADDRINUSE, addr, n)
	}
	accepted := row{local: "10.0.0.1:8080", remote: "10.0.0.9:50000", state: tcp.Established, pid: 900, port: tcp.PortBound}
	rest := row{local: "10.0.0.1:8080", remote: "10.0.0.9:50001", state: tcp.TimeWait, port: tcp.PortBound,
		timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 40 * time.Second}}
	twin := func() *pair {
		s := newPair().process(900, "app", "", 1).process(901, "app", "", 1)
		return s.keep(listen("0.0.0.0:8080", 900), row{local: "0.0.0.0:0", state: tcp.Closed, pid: 901})
	}
	child := twin()
	child.now.Processes[901].PPID = 900
	sibling := twin()
	sibling.now.Processes[900].PPID, sibling.now.Processes[901].PPID = 890, 890
	bound := newPair().process(900, "app", "", 1).process(901, "app", "", 1).
		keep(listen("0.0.0.0:8080", 900), row{local: "0.0.0.0:40000", state: tcp.Bound, pid: 901, port: tcp.PortBound})
	fresh := newPair().process(900, "app", "", 1).process(901, "app", "", 1).
		keep(listen("0.0.0.0:8080", 900)).add(row{local: "0.0.0.0:0", state: tcp.Closed, pid: 901})
	glance := newPair().oneGlance().process(900, "app", "", 1).process(901, "app", "", 1).
		keep(listen("0.0.0.0:8080", 900), row{local: "0.0.0.0:0", state: tcp.Closed, pid: 901})
	testRule(t, addressInUse, []ruleCase{
		{name: "a listener has it", looks: refused("0.0.0.0:8080", 2).keep(listen("0.0.0.0:8080", 900)),
			want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "listener"}},
		{name: "a wildcard IPv6 listener has it", looks: refused("10.0.0.1:8080", 2).keep(listen("[::]:8080", 900)),
			want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "listener"}},
		{name: "bound, not listening", looks: refused("10.0.0.1:8080", 2).keep(row{local: "10.0.0.1:8080", state: tcp.Bound, pid: 900, port: tcp.PortBound}),
			want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "bound"}},
		{name: "only TIME_WAIT of the instance before", looks: refused("0.0.0.0:8080", 2).keep(rest),
			want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "timewait"}},
		{name: "connections of the instance before", looks: refused("0.0.0.0:8080", 2).keep(rest, accepted),
			want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "accepted"}},
		{name: "free again", looks: refused("0.0.0.0:8080", 2), want: []verdict{{Notice, Proven, 901, ""}}, facts: []string{"failed", "nobody"}},
		{name: "it looked for a free port and found one", looks: refused("0.0.0.0:3000", 1).keep(listen("0.0.0.0:3000", 900), listen("0.0.0.0:3001", 901)),
			want: []verdict{{Notice, Proven, 901, ""}}},
		{name: "it has the port itself: IPv6 after IPv4", looks: refused("0.0.0.0:8080", 1).keep(listen("[::]:8080", 901))},
		{name: "the other address is free", looks: refused("10.0.0.1:8080", 1).keep(listen("127.0.0.1:8080", 900)),
			want: []verdict{{Notice, Proven, 901, ""}}, facts: []string{"failed", "nobody"}},
		{name: "port 0 is not a port", looks: refused("10.0.0.1:0", 500)},
		{name: "an outgoing connection has it: service-port-taken", looks: refused("0.0.0.0:40000", 2).keep(established("10.0.0.1:40000", "10.0.0.2:80", 900))},
		{name: "nobody watched: a twin", looks: twin(), want: []verdict{{Notice, Possible, 901, ""}}, facts: []string{"twin"}},
		{name: "nobody watched: a child", looks: child},
		{name: "nobody watched: forked from one parent", looks: sibling},
		{name: "nobody watched: it has a port", looks: bound},
		{name: "nobody watched: it has just made its socket", looks: fresh},
		{name: "one glance", looks: glance},
		{name: "nobody watched: a twin at work", looks: twin().keep(established("10.0.0.1:40000", "10.0.0.2:80", 901))},
		{name: "pre-forked workers share the listener", looks: func() *pair {
			s := newPair().process(900, "app", "", 1).process(901, "app", "", 1)
			l := listen("0.0.0.0:8080", 900)
			l.inode = 77
			s.keep(l, row{local: "0.0.0.0:0", state: tcp.Closed, pid: 901})
			for _, sn := range s.looks() {
				sn.Sharers[77] = []int32{900, 901}
			}
			return s
		}()},
	})
}

func TestServicePortTaken(t *testing.T) {
	refused := func() *pair {
		return newPair().process(700, "shop", "go", 20).process(901, "redis-server", "redis", 1).
			fails(901, "redis-server", "bind", errADDRINUSE, "0.0.0.0:40000", 3)
	}
	out := established("10.0.0.1:40000", "10.0.0.2:80", 700)
	pasted := out
	pasted.port = tcp.PortUnknown
	rest := row{local: "10.0.0.1:40000", remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortAuto}
	heard := func() *pair { // bind() with SO_REUSEADDR went well, listen() did not; it names no address
		p := newPair().process(700, "shop", "go", 20).process(901, "redis-server", "redis", 1).
			fails(901, "redis-server", "listen", errADDRINUSE, "0.0.0.0:0", 3).keep(row{local: "0.0.0.0:40000", state: tcp.Bound, pid: 901, port: tcp.PortBound})
		p.seen.Failures[0].Addr = netip.AddrPort{}
		return p
	}
	testRule(t, servicePortTaken, []ruleCase{
		{name: "an outgoing connection", looks: refused().keep(out), want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "outgoing"}},
		{name: "the source cannot tell", looks: refused().keep(pasted), want: []verdict{{Warning, Proven, 901, ""}}},
		{name: "its TIME_WAIT", looks: refused().keep(rest), want: []verdict{{Warning, Proven, 901, ""}}},
		{name: "lost while restarting", looks: newPair().process(700, "shop", "go", 20).lost(listen("0.0.0.0:40000", 901)).add(out),
			want: []verdict{{Warning, Likely, 700, "10.0.0.2:80"}}, facts: []string{"listened", "outgoing"}},
		{name: "a listener has it: address-in-use", looks: refused().keep(listen("0.0.0.0:40000", 700))},
		{name: "accepted connections of a service in the range", looks: refused().keep(
			row{local: "10.0.0.1:40000", remote: "10.0.0.9:50000", state: tcp.Established, pid: 700, port: tcp.PortBound})},
		{name: "listen() fails", looks: heard().keep(out), want: []verdict{{Warning, Proven, 901, ""}}, facts: []string{"failed", "outgoing"}},
		{name: "listen() fails, of which of two is unknown", looks: heard().keep(out, row{local: "0.0.0.0:40001", state: tcp.Bound, pid: 901, port: tcp.PortBound})},
		{name: "listen() fails, and nothing holds the port", looks: heard()},
		{name: "a service that was stopped", looks: newPair().lost(listen("0.0.0.0:8080", 901))},
	})
}

// Who opened the connection that has the port is named with the line, also when
// only its TIME_WAIT is left; of TIME_WAIT that an earlier listener left nobody
// "has" the port.
func TestHolderOfServicePort(t *testing.T) {
	dial, bind := codeAt("shop.dial", "dial.go", 7), codeAt("redis.listen", "net.c", 500)
	build := func(r row) *pair {
		p := newPair().process(901, "redis-server", "redis", 1).fails(901, "redis-server", "bind", errADDRINUSE, "0.0.0.0:40000", 3).keep(r)
		p.seen.Failures[0].Stacks = []host.Site{site(bind, 2)}
		return p
	}
	p := build(row{local: "10.0.0.1:40000", remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortAuto})
	p.remembered(func(int, *tcp.Socket) *host.Life { return p.opened(700, "shop", dial) })
	for lang, want := range map[string][2]string{
		"en": {"Port 40000 of a service is taken by an outgoing connection of shop", "the port now is the local end of a connection to 10.0.0.2:80, state TIME_WAIT, opened by shop (pid 700)"},
		"zh": {"服务的端口 40000 被 shop 的对外连接占用", "这个端口现在是到 10.0.0.2:80 的连接的本地端，状态 TIME_WAIT，由 shop（pid 700）打开"},
	} {
		var f *Finding
		for _, g := range reportOf(t, p, lang).Findings {
			if g.ID == "service-port-taken" {
				f = &g
			}
		}
		if f == nil || f.Title != want[0] || f.Evidence[1].Fact != want[1] {
			t.Fatalf("%s: %+v, want %q", lang, f, want)
		}
		var got []string
		for _, c := range f.Culprits {
			got = append(got, c.Process, c.AttributedBy)
			got = append(got, inLines(c.Code)...)
		}
		if d := cmp.Diff([]string{"redis-server", "failed-calls", "redis.listen:500 2 failed bind", "shop", "opener", "shop.dial:7 1"}, got); d != "" {
			t.Errorf("culprits (-want +got):\n%s", d)
		}
	}

	p = build(row{local: "10.0.0.1:40000", remote: "10.0.0.9:50001", state: tcp.TimeWait, port: tcp.PortBound})
	p.remembered(func(int, *tcp.Socket) *host.Life { return p.accepted(700, "redis-server", dial) })
	for _, f := range reportOf(t, p, "en").Findings {
		if f.ID == "address-in-use" && (len(f.Culprits) != 1 || f.Title != "redis-server is refused port 40000") {
			t.Errorf("TIME_WAIT of an earlier instance: %q, %d culprits", f.Title, len(f.Culprits))
		}
	}
}

func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"10.0.0.1:1", "10.0.0.1:1", true}, {"0.0.0.0:1", "10.0.0.1:1", true}, {"10.0.0.1:1", "10.0.0.2:1", false},
		{"[::]:1", "10.0.0.1:1", true}, {"0.0.0.0:1", "[2001:db8::1]:1", false}, {"[::]:1", "[2001:db8::1]:1", true},
		{"[::1]:1", "127.0.0.1:1", false},
	} {
		a, b := addrOf(c.a), addrOf(c.b)
		if conflicts(a, b) != c.want || conflicts(b, a) != c.want {
			t.Errorf("conflicts(%s, %s) is not %v both ways", c.a, c.b, c.want)
		}
	}
}

func TestWithPort(t *testing.T) {
	for _, c := range []struct {
		list string
		port uint16
		want string
	}{
		{"", 6379, "6379"}, {"8080,9148-9150\n", 6379, "6379,8080,9148-9150"}, {"8080,9148-9150", 9149, "8080,9148-9150"},
		{"8080", 9000, "8080,9000"},
	} {
		got := withPort(c.list, c.port)
		if got != c.want {
			t.Errorf("withPort(%q, %d) = %q, want %q", c.list, c.port, got, c.want)
		}
		if set := (host.Settings{"net.ipv4.ip_local_reserved_ports": got}).ReservedPorts(); !set.Has(c.port) {
			t.Errorf("%q does not reserve %d", got, c.port)
		}
	}
}
