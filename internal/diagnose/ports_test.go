package diagnose

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sockeye/internal/tcp"
)

// resting are TIME_WAIT rows of one destination, by the time each has left.
func resting(remote string, left ...time.Duration) []row {
	out := make([]row, len(left))
	for i, d := range left {
		out[i] = row{local: fmt.Sprintf("10.0.0.1:%d", 32768+i), remote: remote, state: tcp.TimeWait, port: tcp.PortAuto,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: d}}
	}
	return out
}

// steady is what a churn of perS connections a second leaves after a minute.
func steady(remote string, perS int) []row {
	var left []time.Duration
	for i := range perS * 60 {
		left = append(left, tcp.TimeWaitLen-time.Duration(i)*time.Second/time.Duration(perS))
	}
	return resting(remote, left...)
}

func TestPlateau(t *testing.T) {
	const dest = "10.0.0.2:3306"
	burst := func(n int, age time.Duration) []row {
		left := make([]time.Duration, n)
		for i := range left {
			left[i] = tcp.TimeWaitLen - age
		}
		return resting(dest, left...)
	}
	for _, c := range []struct {
		name    string
		pair    *pair
		rate    float64
		plateau int
		full    bool
	}{
		{"400/s level off", newPair().keep(steady(dest, 400)...), 400, 24000, false},
		{"500/s with few ports do not", newPair().setting("net.ipv4.ip_local_port_range", "32768 60000").keep(steady(dest, 450)...), 450, 27000, false},
		{"a pool that was closed at once is no rate (H6)", newPair().keep(burst(5000, 2*time.Second)...), 0, 0, false},
		{"nor some seconds ago", newPair().keep(burst(5000, 7*time.Second)...), 0, 0, false},
		{"seen in the act: nothing new", newPair().keep(steady(dest, 400)...).connects(1, "x", "10.9.9.9:1", 5, 0), 0, 0, false},
		{"seen in the act: it has just begun", newPair().keep(burst(500, 500*time.Millisecond)...).connects(1, "x", dest, 500, 0), 500, 30000, true},
		{"the server closes first: opened, but none rests here", newPair().keep(established("10.0.0.1:50000", dest, 1)).connects(1, "x", dest, 2000, 0), 0, 1, false},
		{"events were lost: what was seen opening bounds nothing", newPair().keep(steady(dest, 400)...).connects(1, "x", dest, 5, 0).lostEvents(), 400, 24000, false},
		{"failed connects leave nothing", newPair().keep(steady(dest, 10)...).connects(1, "x", dest, 2000, 1990), 10, 600, false},
		{"the standing ones stay", newPair().keep(steady(dest, 10)...).keep(rows(50, 50000, established("10.0.0.1:1", dest, 1))...), 10, 650, false},
		{"tcp_tw_reuse: a second, not a minute", newPair().setting("net.ipv4.tcp_tw_reuse", "1").keep(steady(dest, 400)...), 400, 400, false},
		{"tcp_tw_reuse with a delay of its own", newPair().setting("net.ipv4.tcp_tw_reuse", "1").setting("net.ipv4.tcp_tw_reuse_delay", "100").keep(steady(dest, 400)...), 400, 40, false},
	} {
		b := c.pair.examine().accounts[0]
		if b.rate != c.rate || b.plateau != c.plateau || (b.fullIn != nil) != c.full {
			t.Errorf("%s: rate %v, plateau %d, full %v; want %v, %d, %v", c.name, b.rate, b.plateau, b.fullIn, c.rate, c.plateau, c.full)
		}
	}
}

// The forecast agrees with a simulation that moves in steps of ten milliseconds,
// whatever rests there, stands there and comes.
func TestForecastAgainstSimulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends := rapid.SliceOfN(rapid.IntRange(0, 6000), 0, 150).Draw(t, "ends in 10 ms")
		standing := rapid.IntRange(0, 60).Draw(t, "standing")
		usable := rapid.IntRange(len(ends)+standing+1, len(ends)+standing+200).Draw(t, "usable")
		perS := rapid.Float64Range(0.1, 40).Draw(t, "per second")

		var left []time.Duration
		for _, e := range ends {
			left = append(left, time.Duration(e)*10*time.Millisecond)
		}
		p := newPair().setting("net.ipv4.tcp_tw_reuse", "0").setting("net.ipv4.ip_local_port_range", fmt.Sprintf("32768 %d", 32768+usable-1)).
			keep(resting("10.0.0.2:80", left...)...).
			keep(rows(standing, 32768+uint16(len(ends)), established("10.0.0.1:1", "10.0.0.2:80", 1))...)
		x := p.examine()
		if len(x.accounts) == 0 {
			return // nothing there
		}
		b := x.accounts[0]
		if b.used != len(ends)+standing || b.usable != usable {
			t.Fatalf("used %d of %d, want %d of %d", b.used, b.usable, len(ends)+standing, usable)
		}
		b.rate = perS
		got := b.forecast(standing, tcp.TimeWaitLen)

		full := -1
		for step := 0; step <= 6000 && full < 0; step++ {
			used := float64(standing) + perS*float64(step)/100
			for _, e := range ends {
				if e >= step {
					used++
				}
			}
			if used >= float64(usable) {
				full = step
			}
		}
		switch {
		case full < 0 && got != nil && *got < tcp.TimeWaitLen-20*time.Millisecond:
			// Full for less than a step of the simulation is no contradiction.
			used := float64(standing) + perS*got.Seconds()
			for _, d := range left {
				if d >= *got {
					used++
				}
			}
			if used < float64(usable)-1e-6 {
				t.Fatalf("forecast %v, but then only %.3f of %d are used", *got, used, usable)
			}
		case full >= 0 && got == nil && full < 5999:
			t.Fatalf("full after %d0 ms, but no forecast", full)
		case full >= 0 && got != nil:
			if d := *got - time.Duration(full)*10*time.Millisecond; d > 0 || d < -10*time.Millisecond {
				t.Fatalf("forecast %v, simulated %d0 ms", *got, full)
			}
		}
	})
}

// Shares never pass what they are parts of, whatever is listened on or reserved.
func TestAccountInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair().setting("net.ipv4.ip_local_port_range", "40000 40031").
			setting("net.ipv4.ip_local_reserved_ports", rapid.SampledFrom([]string{"", "40000-40003", "40000-40031", "40010"}).Draw(t, "reserved")).
			setting("net.ipv4.tcp_tw_reuse", rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "reuse"))
		states := []tcp.State{tcp.Established, tcp.TimeWait, tcp.CloseWait, tcp.Listen, tcp.Bound, tcp.SynSent}
		taken := map[string]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "sockets") {
			r := row{local: fmt.Sprintf("10.0.0.1:%d", rapid.IntRange(39999, 40032).Draw(t, "port")), remote: "10.0.0.2:80",
				state: rapid.SampledFrom(states).Draw(t, "state"), port: tcp.PortUse(rapid.IntRange(0, 2).Draw(t, "use")),
				timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Duration(rapid.IntRange(0, 60).Draw(t, "left")) * time.Second}}
			if taken[r.local] {
				continue
			}
			taken[r.local] = true
			if r.state == tcp.Listen || r.state == tcp.Bound {
				r.remote = ""
			}
			p.keep(r)
		}
		for _, b := range p.examine().accounts {
			if b.used < 0 || b.usable < 0 || b.used > b.usable || b.plateau < 0 {
				t.Fatalf("used %d, usable %d, plateau %d", b.used, b.usable, b.plateau)
			}
		}
	})
}

func TestGrowthOfWhatStays(t *testing.T) {
	const dest = "10.0.0.2:3306"
	standing := func(n int) *pair {
		return newPair().setting("net.ipv4.ip_local_port_range", "40000 40999").keep(rows(n, 40000, established("10.0.0.1:1", dest, 1))...)
	}
	more := func(n int) []row { return rows(n, 40500, established("10.0.0.1:1", dest, 1)) }
	for _, c := range []struct {
		name   string
		pair   *pair
		growth float64
		fullIn time.Duration // 0: never
	}{
		{"a leak never levels off", standing(300).add(more(10)...), 10, 69 * time.Second},
		{"a pool stands still", standing(300), 0, 0},
		{"some came, some went", standing(300).add(more(10)...).lost(rows(3, 40800, established("10.0.0.1:1", dest, 1))...), 0, 0},
		{"too few to call it growth", standing(300).add(more(growthLeast - 1)...), 0, 0},
		{"far from the wall", standing(20).add(more(10)...), 0, 0},
		{"one glance", standing(300).add(more(10)...).oneGlance(), 0, 0},
	} {
		b := c.pair.examine().accounts[0]
		if b.growth != c.growth {
			t.Errorf("%s: grows by %v/s, want %v", c.name, b.growth, c.growth)
		}
		var fullIn time.Duration
		if b.fullIn != nil {
			fullIn = b.fullIn.Round(time.Second)
		}
		if fullIn != c.fullIn {
			t.Errorf("%s: full in %v, want %v", c.name, fullIn, c.fullIn)
		}
		if l := b.limit(); (l.SteadyState == nil) != (c.growth > 0) {
			t.Errorf("%s: steady state %v while growing by %v/s", c.name, l.SteadyState, b.growth)
		}
	}
}

// lostEvents says that some events found no room.
func (s *pair) lostEvents() *pair {
	s.watched().seen.Lost = 1000
	return s
}

// What opens where no port is left is what expires: it is neither the rate that
// was wanted nor a use that levels off.
func TestExhaustedHasNoRate(t *testing.T) {
	const dest = "10.0.0.2:3306"
	full := newPair().setting("net.ipv4.ip_local_port_range", "32768 33367").keep(steady(dest, 10)...)
	if l := full.examine().accounts[0].limit(); l.RatePerS != nil || l.SteadyState != nil || l.FullInS != nil {
		t.Errorf("a limit without room has rate %v, steady state %v, full in %v; want all unknown", l.RatePerS, l.SteadyState, l.FullInS)
	}
	room := newPair().keep(steady(dest, 10)...)
	if l := room.examine().accounts[0].limit(); l.RatePerS == nil || *l.RatePerS != 10 {
		t.Errorf("a limit with room has rate %v, want 10", l.RatePerS)
	}
	// Ages unknown and events lost: nobody can tell the rate.
	ageless := newPair().keep(rows(600, 40000, row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait})...).connects(1, "x", dest, 10, 0).lostEvents()
	if l := ageless.examine().accounts[0].limit(); l.RatePerS != nil {
		t.Errorf("rate %v of what nobody could count", *l.RatePerS)
	}
}

// Growth is of the group's own connections, whatever else goes to the same
// machine, from the same address or through another namespace's look-alike.
func TestGrowthOfManyGroups(t *testing.T) {
	p := newPair().setting("net.ipv4.ip_local_port_range", "40000 40999")
	for i := range 20 {
		dest := fmt.Sprintf("10.0.1.%d:443", i)
		p.keep(rows(300, 40000, established("10.0.0.1:1", dest, 1))...)
		if i%2 == 0 {
			p.add(rows(10, 40500, established("10.0.0.1:1", dest, 1))...)
		} else {
			p.add(rows(10, 40500, established("10.0.0.9:1", dest, 1))...)
		}
	}
	growing := 0
	for _, b := range p.examine().accounts {
		even := b.group.key.remote.Addr().As4()[3]%2 == 0
		if mine := even && b.group.key.laddr.String() == "10.0.0.1"; (b.growth == 10) != mine || (!mine && b.growth != 0) {
			t.Errorf("%s to %s grows by %v/s", b.group.key.laddr, b.group.key.remote, b.growth)
		} else if mine {
			growing++
		}
	}
	if growing != 10 {
		t.Errorf("%d groups grow, want 10", growing)
	}
}
