package diagnose

import (
	"testing"
	"time"

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
