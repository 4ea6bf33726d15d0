package diagnose

import (
	"cmp"
	"slices"
	"time"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Shares of the usable ports of one source address for one destination. Below
// portsNear nothing is said unless the rate fills them within a minute: many
// ports in use are no fault (HEALTHY.md H2, H4).
const (
	portsNear = 0.7
	portsFull = 0.9
	portsSoon = 10 * time.Minute // a slow leak is the leak's own finding until then
)

// A namespace is told of so many destinations at most: what dries up everywhere
// is one trouble and not one for each server that it hits.
const portsApart = 5

// portExhaustion: connect() finds no free local port for one destination and
// fails with EADDRNOTAVAIL; other destinations still work. Where bound and
// reserved ports leave none at all, no destination does.
func portExhaustion(x *examination) []*found {
	bySpace := map[*space][]*pressed{}
	for _, b := range x.accounts {
		if b.usable > 0 {
			if p := x.pressedBy(b); p != nil {
				bySpace[b.space] = append(bySpace[b.space], p)
			}
		}
	}
	var out []*found
	for _, s := range x.spaces {
		if s.hasRange && !s.sharesPorts() && s.rangePorts-s.heldCount <= 0 {
			if f := x.noPortAtAll(s); f != nil {
				out = append(out, f)
			}
			continue
		}
		list := bySpace[s]
		slices.SortStableFunc(list, func(a, b *pressed) int { return cmp.Compare(b.severity.rank(), a.severity.rank()) })
		apart := list
		if len(list) > portsApart {
			apart = list[:portsApart-1]
		}
		for _, p := range apart {
			out = append(out, x.portsRunOut(p))
		}
		if len(list) > portsApart {
			out = append(out, x.portsRunOutToo(list[len(apart):]))
		}
	}
	return out
}

// pressed is a destination whose ports run out.
type pressed struct {
	*budget
	shortage
	severity  Severity
	certainty Certainty
	unclear   bool // the finding rests on failures that a lack of ports need not explain
}

// pressedBy judges the account of one destination, nil where nothing is to be said.
func (x *examination) pressedBy(b *budget) *pressed {
	p := &pressed{budget: b, severity: Critical, certainty: Proven, shortage: x.shortage(b)}
	if b.boundOnly() && p.failed == 0 {
		return nil
	}
	growing := b.fullIn != nil && (*b.fullIn <= portsSoon || b.share() >= portsNear)
	switch {
	case p.failed == 0 && b.exhausted() && b.mayReuse():
		p.severity, p.certainty = Warning, Possible
	case b.exhausted() || p.sure == Proven:
	case b.share() >= portsFull && growing:
		p.certainty = Likely
	case growing, p.sure == Likely:
		p.severity, p.certainty = Warning, Likely
	case b.share() >= portsFull && b.plateauShare() < 1 && b.rate > 0:
		p.severity, p.certainty = Notice, Likely // levels off just below the wall
	case b.share() >= portsFull:
		p.severity, p.certainty = Warning, Possible
	case p.failed > 0:
		p.severity, p.certainty, p.unclear = Warning, Possible, true
	default:
		return nil
	}
	if isMask(b.group.key.remote.Addr()) { // it may stand for many destinations, with ports for each
		p.severity, p.certainty = Notice, Possible
	}
	if b.space.rangeBy == rangeSeen && p.failed == 0 && p.severity != Notice {
		// Its ends are a conclusion from these very ports.
		p.severity, p.certainty = Notice, Possible
	}
	return p
}

// mayReuse reports whether a text leaves open that connect() takes most of an
// account's ports back: since Linux 4.19 tcp_tw_reuse is 2 unless set, which does
// so on loopback.
func (b *budget) mayReuse() bool {
	_, told := b.space.ns.Settings.Int("net.ipv4.tcp_tw_reuse")
	return b.space.pasted && !told && b.group.key.remote.Addr().IsLoopback() && b.use.resting*2 > b.group.total()
}

func (x *examination) portsRunOut(p *pressed) *found {
	b, g := p.budget, p.group
	f := &found{id: "port-exhaustion", ns: b.space.ns.Inode, severity: p.severity, certainty: p.certainty, values: x.portValues(b)}
	if b.fullIn != nil {
		f.values.FullIn = *b.fullIn
	}
	switch {
	case b.space.rangeBy == rangeSeen && p.failed == 0:
		f.values.Kind = "seen"
	case p.unclear:
		f.values.Kind, f.values.Other = "unclear", uint64(max(b.usable-p.taken, 0))
	case p.sure != "" && p.sure != Possible && !b.exhausted():
		f.values.Kind = "failing"
	}
	f.dests = []Destination{{addrName(g.key.remote.Addr()), g.key.remote.Port(), g.total()}}
	f.blamed = x.blame(g.members)
	x.codeByFlows(f)

	if b.share() >= portsAmple || p.unclear { // else tcp_tw_reuse has back most of those that were missing
		f.facts = append(f.facts, fact{key: "used", value: float64(b.used), source: x.socketSource()})
	}
	f.facts = append(f.facts, fact{key: usableKey(b.space), value: float64(b.usable), source: b.space.rangeBy.String()})
	x.portsFailed(f, p.failed)
	other := func(key string, n int) {
		if n > 0 {
			v := f.values
			v.Other, v.Age = uint64(n), b.stay
			f.facts = append(f.facts, fact{key: key, value: float64(n), source: x.socketSource(), values: &v})
		}
	}
	other("time-wait", b.use.resting-b.reuse) // of the used: not those to be taken again
	x.closedFacts(f, g.members)
	other("reusable", b.reuse)
	switch {
	case b.exhausted() && !b.recycles():
	case b.growth > 0 && !b.exhausted():
		v := f.values
		v.Rate = b.growth
		f.facts = append(f.facts, fact{key: "growth", value: b.growth, source: x.socketSource(), values: &v})
	case b.rate > 0:
		f.facts = append(f.facts, fact{key: "rate", value: b.rate, source: x.rateSource()})
	}
	f.cures = sourceCures(g.mostly())
	if p.unclear { // more ports need not help
		f.cures = append([]string{"no-port-at-bind"}, f.cures...)
	} else {
		f.cures = append(f.cures, x.kernelPortCures(b)...)
	}
	return f
}

// usableKey: a range that was told is told apart from one that was concluded.
func usableKey(s *space) string {
	if s.rangeBy == rangeSeen {
		return "usable-seen"
	}
	return "usable"
}

// portsFailed adds the connects that were seen to fail for want of a port.
func (x *examination) portsFailed(f *found, failed uint64) {
	if failed == 0 {
		return
	}
	v := f.values
	v.Other, v.Window = failed, x.seen.Window
	f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &v})
}

// portsRunOutToo tells of all further destinations together, the worst first.
func (x *examination) portsRunOutToo(list []*pressed) *found {
	worst := list[0]
	f := &found{id: "port-exhaustion", ns: worst.space.ns.Inode, severity: worst.severity, certainty: worst.certainty, values: x.portValues(worst.budget)}
	f.values.Dests, f.values.Kind = uint64(len(list)), "more"
	var members []*tcp.Socket
	var failed uint64
	for _, p := range list {
		members = append(members, p.group.members...)
		failed += p.failed
		if len(f.dests) < MaxDestinations {
			f.dests = append(f.dests, destination(p.group.key.remote, p.group.total()))
		}
	}
	f.blamed = x.blame(members)
	x.codeByFlows(f)
	f.facts = append(f.facts,
		fact{key: "more", value: float64(len(list)), source: x.socketSource()},
		fact{key: "usable", value: float64(worst.usable), source: worst.space.rangeBy.String()})
	x.portsFailed(f, failed)
	f.cures = append(sourceCures(worst.group.mostly()), x.kernelPortCures(worst.budget)...)
	return f
}

// rangeValues are what sentences about the range of a namespace may say.
func (x *examination) rangeValues(s *space) knowledge.Values {
	span := int(s.high) - int(s.low) + 1
	v := knowledge.Values{Usable: uint64(max(s.rangePorts-s.heldCount, 0)), Reserved: uint64(span - s.rangePorts),
		Blocked: uint64(s.heldCount), Capacity: uint64(span), Low: s.low, High: s.high, Errno: noPortNumber(s.os)}
	v.NewLow, v.NewHigh, _ = widerRange(s.ns.Settings, s.low, s.high)
	return v
}

// noPortNumber is the number that a system gives to EADDRNOTAVAIL (errno.h of each), 0
// where it is not known.
func noPortNumber(os string) uint32 {
	switch os {
	case "linux":
		return errADDRNOTAVAIL
	case "darwin", "freebsd", "openbsd", "netbsd", "dragonfly":
		return 49
	case "solaris":
		return 126
	case "aix":
		return 68
	}
	return 0
}

// portValues are what sentences about a port budget may say. Call is the call that
// fails for want of a port: then Rate is what still opens, and levels off nowhere.
func (x *examination) portValues(b *budget) knowledge.Values {
	g, v := b.group, x.rangeValues(b.space)
	v.Count, v.Total, v.Share = uint64(b.used), uint64(g.total()), b.share()
	v.Laddr, v.Raddr, v.Rport = addrName(g.key.laddr), addrName(g.key.remote.Addr()), g.key.remote.Port()
	v.Dest, v.State = endName(g.key.remote), g.mostly().String()
	v.Age = b.stay
	switch {
	case !b.capped():
		v.Rate, v.Plateau = b.rate, uint64(b.plateau)
	case b.recycles() || !b.exhausted():
		v.Rate, v.Call = b.rate, "connect"
	default:
		v.Call = "connect"
	}
	return v
}

// rateSource says how the rate of new connections was measured.
func (x *examination) rateSource() string {
	if x.seen != nil {
		return x.seen.By
	}
	return x.socketSource()
}
