package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// inLines writes a culprit's code as "function:line sockets" or "[gap] sockets".
func inLines(rows []Code) []string {
	out := []string{}
	for _, r := range rows {
		s := fmt.Sprintf("%s:%d %d", r.Function, r.Line, r.Sockets)
		if r.Function == "" {
			s = fmt.Sprintf("[%s] %d", r.Gap, r.Sockets)
		}
		if r.Failed {
			s += " failed " + r.Call
		} else if r.Call != "connect" {
			s += " " + r.Call
		}
		if r.Grew > 0 {
			s += fmt.Sprintf(" +%d", r.Grew)
		}
		out = append(out, s)
	}
	return out
}

// codeOfFirst is the code of the first culprit of the first finding of a rule.
func codeOfFirst(t *testing.T, p *pair, r rule) Culprit {
	t.Helper()
	x := p.examine()
	got := r(x)
	if len(got) == 0 || len(got[0].blamed) == 0 {
		t.Fatalf("%d findings, or nobody to blame", len(got))
	}
	tellAll(t, p, got)
	return x.culprit(&got[0].blamed[0])
}

func TestCodeOfSockets(t *testing.T) {
	query, other := codeAt("shop.query", "/src/shop/dao.go", 88), codeAt("shop.ping", "/src/shop/dao.go", 12)
	p := newPair().process(812, "shop", host.Go, 4).keep(rows(100, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:3306", state: tcp.TimeWait})...)
	p.remembered(func(i int, _ *tcp.Socket) *host.Life {
		switch {
		case i < 70:
			return p.opened(812, "shop", query)
		case i < 75:
			return p.opened(812, "shop", codeAt("shop.query", "/src/shop/dao.go", 88)) // the same line by another way
		case i < 80:
			return p.opened(812, "shop", other)
		case i < 85:
			return p.opened(812, "shop", gapAt(host.GapJIT))
		case i < 90:
			return p.opened(812, "shop", gapAt(host.NoGap))
		case i < 95:
			return p.opened(812, "shop", nil) // not sampled
		}
		return nil // opened before
	})
	x := p.examine()
	c := x.culprit(&x.blame(everyOne(p.now))[0])
	want := []string{"shop.query:88 75", "[jit] 5", "[no code of its own] 5", "shop.ping:12 5"}
	if d := cmp.Diff(want, inLines(c.Code)); d != "" || c.StacksSampled != 90 || c.StacksOf != 95 || c.Sockets != 95 || !c.StacksOwn {
		t.Errorf("%d of %d stacks of %d sockets (-want +got):\n%s", c.StacksSampled, c.StacksOf, c.Sockets, d)
	}
	if c.Code[0].File != "/src/shop/dao.go" || c.Code[0].Gap != "" {
		t.Errorf("first line %+v", c.Code[0])
	}
}

// A socket that was handed to another program was not opened in that one's code;
// the workers of one program share theirs.
func TestCodeOfAnotherProgram(t *testing.T) {
	for name, want := range map[string][]string{"worker": {}, "master": {"main.accept:20 3 accept"}} {
		p := newPair().process(1, "master", host.Go, 1).process(2, name, host.Go, 3).
			keep(rows(3, 50000, row{local: "10.0.0.1:1", remote: "10.0.0.9:9", state: tcp.Established, pid: 2})...)
		p.remembered(func(int, *tcp.Socket) *host.Life { return p.accepted(1, "master", codeAt("main.accept", "m.go", 20)) })
		x := p.examine()
		if d := cmp.Diff(want, inLines(x.culprit(&x.blame(everyOne(p.now))[0]).Code)); d != "" {
			t.Errorf("held by %s (-want +got):\n%s", name, d)
		}
	}
}

// Parts that are put together are of the culprit's own sockets when all of them are.
func TestJoinedCode(t *testing.T) {
	part := func(own bool, of uint64) *places {
		p := newPlaces()
		p.own, p.of = own, of
		return p
	}
	for _, c := range []struct {
		to, from *places
		want     bool
	}{
		{newPlaces(), part(true, 3), true},
		{newPlaces(), part(false, 3), false},
		{part(true, 2), part(true, 3), true},
		{part(false, 2), part(true, 3), false},
		{part(true, 2), part(false, 3), false},
		{part(true, 2), nil, true},
	} {
		was := *c.to
		if c.to.join(c.from); c.to.own != c.want {
			t.Errorf("%+v with %+v: own is %v", was, c.from, c.to.own)
		}
	}
}

func TestCodeIsBounded(t *testing.T) {
	p := newPair().process(812, "shop", host.Go, 4).keep(rows(50, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:3306", state: tcp.TimeWait})...)
	p.remembered(func(i int, _ *tcp.Socket) *host.Life {
		return p.opened(812, "shop", codeAt(strings.Repeat("é", 5000)+fmt.Sprint(i), strings.Repeat("/x", 5000), i))
	})
	x := p.examine()
	c := x.culprit(&x.blame(everyOne(p.now))[0])
	if len(c.Code) != MaxCode || len(c.Code[0].Function) > longestName+3 || len(c.Code[0].File) > longestName+3 {
		t.Errorf("%d lines, names of %d and %d bytes", len(c.Code), len(c.Code[0].Function), len(c.Code[0].File))
	}
	if f := string(c.Code[0].Function); !strings.HasSuffix(f, "é…") {
		t.Errorf("cut within a character: %q", f[len(f)-8:])
	}
	if c.StacksSampled != 50 {
		t.Errorf("%d stacks, want all 50: what is not listed counts too", c.StacksSampled)
	}
}

// Where no socket's own stack was taken, what was seen connecting there tells.
func TestCodeOfEvents(t *testing.T) {
	const db, web = "10.0.0.2:3306", "10.0.0.3:80"
	dial, bad, read := codeAt("main.dial", "main.go", 41), codeAt("main.elsewhere", "main.go", 9), codeAt("main.open", "main.go", 60)
	stacks := func(p *pair, at int, sites ...host.Site) *pair {
		p.seen.Outgoing[at].Stacks = sites
		return p
	}
	app := func() *pair { return small("32768 33767") }
	full := app().keep(resting2(db, 0, 1000)...).keep(established("10.0.0.1:50000", db, 812)).connects(812, "java", db, 30, 0).connects(812, "java", web, 900, 0)
	stacks(stacks(full, 0, site(dial, 28), site(gapAt(host.GapJIT), 2)), 1, site(bad, 500))

	refused := app().connects(812, "java", db, 500, 500).fails(812, "java", "connect", errCONNREFUSED, db, 500).connects(812, "java", web, 900, 0)
	stacks(stacks(refused, 0, site(bad, 40)), 1, site(bad, 400))
	refused.seen.Failures[0].Stacks = []host.Site{site(dial, 44), {Count: 3}, {Stack: read}} // without a stack, or none counted
	opened := stacks(app().connects(812, "java", db, 500, 500), 0, site(dial, 12))

	nofile := app().fails(812, "java", "socket", errMFILE, "0.0.0.0:0", 30)
	nofile.seen.Failures[0].Stacks = []host.Site{site(read, 4)}
	for _, sn := range nofile.looks() {
		fds, limit := uint64(1000), uint64(1024)
		sn.Processes[812].FDs, sn.Processes[812].FDLimit = &fds, &limit
	}
	held := app().keep(rows(9, 50000, established("10.0.0.1:1", db, 812))...).fails(812, "java", "socket", errMFILE, "0.0.0.0:0", 30)
	held.remembered(func(int, *tcp.Socket) *host.Life { return held.opened(812, "java", dial) })
	held.seen.Failures[0].Stacks, held.now.Processes[812] = nofile.seen.Failures[0].Stacks, nofile.now.Processes[812]

	queue := newPair().process(900, "httpd", "", 1)
	for _, sn := range queue.looks() {
		sn.Sockets = append(sn.Sockets, tcp.Socket{NetNS: homeNS, State: tcp.Listen, Local: netip.MustParseAddrPort("10.0.0.1:80"), PID: 900, Inode: 5, Cookie: 5, RecvQ: 129, SendQ: 128})
	}
	for i := range 20 {
		queue.keep(row{local: "10.0.0.1:80", remote: fmt.Sprintf("10.0.0.9:%d", 50000+i), state: tcp.CloseWait})
	}
	queue.watched()
	queue.seen.Incoming = []host.Flow{{PID: 900, NetNS: homeNS, Port: 80, Opened: 40, Stacks: []host.Site{site(dial, 12)}},
		{PID: 900, NetNS: homeNS, Port: 81, Opened: 40, Stacks: []host.Site{site(bad, 12)}}, {PID: 901, NetNS: homeNS, Port: 80, Opened: 40, Stacks: []host.Site{site(bad, 12)}}}

	scan := app()
	for i := range 60 {
		scan.connects(66, "worm", fmt.Sprintf("192.0.2.%d:445", i+1), 1, 1)
		stacks(scan, i, site(bad, 1))
	}
	binds := hundred().keep(rows(100, 32768, row{local: "10.0.0.1:1", remote: db, state: tcp.TimeWait, port: tcp.PortBound})...).
		fails(900, "python3", "bind", errADDRINUSE, "10.0.0.1:0", 5)
	binds.seen.Failures[0].Stacks = []host.Site{site(read, 5)}

	const whoOpened = "descriptors: who opened what is held"
	for _, c := range []struct {
		name        string
		pair        *pair
		rule        rule
		want        []string
		sampled, of int
	}{ // of their own sockets only where it says so
		{"ports used up: the connects to that destination", full, portExhaustion, []string{"main.dial:41 28", "[jit] 2"}, 30, 30},
		{"churn: the connects to that destination", full, shortLivedConnections, []string{"main.dial:41 28", "[jit] 2"}, 30, 30},
		{"a storm: the calls that fail", refused, retryStorm, []string{"main.dial:41 44 failed connect"}, 44, 500},
		{"a storm: the connects there, where no call that failed was sampled", opened, retryStorm, []string{"main.dial:41 12"}, 12, 500},
		{"descriptors: the calls that fail", nofile, fdExhaustion, []string{"main.open:60 4 failed socket"}, 4, 30},
		{whoOpened, held, fdExhaustion, []string{"main.dial:41 9"}, 9, 9},
		{"nobody accepts: the line that should", queue, neverAccepted, []string{"main.dial:41 12 accept"}, 12, 40},
		{"a scan", scan, connectionScan, []string{"main.elsewhere:9 60"}, 60, 60},
		{"bind before connect: the calls that fail", binds, bindPortExhaustion, []string{"main.open:60 5 failed bind"}, 5, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := codeOfFirst(t, c.pair, c.rule)
			if d := cmp.Diff(c.want, inLines(got.Code)); d != "" || got.StacksSampled != c.sampled || got.StacksOf != c.of || got.StacksOwn != (c.name == whoOpened) {
				t.Errorf("%d of %d stacks (-want +got):\n%s", got.StacksSampled, got.StacksOf, d)
			}
		})
	}
}

// Of a leak the line is told first from which sockets only come, though another
// has more of them that come and go.
func TestCodeOfLeaks(t *testing.T) {
	const dest = "10.0.0.2:443"
	leak, busy := codeAt("main.leak", "leak.go", 31), codeAt("main.fetch", "fetch.go", 7)
	at := func(p *pair) func(int, *tcp.Socket) *host.Life {
		return func(_ int, sk *tcp.Socket) *host.Life {
			switch port := sk.Local.Port(); {
			case port < 41000:
				return p.opened(812, "shop", busy)
			case port < 42000:
				return p.opened(812, "shop", leak)
			}
			return nil // opened before anybody watched
		}
	}
	waits := func(n int, port uint16) []row {
		return rows(n, port, row{local: "10.0.0.1:1", remote: dest, state: tcp.CloseWait, pid: 812, port: tcp.PortAuto})
	}
	app := func() *pair { return newPair().process(812, "shop", host.Go, 100) }
	grows := app().keep(waits(60, 40000)...).lost(waits(1, 40500)...).add(waits(1, 40600)...).
		keep(waits(40, 41000)...).add(waits(12, 41500)...).keep(waits(20, 42000)...)
	grows.remembered(at(grows))
	got := codeOfFirst(t, grows, closeWaitLeak)
	if d := cmp.Diff([]string{"main.leak:31 52 +12", "main.fetch:7 61"}, inLines(got.Code)); d != "" || got.Sockets != 133 || got.StacksOf != 113 {
		t.Errorf("%d of %d (-want +got):\n%s", got.StacksOf, got.Sockets, d)
	}

	// One went of which nobody knows the place: it may have been any of the process,
	// and of any process where not even that is known.
	for _, c := range []struct {
		name string
		gone row
		life func(*pair) *host.Life
		want string
	}{
		{"opened at the busy place", waits(1, 43000)[0], func(p *pair) *host.Life { return p.opened(812, "shop", busy) }, "main.leak:31 52 +12"},
		{"not sampled", waits(1, 43000)[0], func(p *pair) *host.Life { return p.opened(812, "shop", nil) }, "main.fetch:7 61"},
		{"opened before anybody watched", waits(1, 43000)[0], func(*pair) *host.Life { return nil }, "main.fetch:7 61"},
		{"of another process", waits(1, 43000)[0], func(p *pair) *host.Life { return p.opened(813, "shop", nil) }, "main.fetch:7 61 +1"},
		{"of nobody that is known", waits(1, 43000)[0], func(*pair) *host.Life { return nil }, "main.fetch:7 61"},
	} {
		switch c.name {
		case "of another process":
			c.gone.pid = 813
		case "of nobody that is known":
			c.gone.pid = 0
		}
		p := app().keep(waits(60, 40000)...).add(waits(1, 40600)...).keep(waits(40, 41000)...).add(waits(12, 41500)...).lost(c.gone)
		p.remembered(func(i int, sk *tcp.Socket) *host.Life {
			if sk.Local.Port() == 43000 {
				return c.life(p)
			}
			return at(p)(i, sk)
		})
		x := p.examine()
		then, now := everyOne(p.before), everyOne(p.now)
		list := x.blame(now)
		x.growthByCode(list, then, now)
		got := inLines(x.culprit(&list[0]).Code)
		if got[0] != c.want {
			t.Errorf("one went, %s: %q, want %q first", c.name, got, c.want)
		}
	}

	// A memory of one look alone tells of no growth.
	for name, forget := range map[string]func(*pair){"the second": func(p *pair) { p.before.Lives = nil }, "the first": func(p *pair) { p.now.Lives = nil }} {
		p := app().keep(waits(60, 40000)...).keep(waits(40, 41000)...).add(waits(12, 41500)...)
		p.remembered(at(p))
		forget(p)
		for _, l := range inLines(codeOfFirst(t, p, closeWaitLeak).Code) {
			if strings.Contains(l, "+") {
				t.Errorf("only %s look has a memory: %s", name, l)
			}
		}
	}

	stands := app().keep(waits(60, 40000)...).keep(waits(40, 41000)...) // nothing comes: the larger one first
	stands.remembered(at(stands))
	if d := cmp.Diff([]string{"main.fetch:7 60", "main.leak:31 40"}, inLines(codeOfFirst(t, stands, closeWaitLeak).Code)); d != "" {
		t.Errorf("nothing grows (-want +got):\n%s", d)
	}

	accepted := newPair().process(812, "shop", host.Go, 100).keep(listen("10.0.0.1:80", 812))
	for i := range 30 {
		accepted.keep(row{local: "10.0.0.1:80", remote: fmt.Sprintf("10.0.0.9:%d", 50000+i), state: tcp.CloseWait, pid: 812, port: tcp.PortBound})
	}
	for i := range 6 {
		accepted.add(row{local: "10.0.0.1:80", remote: fmt.Sprintf("10.0.0.9:%d", 51000+i), state: tcp.CloseWait, pid: 812, port: tcp.PortBound})
	}
	accepted.remembered(func(i int, sk *tcp.Socket) *host.Life {
		if sk.State == tcp.Listen {
			return nil
		}
		return accepted.accepted(812, "shop", leak)
	})
	if d := cmp.Diff([]string{"main.leak:31 36 accept +6"}, inLines(codeOfFirst(t, accepted, closeWaitLeak).Code)); d != "" {
		t.Errorf("accepted (-want +got):\n%s", d)
	}
}

// However stacks fall, lines count no more than what was sampled, and that no
// more than what was watched.
func TestCodeAddsUp(t *testing.T) {
	p := noPortsLeft()
	p.remembered(func(i int, sk *tcp.Socket) *host.Life {
		switch i % 3 {
		case 0:
			return p.opened(812, "java", codeAt("f", "f.go", i%7))
		case 1:
			return p.opened(812, "java", nil)
		}
		return nil
	})
	for _, f := range reportOf(t, p, "en").Findings {
		for _, c := range f.Culprits {
			sum := 0
			for _, r := range c.Code {
				sum += r.Sockets
			}
			if sum != c.StacksSampled || c.StacksSampled > c.StacksOf || c.StacksOf > c.Sockets {
				t.Errorf("%s: %d of lines, %d sampled of %d of %d", f.ID, sum, c.StacksSampled, c.StacksOf, c.Sockets)
			}
		}
		if f.ID == "port-exhaustion" && !slices.ContainsFunc(f.Culprits, func(c Culprit) bool { return len(c.Code) == 7 }) {
			t.Errorf("no code in %s: %+v", f.ID, f.Culprits)
		}
	}
}

// The same for connections that are open and for sockets that are connected to
// nothing.
func TestCodeOfOtherLeaks(t *testing.T) {
	leak, pool := codeAt("main.leak", "leak.go", 31), codeAt("main.pool", "pool.go", 7)
	spread := func(i int, sk *tcp.Socket) { after(90*time.Second*time.Duration(i)/60)(i, sk) }
	open := func(s *scene) {
		s.stays(nil, s.many(60, tcp.Established, "10.0.0.2:9000", 7, spread)...)
		s.comes(s.many(5, tcp.Established, "10.0.0.2:9000", 7, after(0))...)
	}
	unconnected := func(s *scene) {
		for i := range 34 {
			if sk := s.sock(tcp.Closed, "0.0.0.0:0", "", 7); i < 30 {
				s.stays(nil, sk)
			} else {
				s.comes(sk)
			}
		}
	}
	for _, c := range []struct {
		name string
		rule rule
		draw func(*scene)
		want []string
	}{
		{"open", connectionLeak, open, []string{"main.leak:31 25 +5", "main.pool:7 40"}},
		{"connected to nothing", unconnectedSocketLeak, unconnected, []string{"main.leak:31 14 +4", "main.pool:7 20"}},
	} {
		s := newScene()
		s.process(7, "app", host.Go)
		c.draw(s)
		pools := len(s.now.Sockets) * 2 / 3 // so many of the oldest are the pool's
		pools -= pools % 20
		for _, sn := range []*host.Snapshot{s.then, s.now} {
			sn.Lives = map[uint64]*host.Life{}
			for i := range sn.Sockets {
				st := leak
				if i < pools {
					st = pool
				}
				sn.Lives[sn.Sockets[i].Cookie] = &host.Life{Opener: &host.Opener{PID: 7, Name: "app", Stack: st}}
			}
		}
		x := examine(s.then, s.now, nil)
		got := c.rule(x)
		if len(got) != 1 {
			t.Fatalf("%s: %d findings", c.name, len(got))
		}
		if d := cmp.Diff(c.want, inLines(x.culprit(&got[0].blamed[0]).Code)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		one := examine(nil, s.now, nil) // a single look knows of no growth
		if list := one.blame(everyOne(s.now)); len(list) > 0 {
			one.growthByCode(list, nil, everyOne(s.now))
			for _, l := range inLines(one.culprit(&list[0]).Code) {
				if strings.Contains(l, "+") {
					t.Errorf("%s, one glance: %s", c.name, l)
				}
			}
		}
	}
}
