package diagnose

import (
	"strings"
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
	frozenSample = 2000
)

// timeWaitStuck: TIME_WAIT that does not run down, because the kernel's clock of
// such timers stands still (seen on other systems after 49.7 or 497 days). On
// Linux it takes the same sockets, by cookie, in both looks to say so.
func timeWaitStuck(x *examination) []*found {
	if f := x.clockMayStand(); f != nil {
		return []*found{f}
	}
	elapsed := x.elapsed()
	if elapsed < frozenWindow || !x.cookies() {
		return nil
	}
	// A clock stands still for all or for none: a sample tells whether to look at
	// each of what may be a million.
	all := x.state(tcp.TimeWait)
	if probe := sample(all, frozenSample); len(probe) < frozenLeast || x.frozen(probe, elapsed) == nil {
		return nil
	}
	by := x.frozen(all, elapsed)
	var out []*found
	for _, s := range x.spaces {
		c, ok := by[s.ns.Inode]
		if !ok || len(c.frozen) < frozenLeast || float64(len(c.frozen)) < frozenShare*float64(c.stayed) {
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

// Systems whose TIME_WAIT never ends after some uptime, and from how many on it
// is worth a word: macOS after 2^32 ms, Windows Vista to 2008 R2 (kernels 6.0 and
// 6.1) after 2^32 ticks of 10 ms (KB2553549).
const (
	macClockStands     = 1 << 32 * time.Millisecond
	windowsClockStands = 1 << 32 * 10 * time.Millisecond
	standingLeast      = 1000
)

// clockMayStand tells, of one glance, that the many TIME_WAIT there are may be ones
// that never end, by the system and its uptime.
func (x *examination) clockMayStand() *found {
	m := x.now.Machine
	old := x.os == "windows" && (strings.HasPrefix(m.Kernel, "6.0") || strings.HasPrefix(m.Kernel, "6.1")) && m.Uptime >= windowsClockStands
	if !old && (x.os != "darwin" || m.Uptime < macClockStands) {
		return nil
	}
	all := x.state(tcp.TimeWait)
	if len(all) < standingLeast {
		return nil
	}
	f := &found{id: "time-wait-stuck", severity: Notice, certainty: Possible, ns: x.onlyNamespace(), wide: true}
	f.values = knowledge.Values{Kind: "uptime", Count: uint64(len(all)), Total: uint64(len(all)), Age: m.Uptime}
	f.dests = destinations(all)
	f.facts = []fact{{key: "uptime", value: m.Uptime.Seconds(), source: x.socketSource()}}
	f.cures = []string{"update-and-restart"}
	return f
}

// still are the TIME_WAIT sockets of a namespace that were seen twice.
type still struct {
	stayed int
	frozen []*tcp.Socket // of those, with as much time left as before
}

// frozen compares the time that TIME_WAIT sockets have left with what they had
// in the first look, by namespace; nil when all run down.
func (x *examination) frozen(now []*tcp.Socket, elapsed time.Duration) map[uint64]still {
	left := make(map[uint64]*tcp.Socket, len(now))
	for _, sk := range now {
		if sk.Cookie != 0 && sk.Timer.Kind == tcp.TimerTimeWait {
			left[sk.Cookie] = sk
		}
	}
	by := map[uint64]still{}
	stopped := false
	for _, then := range x.stateThen(tcp.TimeWait) {
		sk := left[then.Cookie]
		if sk == nil || sk.NetNS != then.NetNS || then.Timer.Kind != tcp.TimerTimeWait {
			continue
		}
		c := by[sk.NetNS]
		c.stayed++
		if sk.Timer.Expires > then.Timer.Expires-elapsed/2 {
			c.frozen = append(c.frozen, sk)
			stopped = true
		}
		by[sk.NetNS] = c
	}
	if !stopped {
		return nil
	}
	return by
}

// sample takes at most about so many of a list, evenly.
func sample(list []*tcp.Socket, most int) []*tcp.Socket {
	step := len(list)/most + 1
	out := make([]*tcp.Socket, 0, len(list)/step+1)
	for i := 0; i < len(list); i += step {
		out = append(out, list[i])
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
