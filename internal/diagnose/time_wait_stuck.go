package diagnose

import (
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// TIME_WAIT sockets whose timers stand still: at least as many as make a clock
// bug the only explanation (a few may be set back to 60 s by a peer that repeats
// its FIN), and nearly all of those that can be compared.
const (
	frozenLeast = 20
	frozenShare = 0.9
	// The window must be long enough that a timer read a moment late still shows.
	frozenWindow = 500 * time.Millisecond
)

// timeWaitStuck: TIME_WAIT that does not run down, because the kernel's clock of
// such timers stands still (seen on other systems after 49.7 or 497 days). On
// Linux it takes the same sockets, by cookie, in both looks to say so.
func timeWaitStuck(x *examination) []*found {
	elapsed := x.elapsed()
	if elapsed < frozenWindow || !x.cookies() {
		return nil
	}
	stayed, _, _ := x.changeIn(tcp.TimeWait, func(sk *tcp.Socket) bool {
		return sk.Cookie != 0 && sk.Timer.Kind == tcp.TimerTimeWait
	})
	type count struct {
		stayed int
		frozen []*tcp.Socket
	}
	by := map[uint64]*count{}
	for i, then := range x.earlier(stayed) {
		sk := stayed[i]
		c := by[sk.NetNS]
		if c == nil {
			c = &count{}
			by[sk.NetNS] = c
		}
		c.stayed++
		if then != nil && sk.Timer.Expires > then.Timer.Expires-elapsed/2 {
			c.frozen = append(c.frozen, sk)
		}
	}
	var out []*found
	for _, s := range x.spaces {
		c := by[s.ns.Inode]
		if c == nil || len(c.frozen) < frozenLeast || float64(len(c.frozen)) < frozenShare*float64(c.stayed) {
			continue
		}
		f := &found{id: "time-wait-stuck", severity: Warning, certainty: Proven, ns: s.ns.Inode, wide: true}
		f.values = knowledge.Values{Count: uint64(len(c.frozen)), Total: uint64(s.byState[tcp.TimeWait]), Age: x.now.Machine.Uptime}
		f.dests = destinations(c.frozen)
		f.facts = append(f.facts, fact{key: "frozen", value: float64(len(c.frozen)), source: x.socketSource()})
		if x.now.Machine.Uptime > 0 {
			f.facts = append(f.facts, fact{key: "uptime", value: x.now.Machine.Uptime.Seconds(), source: "/proc/uptime"})
		}
		f.cures = []string{"update-and-restart"}
		out = append(out, f)
	}
	return out
}

// elapsed is the time between the two looks by the more careful of two clocks:
// the wall clock may have been set in between, the uptime not.
func (x *examination) elapsed() time.Duration {
	d := x.window
	if x.before != nil && x.before.Machine.Uptime > 0 && x.now.Machine.Uptime > 0 {
		d = min(d, x.now.Machine.Uptime-x.before.Machine.Uptime)
	}
	return d
}
