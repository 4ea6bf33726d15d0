package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// small is a pair with so many ports in the range, from 32768 on.
func small(ports string) *pair {
	return newPair().process(812, "java", "jvm", 1).setting("net.ipv4.ip_local_port_range", ports)
}

func TestPortExhaustion(t *testing.T) {
	const dest = "10.0.0.2:3306"
	kept := established("10.0.0.1:50000", dest, 812)
	old := func(n int) []row { // resting for so long that they tell no rate
		left := make([]time.Duration, n)
		for i := range left {
			left[i] = 20 * time.Second
		}
		return resting(dest, left...)
	}
	testRule(t, portExhaustion, []ruleCase{
		{name: "every port taken", looks: small("32768 33767").keep(old(1000)...).keep(kept), want: []verdict{{Critical, Proven, 812, dest}}, facts: []string{"used", "usable", "time-wait"}},
		{name: "the failure was seen", looks: small("32768 33767").keep(old(950)...).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40),
			want: []verdict{{Critical, Proven, 812, dest}}, facts: []string{"used", "usable", "failed", "time-wait"}},
		{name: "nearly, and growing past the wall", looks: small("32768 33567").keep(justBegun(dest, 20)...).keep(resting2(dest, 600, 130)...).keep(kept).connects(812, "java", dest, 20, 0), want: []verdict{{Critical, Likely, 812, dest}}},
		{name: "nearly, one glance, no rate", looks: small("32768 33767").oneGlance().keep(old(950)...).keep(kept), want: []verdict{{Warning, Possible, 812, dest}}},
		{name: "levels off just below the wall", looks: small("32768 33399").keep(steady(dest, 10)...).keep(kept), want: []verdict{{Notice, Likely, 812, dest}}},
		{name: "a quarter in use", looks: newPair().keep(steady(dest, 100)...)},
		{name: "2,535 of 28,232 (H4)", looks: newPair().keep(old(2535)...)},
		{name: "a server's own TIME_WAIT (H1)", looks: newPair().keep(listen("10.0.0.1:8080", 812)).
			keep(rows(1, 8080, row{local: "10.0.0.1:1", remote: "10.0.0.9:50000", state: tcp.TimeWait})...)},
		{name: "the same errno with ports to spare is another finding", looks: newPair().keep(old(10)...).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40)},
		{name: "one failure proves it", looks: small("32768 33767").keep(old(950)...).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1), want: []verdict{{Critical, Proven, 812, dest}}},
		{name: "and where tcp_tw_reuse has the ports again since", looks: small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(old(1000)...).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1), want: []verdict{{Critical, Proven, 812, dest}}, facts: []string{"usable", "failed", "reusable"}},
		{name: "half of the ports are free (tcp_tw_reuse): it is unclear", looks: reusing(510).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1),
			want: []verdict{{Warning, Possible, 812, dest}}, facts: []string{"used", "usable", "failed", "reusable"}},
		{name: "a tenth of them is free: it is unclear", looks: reusing(899).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40), want: []verdict{{Warning, Possible, 812, dest}}},
		{name: "nine tenths were taken", looks: reusing(900).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40), want: []verdict{{Critical, Proven, 812, dest}}},
		{name: "they were in the first look", looks: reusing(510).lost(rows(400, 40000, established("10.0.0.1:1", dest, 812))...).lost(resting2(dest, 510, 10)...).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1), want: []verdict{{Warning, Possible, 812, dest}}}, // 40000 is of no range
		{name: "nine tenths were taken in the first look", looks: reusing(510).lost(resting2(dest, 510, 400)...).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1), want: []verdict{{Critical, Proven, 812, dest}}},
		{name: "a port that another connection has since is one", looks: reusing(510).lost(resting2(dest, 0, 510)...).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 1), want: []verdict{{Warning, Possible, 812, dest}}},
		{name: "as many came and went without TIME_WAIT: likely", looks: reusing(510).connects(812, "java", dest, 700, 0).ends(host.Ends{LocalLinger: 390}, time.Millisecond).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40), want: []verdict{{Warning, Likely, 812, dest}}},
		{name: "those in TIME_WAIT are counted already", looks: reusing(510).connects(812, "java", dest, 700, 0).ends(host.Ends{Local: 390}, time.Millisecond).
			fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40), want: []verdict{{Warning, Possible, 812, dest}}},
		{name: "of two source addresses the fuller one", looks: reusing(500).keep(elsewhere(950)...).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40),
			want: []verdict{{Critical, Proven, 812, dest}}},
		{name: "also where most of its ports may be taken again", looks: reusing(950).keep(elsewhere(600)...).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 40),
			want: []verdict{{Critical, Proven, 812, dest}}},
		{name: "another errno proves nothing", looks: small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(old(1000)...).fails(812, "java", "connect", errTIMEDOUT, dest, 40)},
		{name: "nor do binds", looks: small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(old(1000)...).fails(812, "java", "bind", errADDRNOTAVAIL, dest, 40)},
		{name: "reusable ports are not used up", looks: small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(old(1000)...)},
		{name: "a program's shutdown is no growth (H6)", looks: newPair().keep(func() []row {
			left := make([]time.Duration, 6000)
			for i := range left {
				left[i] = 57 * time.Second
			}
			return resting(dest, left...)
		}()...)},
	})
}

// reusing is a machine on which tcp_tw_reuse may take so many ports of a thousand again.
func reusing(n int) *pair {
	return small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(resting2("10.0.0.2:3306", 0, n)...)
}

// elsewhere are n connections from another address of this machine.
func elsewhere(n int) []row { return rows(n, 32768, established("10.0.0.7:1", "10.0.0.2:3306", 812)) }

// A failure without a lack of ports is not told as one.
func TestUnclearIsSaid(t *testing.T) {
	x := reusing(510).fails(812, "java", "connect", errADDRNOTAVAIL, "10.0.0.2:3306", 1).examine()
	got := portExhaustion(x)
	if len(got) != 1 || slices.Contains(got[0].cures, "widen-port-range") {
		t.Fatalf("findings %+v", got)
	}
	for lang, want := range map[string][]string{
		"en": {"connect() to 10.0.0.2:3306 fails with EADDRNOTAVAIL, though ports are free", "Yet 490 of the 1,000 usable ports"},
		"zh": {"但还有端口空闲", "1,000 个端口里都有 490 个空闲"},
	} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := x.inWords(got[0], book); err != nil || !strings.Contains(w.Title, want[0]) || !strings.Contains(w.Explanation, want[1]) {
			t.Errorf("%s: %q\n%s (%v)", lang, w.Title, w.Explanation, err)
		}
	}
}

// justBegun are 600 TIME_WAIT rows that have half a minute left, but for the perS
// newest, of the last second.
func justBegun(dest string, perS int) []row {
	left := make([]time.Duration, 600)
	for i := range left {
		left[i] = 30 * time.Second
		if i < perS {
			left[i] = tcp.TimeWaitLen - time.Duration(i)*time.Second/time.Duration(perS)
		}
	}
	return resting(dest, left...)
}

// resting2 are n more TIME_WAIT rows, with 30 s left, from the first port + from on.
func resting2(dest string, from, n int) []row {
	return rows(n, 32768+uint16(from), row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait, port: tcp.PortAuto,
		timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 30 * time.Second}})
}

func TestShortLivedConnections(t *testing.T) {
	const dest = "10.0.0.2:3306"
	testRule(t, shortLivedConnections, []ruleCase{
		{name: "seen in the act", looks: newPair().process(812, "java", "jvm", 1).keep(steady(dest, 100)...).keep(established("10.0.0.1:50000", dest, 812)),
			want: []verdict{{Notice, Likely, 812, dest}}, facts: []string{"time-wait", "established", "rate"}},
		{name: "no ages: one glance", looks: newPair().oneGlance().keep(rows(5000, 32768, row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait})...),
			want: []verdict{{Notice, Possible, 0, dest}}, facts: []string{"time-wait", "established"}},
		{name: "it has just begun, seen", looks: newPair().process(812, "java", "jvm", 1).keep(steady(dest, 100)[:100]...).keep(established("10.0.0.1:50000", dest, 812)).connects(812, "java", dest, 100, 0),
			want: []verdict{{Notice, Likely, 812, dest}}},
		{name: "monitoring (H4)", looks: newPair().keep(steady(dest, 40)...)},
		{name: "a pool (H8, H23)", looks: newPair().keep(rows(5000, 32768, established("10.0.0.1:1", dest, 812))...).keep(resting2(dest, 6000, 800)...)},
		{name: "a handful in a small range", looks: small("32768 32867").keep(steady(dest, 0)...).keep(resting2(dest, 0, 20)...)},
	})
}

func TestPortRangeNarrow(t *testing.T) {
	out := established("10.0.0.1:40000", "10.0.0.2:80", 812)
	testRule(t, portRangeNarrow, []ruleCase{
		{name: "a thousand ports", looks: small("32768 33767").keep(out), want: []verdict{{Notice, Proven, 0, ""}}, facts: []string{"range"}},
		{name: "reserved away", looks: newPair().setting("net.ipv4.ip_local_reserved_ports", "32768-59999").keep(out),
			want: []verdict{{Notice, Proven, 0, ""}}, facts: []string{"range", "reserved"}},
		{name: "default (H22)", looks: newPair().keep(out)},
		{name: "nobody goes out from here", looks: small("32768 33767").keep(listen("10.0.0.1:80", 812))},
	})
}

// Of the ports taken, as many are in TIME_WAIT as tcp_tw_reuse cannot have again.
func TestTimeWaitIsOfTheUsed(t *testing.T) {
	const dest = "10.0.0.2:3306"
	young := rows(96, 32872, row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait, port: tcp.PortAuto,
		timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 59500 * time.Millisecond}})
	p := small("32768 32867").setting("net.ipv4.tcp_tw_reuse", "1").setting("net.ipv4.ip_local_port_range", "32768 32967").
		keep(resting2(dest, 0, 104)...).keep(young...).connects(812, "java", dest, 95, 0).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 5)
	x := p.examine()
	if b := x.accounts[0]; b.used != 96 || b.reuse != 104 || b.usable != 200 {
		t.Fatalf("%d used, %d to be taken again, of %d", b.used, b.reuse, b.usable)
	}
	b := x.accounts[0]
	b.used = 190 // as with a hundred more that are open
	f := x.portsRunOut(x.pressedBy(b))
	told := map[string]float64{}
	for _, fc := range f.facts {
		told[fc.key] = fc.value
	}
	if told["time-wait"] != 96 || told["reusable"] != 104 {
		t.Errorf("facts %v", told)
	}
	tellAll(t, p, []*found{f})
}

// What a narrow range carries depends on when tcp_tw_reuse has the ports again.
func TestPortRest(t *testing.T) {
	far, near := established("10.0.0.1:40000", "10.0.0.2:80", 812), established("127.0.0.1:40001", "127.0.0.1:80", 812)
	for _, c := range []struct {
		name                 string
		reuse, stamps, delay string
		rows                 []row
		kind                 string
		rest                 time.Duration
	}{
		{"off", "0", "1", "1000", []row{far}, "rest", time.Minute},
		{"on", "1", "1", "1000", []row{far}, "reuse", time.Second},
		{"on, before the delay was a setting", "1", "1", "", []row{far}, "reuse", time.Second},
		{"on, a delay of its own", "1", "1", "250", []row{far}, "reuse", 250 * time.Millisecond},
		{"on, no delay", "1", "1", "0", []row{far}, "reuse", 0},
		{"on, a delay past TIME_WAIT", "1", "1", "90000", []row{far}, "reuse", time.Minute},
		{"on, no timestamps", "1", "0", "1000", []row{far}, "rest", time.Minute},
		{"default, elsewhere", "2", "1", "1000", []row{far}, "rest", time.Minute},
		{"default, loopback", "2", "1", "1000", []row{near}, "reuse", time.Second},
		{"default, both", "2", "1", "1000", []row{far, near}, "far", time.Minute},
	} {
		p := small("32768 42000").setting("net.ipv4.tcp_tw_reuse", c.reuse).setting("net.ipv4.tcp_timestamps", c.stamps).
			setting("net.ipv4.tcp_tw_reuse_delay", c.delay).keep(c.rows...)
		got := portRangeNarrow(p.examine())
		if len(got) != 1 || got[0].values.Kind != c.kind || got[0].values.Age != c.rest {
			t.Errorf("%s: %+v, want %s %v", c.name, got, c.kind, c.rest)
			continue
		}
		if c.rest > 0 && got[0].values.Rate != 9233/c.rest.Seconds() {
			t.Errorf("%s: carries %v/s", c.name, got[0].values.Rate)
		}
		tellAll(t, p, got)
	}
}

func TestBindPortExhaustion(t *testing.T) {
	bound := func(n int, use tcp.PortUse) []row {
		var out []row
		for i, r := range rows(n, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.Established, pid: 812, port: use}) {
			if i%2 == 1 {
				r.remote = "10.0.0.3:80"
			}
			out = append(out, r)
		}
		return out
	}
	testRule(t, bindPortExhaustion, []ruleCase{
		{name: "all taken", looks: small("32768 32867").keep(bound(100, tcp.PortBound)...), want: []verdict{{Critical, Proven, 812, "10.0.0.2:80"}}, facts: []string{"used", "bound"}},
		{name: "failures seen", looks: small("32768 32867").keep(bound(60, tcp.PortBound)...).fails(812, "java", "bind", errADDRINUSE, "10.0.0.1:0", 9),
			want: []verdict{{Critical, Proven, 812, "10.0.0.2:80"}}, facts: []string{"used", "bound", "failed"}},
		{name: "nearly", looks: small("32768 32867").keep(bound(92, tcp.PortBound)...), want: []verdict{{Warning, Possible, 812, "10.0.0.2:80"}}},
		{name: "inferred", looks: small("32768 32867").keep(bound(100, tcp.PortUnknown)...), want: []verdict{{Critical, Likely, 812, "10.0.0.2:80"}}, facts: []string{"used", "inferred"}},
		{name: "half", looks: small("32768 32867").keep(bound(50, tcp.PortBound)...)},
		{name: "connect() chose them", looks: small("32768 32867").keep(bound(100, tcp.PortAuto)...)},
		{name: "a bind to a port of its own is another finding", looks: small("32768 32867").keep(bound(50, tcp.PortBound)...).fails(812, "java", "bind", errADDRINUSE, "10.0.0.1:8080", 9)},
	})
}

// Where the range itself has nothing left, that is one trouble of the namespace.
func TestNoPortAtAll(t *testing.T) {
	bound := rows(100, 32768, row{local: "10.0.0.1:1", state: tcp.Bound, pid: 7})
	var out []row
	for i := range 20 {
		out = append(out, established(fmt.Sprintf("10.0.0.1:%d", 50000+i), fmt.Sprintf("10.0.0.%d:443", i+2), 812))
	}
	testRule(t, portExhaustion, []ruleCase{
		{name: "held by bind()", looks: small("32768 32867").process(7, "hog", "", 1).keep(bound...).keep(out...),
			want: []verdict{{Critical, Proven, 7, "10.0.0.2:443"}}, facts: []string{"usable"}},
		{name: "nothing is open, but it is tried", looks: small("32768 32867").process(7, "hog", "", 1).keep(bound...).fails(812, "java", "connect", errADDRNOTAVAIL, "10.0.0.2:443", 9),
			want: []verdict{{Critical, Proven, 7, "10.0.0.2:443"}}, facts: []string{"usable", "failed"}},
		{name: "all of it reserved", looks: small("32768 32867").setting("net.ipv4.ip_local_reserved_ports", "32768-32867").fails(812, "java", "connect", errADDRNOTAVAIL, "10.0.0.2:443", 9),
			want: []verdict{{Critical, Proven, 812, "10.0.0.2:443"}}},
		{name: "nobody goes out", looks: small("32768 32867").keep(bound...)},
	})
	x := small("32768 32867").keep(bound...).fails(812, "java", "connect", errADDRNOTAVAIL, "10.0.0.2:443", 90).examine()
	if storms := retryStorm(x); len(storms) != 0 {
		t.Errorf("%d storms of connects that find no port, want none", len(storms))
	}
}

// A shortage towards many destinations is told five times at most.
func TestPortExhaustionIsCapped(t *testing.T) {
	p := small("32768 32867")
	for i := range 12 {
		p.keep(rows(95+i%6, 32768, row{local: "10.0.0.1:1", remote: fmt.Sprintf("10.0.1.%d:443", i), state: tcp.Established, pid: 812, port: tcp.PortAuto})...)
	}
	got := portExhaustion(p.examine())
	tellAll(t, p, got)
	if len(got) != portsApart {
		t.Fatalf("%d findings, want %d", len(got), portsApart)
	}
	for i, f := range got {
		if want := uint64(0); f.values.Dests != want && i < portsApart-1 {
			t.Errorf("finding %d is of %d destinations", i, f.values.Dests)
		}
	}
	last := got[portsApart-1]
	if last.values.Dests != 8 || len(last.dests) != 8 {
		t.Errorf("the last finding is of %d destinations and lists %d, want 8", last.values.Dests, len(last.dests))
	}
	if got[0].severity != Critical || got[1].severity != Critical || last.severity != Warning {
		t.Errorf("severities %s, %s … %s: the worst must come first", got[0].severity, got[1].severity, last.severity)
	}
	p = small("32768 32867")
	for i := range portsApart {
		p.keep(rows(100, 32768, row{local: "10.0.0.1:1", remote: fmt.Sprintf("10.0.1.%d:443", i), state: tcp.Established, pid: 812, port: tcp.PortAuto})...)
	}
	for i, f := range portExhaustion(p.examine()) {
		if f.values.Dests != 0 {
			t.Errorf("finding %d of %d is of several destinations", i, portsApart)
		}
	}
}

// tcp_tw_reuse acts in connect() alone.
func TestReuseIsNoCureForBoundPorts(t *testing.T) {
	const dest = "10.0.0.2:3306"
	with := func(use tcp.PortUse) *budget {
		p := small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "0")
		for _, r := range steady(dest, 10) {
			r.port = use
			p.keep(r)
		}
		return p.examine().accounts[0]
	}
	for use, want := range map[tcp.PortUse]bool{tcp.PortAuto: true, tcp.PortUnknown: true, tcp.PortBound: false} {
		b := with(use)
		if got := slices.Contains((&examination{}).kernelPortCures(b), "tw-reuse"); got != want {
			t.Errorf("port use %d: tw-reuse offered: %v, want %v", use, got, want)
		}
	}
	p := small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "0")
	for _, r := range steady(dest, 10) {
		r.port = tcp.PortBound
		p.keep(r)
	}
	if f := shortLivedConnections(p.examine()); len(f) != 1 || !slices.Contains(f[0].cures, "no-port-at-bind") || slices.Contains(f[0].cures, "tw-reuse") {
		t.Errorf("cures of churn on bound ports: %+v", f)
	}
}

// What is failing already does not "run out in half a second".
func TestFailingNowIsSaid(t *testing.T) {
	const dest = "10.0.0.2:3306"
	p := small("32768 33767").keep(justBegun(dest, 200)...).keep(resting2(dest, 600, 300)...).
		connects(812, "java", dest, 300, 0).fails(812, "java", "connect", errADDRNOTAVAIL, dest, 5)
	x := p.examine()
	got := portExhaustion(x)
	if len(got) != 1 || x.accounts[0].fullIn == nil {
		t.Fatalf("%d findings, full in %v", len(got), x.accounts[0].fullIn)
	}
	for lang, want := range map[string]string{"en": "running out now; connects already fail", "zh": "正在用完"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := x.inWords(got[0], book); err != nil || !strings.Contains(w.Title, want) {
			t.Errorf("%s: %q, want %q (%v)", lang, w.Title, want, err)
		}
	}
}

func TestReusableIsToldAsAtMost(t *testing.T) {
	p := small("32768 33767").setting("net.ipv4.tcp_tw_reuse", "1").keep(resting2("10.0.0.2:3306", 0, 40)...).
		keep(rows(950, 32818, established("10.0.0.1:1", "10.0.0.2:3306", 812))...)
	testRule(t, portExhaustion, []ruleCase{{name: "nearly full", looks: p, want: []verdict{{Warning, Possible, 812, "10.0.0.2:3306"}},
		facts: []string{"used", "usable", "reusable"}}})
}
