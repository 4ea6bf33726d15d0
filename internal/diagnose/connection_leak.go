package diagnose

import (
	"slices"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// A pool that fills up opens new connections because the others are busy, and
// stops at its size; a leak opens new ones while the old lie idle. Fifty idle
// ones is more than common pools keep (10 to 20, HEALTHY.md H8).
const (
	leakIdle     = 50
	leakIdlePart = 0.9
	leakOpened   = 3
	leakClosed   = 10 // for every one closed so many opened
	leakSpread   = 10 * time.Second
	// Beside connections that are busy an idle one must have rested this long:
	// longer than a client's user thinks between two clicks of a load test.
	leakRest = 5 * time.Second
	// A window of a second cannot tell a pool that warms up from a leak. Pools
	// fill within seconds; who still opens after a minute does not fill a pool.
	leakLong = time.Minute
	// A leak that meets a wall within this time is a warning even if unsure.
	leakSoon = time.Hour
	// A proxy opens one upstream connection for every client it accepts.
	leakMirror = 0.5
)

// Of one look only the ages tell: idle for anything up to an hour and more,
// evenly: one was opened every few seconds, used once, and kept.
const (
	spreadLeast = 200
	spreadOver  = time.Hour
	spreadFlaw  = 0.15 // the greatest distance from an even spread
)

// connectionLeak: a program opens connections to one destination and closes
// none. Accepted connections are not judged: their number is the clients' doing.
func connectionLeak(x *examination) []*found {
	var out []*found
	then := x.openThen()
	for _, s := range x.spaces {
		for g := range s.groups() {
			if g.in(tcp.Established) < leakIdle {
				continue
			}
			if f := x.leakOf(s, g, then[openKeyOf(s, g)]); f != nil {
				out = append(out, f)
			}
		}
	}
	slices.SortFunc(out, func(a, b *found) int { return slices.Compare(leakOrder(a), leakOrder(b)) })
	return out
}

func leakOrder(f *found) []string { return []string{inode(f.ns), f.values.Laddr, f.values.Dest} }

type openKey struct {
	ns uint64
	groupKey
}

func openKeyOf(s *space, g group) openKey { return openKey{s.ns.Inode, g.key} }

// openThen returns what was ESTABLISHED in the first look, for the groups that matter.
func (x *examination) openThen() map[openKey][]*tcp.Socket {
	out := map[openKey][]*tcp.Socket{}
	var ports host.Ports // a cheap look before the expensive one
	for _, s := range x.spaces {
		for g := range s.groups() {
			if g.in(tcp.Established) >= leakIdle {
				out[openKeyOf(s, g)] = nil
				ports.Add(g.key.remote.Port())
			}
		}
	}
	if len(out) == 0 {
		return out
	}
	for _, sk := range x.stateThen(tcp.Established) {
		if !ports.Has(sk.Remote.Port()) {
			continue
		}
		k := openKey{sk.NetNS, groupKey{sk.Local.Addr(), sk.Remote}}
		if list, ok := out[k]; ok {
			out[k] = append(list, sk)
		}
	}
	return out
}

func (x *examination) leakOf(s *space, g group, then []*tcp.Socket) *found {
	open := only(g.members, func(sk *tcp.Socket) bool { return sk.State == tcp.Established && !sk.Orphan })
	f := &found{id: "connection-leak", severity: Warning, ns: s.ns.Inode}
	var idle []*tcp.Socket
	var gr growth
	var growing bool
	if x.before != nil {
		stayed, came, gone := x.compare(then, open)
		gr = growth{len(stayed), len(came), gone}
		if gr.came >= leakOpened && gr.gone*leakClosed <= gr.came {
			stayed = heldAlike(stayed, came)
			idle = x.untouched(then, stayed)
			growing = len(idle) >= leakIdle-leakOpened &&
				(float64(len(idle)) >= leakIdlePart*float64(len(stayed)) || rested(idle) >= leakIdle)
		}
		if growing && x.mirrors(s, open, came, gone) {
			return nil
		}
	}
	longest := longestIdle(open)
	switch {
	case growing && longest >= leakLong && steadily(idle):
		f.certainty = Likely
	case growing:
		f.certainty = Possible
		f.values.Kind = "unsure"
	case len(open) >= spreadLeast && evenly(open):
		f.severity, f.certainty = Notice, Possible
	default:
		return nil
	}
	f.blamed = x.blame(open)
	x.growthByCode(f.blamed, then, open)
	f.dests = []Destination{{addrName(g.key.remote.Addr()), g.key.remote.Port(), len(open)}}
	f.values = knowledge.Values{Count: uint64(len(open)), Other: uint64(len(idle)), Age: longest, Kind: f.values.Kind, Dest: endName(g.key.remote),
		Laddr: addrName(g.key.laddr), Raddr: addrName(g.key.remote.Addr()), Rport: g.key.remote.Port(), State: tcp.Established.String()}
	source := x.socketSource()
	f.facts = append(f.facts, fact{key: "open", value: float64(len(open)), source: source})
	if growing {
		f.values.Rate = gr.perSecond(x.window)
		v := f.values
		v.Count, v.Other, v.Window = uint64(gr.came), uint64(gr.gone), x.window
		f.facts = append(f.facts, fact{key: "growth", value: float64(gr.came), source: source, values: &v},
			fact{key: "idle", value: float64(len(idle)), source: source})
		files, ports := x.untilFull(f), x.untilNoPort(f, g)
		if soon := min(files, ports); f.certainty == Possible && soon > leakSoon {
			f.severity = Notice
		}
	}
	if longest >= leakSpread {
		f.facts = append(f.facts, fact{key: "age", value: longest.Seconds(), source: source})
	}
	f.cures = []string{"close-connections", "reuse-connections"}
	return f
}

// idleAge is how long no data has moved on a connection.
func idleAge(sk *tcp.Socket) (time.Duration, bool) {
	if sk.Info == nil {
		return 0, false
	}
	return min(sk.Info.LastRecv, sk.Info.LastSend), true
}

func longestIdle(socks []*tcp.Socket) (d time.Duration) {
	for _, sk := range socks {
		a, _ := idleAge(sk)
		d = max(d, a)
	}
	return d
}

// evenly reports whether the idle ages are spread evenly over a long time
// (Kolmogorov's distance from the even distribution).
func evenly(socks []*tcp.Socket) bool {
	ages := make([]float64, 0, len(socks))
	for _, sk := range socks {
		a, ok := idleAge(sk)
		if !ok {
			return false
		}
		ages = append(ages, a.Seconds())
	}
	slices.Sort(ages)
	longest := ages[len(ages)-1]
	if longest < spreadOver.Seconds() {
		return false
	}
	for i, a := range ages {
		if d := a/longest - float64(i+1)/float64(len(ages)); d > spreadFlaw || d < -spreadFlaw {
			return false
		}
	}
	return true
}
