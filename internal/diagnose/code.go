package diagnose

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"unicode/utf8"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// place is where in a program's code sockets were opened or calls were made. It
// has a function, or a gap that says why there is none.
type place struct {
	function, file string
	line           int
	gap            host.Gap
	call           string // "connect", "accept", "bind", …
	failed         bool   // calls that failed
}

// places are the lines of code of one culprit's part in a finding.
type places struct {
	at      map[place]*placed
	sampled uint64 // sockets or calls whose stack was taken
	of      uint64 // whose opening was watched
	own     bool   // these are the culprit's own sockets, and not others that were opened or accepted alike
}

type placed struct {
	n    uint64
	grew int // see Code.Grew
}

// code returns the places of a culprit, to add to.
func (b *blamed) code() *places {
	if b.places == nil {
		b.places = newPlaces()
	}
	return b.places
}

func newPlaces() *places { return &places{at: map[place]*placed{}} }

// placesAt returns the places of a process, new ones where it had none.
func placesAt(by map[int32]*places, pid int32) *places {
	if by[pid] == nil {
		by[pid] = newPlaces()
	}
	return by[pid]
}

// coded reports whether any line, or why there is none, is known of a culprit.
func (b *blamed) coded() bool { return b.places != nil && b.places.sampled > 0 }

func (p *places) add(at place, n uint64) {
	if p.at[at] == nil {
		p.at[at] = &placed{}
	}
	p.at[at].n += n
	p.sampled += n
}

func (p *places) join(o *places) {
	if o == nil {
		return
	}
	p.own = o.own && (p.own || p.of == 0)
	for at, n := range o.at {
		p.add(at, n.n)
	}
	p.of += o.of
}

// sites adds what was sampled of watched connections or calls, of so many.
func (x *examination) sites(p *places, list []host.Site, of uint64, call string, failed bool) {
	p.of += of
	for _, s := range list {
		if s.Stack == nil || s.Count == 0 {
			continue
		}
		at := x.placeOf(s.Stack)
		at.call, at.failed = call, failed
		p.add(at, s.Count)
	}
}

// codeOf adds the line where a socket was opened or accepted to its culprit's,
// if that was watched and it was the culprit's program that did it: a socket may
// have been handed on.
func (x *examination) codeOf(b *blamed, sk *tcp.Socket) {
	at, sampled, ok := x.openedAt(sk)
	if !ok {
		return
	}
	if o := x.life(sk).Opener; o.PID != b.pid && x.program(o.PID) != x.program(b.pid) {
		return
	}
	p := b.code()
	p.own = true
	p.of++
	if sampled {
		p.add(at, 1)
	}
}

// openedAt returns where a socket was opened or accepted. ok: that was watched;
// sampled: the stack was taken too.
func (x *examination) openedAt(sk *tcp.Socket) (at place, sampled, ok bool) {
	o, by := x.opener(sk)
	if o == nil || by != "opener" {
		return place{}, false, false
	}
	call := "connect"
	if x.life(sk).Incoming {
		call = "accept"
	}
	if o.Stack == nil {
		return place{call: call}, false, true
	}
	at = x.placeOf(o.Stack)
	at.call = call
	return at, true, true
}

// longestName bounds names in bytes: they come from the binaries of others.
const longestName = 512

// gapUnsaid stands where a stack has neither a line of the program's own nor a
// word why.
const gapUnsaid host.Gap = "no code of its own"

func (x *examination) placeOf(st *host.Stack) place {
	if at, ok := x.placesOf[st]; ok {
		return at
	}
	var at place
	if f, ok := st.Code(); ok {
		at = place{function: bounded(f.Function), file: bounded(f.File), line: f.Line}
	} else if at.gap = st.Gap; at.gap == host.NoGap {
		at.gap = gapUnsaid
	}
	if x.placesOf == nil {
		x.placesOf = map[*host.Stack]place{}
	}
	x.placesOf[st] = at
	return at
}

// bounded cuts a long name before the character that does not fit.
func bounded(s string) string {
	if len(s) <= longestName {
		return s
	}
	n := longestName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// rows lists the places: where a leak grows first, then most sockets first.
func (p *places) rows() []Code {
	out := []Code{}
	if p == nil {
		return out
	}
	for at, n := range p.at {
		out = append(out, Code{Function: Optional(at.function), File: Optional(at.file), Line: LineNumber(at.line),
			Sockets: whole(n.n), Gap: string(at.gap), Call: at.call, Failed: at.failed, Grew: n.grew})
	}
	slices.SortFunc(out, func(a, b Code) int {
		return cmp.Or(cmp.Compare(min(b.Grew, 1), min(a.Grew, 1)), cmp.Compare(b.Sockets, a.Sockets),
			cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Gap, b.Gap), cmp.Compare(a.Call, b.Call))
	})
	return out[:min(len(out), MaxCode)]
}

// whole is n as an int.
func whole(n uint64) int { return int(min(n, math.MaxInt)) }

// codeByFlows names, for culprits none of whose own sockets' stacks was taken,
// the lines from which they were seen connecting to the finding's destinations,
// or, when not one connection was opened any more, trying to.
func (x *examination) codeByFlows(f *found) {
	if x.seen == nil {
		return
	}
	for i := range f.blamed {
		b := &f.blamed[i]
		if b.coded() || b.ended {
			continue
		}
		p := newPlaces()
		for _, c := range x.seen.Outgoing {
			if c.PID == b.pid && c.NetNS == b.ns && f.concerns(c.Remote) {
				x.flowCode(p, c)
			}
		}
		if p.sampled == 0 {
			for _, fl := range x.seen.Failures {
				if fl.PID == b.pid && fl.NetNS == b.ns && fl.Call == "connect" && f.concerns(fl.Addr) {
					x.sites(p, fl.Stacks, fl.Count, fl.Call, true)
				}
			}
		}
		if p.sampled > 0 {
			b.places = p
		}
	}
}

// concerns reports whether the finding names this destination.
func (f *found) concerns(remote netip.AddrPort) bool {
	return slices.ContainsFunc(f.dests, func(d Destination) bool {
		return d.Port == remote.Port() && d.Addr == addrName(remote.Addr())
	})
}

// flowCode adds where the connections of a flow were opened or accepted.
func (x *examination) flowCode(p *places, c host.Flow) {
	call := "connect"
	if c.Port != 0 {
		call = "accept"
	}
	x.sites(p, c.Stacks, c.Opened, call, false)
}

// codeByFailures is codeByFlows for calls that failed.
func (x *examination) codeByFailures(list []blamed, failures []host.Failure) {
	for i := range list {
		b := &list[i]
		if b.coded() || b.ended {
			continue
		}
		p := newPlaces()
		for _, fl := range failures {
			if fl.PID == b.pid {
				x.sites(p, fl.Stacks, fl.Count, fl.Call, true)
			}
		}
		if p.sampled > 0 {
			b.places = p
		}
	}
}

// growthByCode marks, of the places where living sockets were opened, those
// whose number only grows between the two looks: the biggest of them is the line
// of the leak. Sockets of other places come and go. Where one went and nobody
// knows from which place of its process, it may have been any, and none is
// marked; nor is any where only one of the looks has a memory.
func (x *examination) growthByCode(list []blamed, then, now []*tcp.Socket) {
	if x.before == nil || x.before.Lives == nil || x.now.Lives == nil {
		return
	}
	type spot struct {
		pid int32
		at  place
	}
	tally := func(socks []*tcp.Socket) (n map[spot]int, unplaced map[int32]bool) {
		n, unplaced = map[spot]int{}, map[int32]bool{}
		for _, sk := range socks {
			pid := sk.PID
			if o, _ := x.opener(sk); pid == 0 && o != nil {
				pid = o.PID
			}
			if at, sampled, _ := x.openedAt(sk); sampled {
				n[spot{pid, at}]++
			} else {
				unplaced[pid] = true
			}
		}
		return n, unplaced
	}
	_, came, _ := x.compare(then, now)
	_, went, _ := x.compare(now, then)
	more, _ := tally(came)
	less, anywhere := tally(went)
	for i := range list {
		if !list[i].coded() || anywhere[list[i].pid] || anywhere[0] {
			continue
		}
		for at, n := range list[i].places.at {
			if s := (spot{list[i].pid, at}); less[s] == 0 {
				n.grew = more[s]
			}
		}
	}
}
