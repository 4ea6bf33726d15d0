package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// Input is what a diagnosis rests on.
type Input struct {
	Before  *host.Snapshot // the first of two looks; nil with a single one
	Now     *host.Snapshot // never nil
	Seen    *host.Activity // what was seen to happen in between; nil when nobody watched
	Version string         // of the tool, for the report
	Named   bool           // the looks are of a namespace that was asked for, not of all

	// Symptoms are the error messages of a log of that machine, most frequent first.
	Symptoms []host.Symptom
}

// Examine judges a machine and tells it in the book's language. The error is
// never about the machine: it means that the book lacks a sentence.
func Examine(in Input, book *knowledge.Book) (*Report, error) {
	x := examineAll(in)
	var all []*found
	for _, r := range rules() {
		all = append(all, r(x)...)
	}
	all = x.hear(all)
	order(all)
	all = x.theWorst(all)
	link(all)
	order(all)

	rep := x.frame(in, book)
	for _, f := range all {
		w, err := x.inWords(f, book)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", f.id, err)
		}
		rep.Findings = append(rep.Findings, w)
		if f.severity.rank() > rep.Verdict.rank() {
			rep.Verdict = f.severity
		}
	}
	var err error
	if rep.Limits, err = x.limits(all, book); err != nil {
		return nil, err
	}
	rep.BlindSpots, err = x.blindSpots(book)
	return rep, err
}

// findingsOfAKind are told of each kind: a machine with thousands of services in
// the same trouble has one trouble. The number is a choice: more than anybody reads
// through; what it leaves out is counted.
const findingsOfAKind = 50

// theWorst leaves out what is too much of a kind, and keeps count of it.
func (x *examination) theWorst(ordered []*found) []*found {
	n := map[string]int{}
	kept := ordered[:0]
	for _, f := range ordered {
		if n[f.id]++; n[f.id] <= findingsOfAKind {
			kept = append(kept, f)
		}
	}
	for id, all := range n {
		if all > findingsOfAKind {
			x.leftOut = append(x.leftOut, host.BlindSpot{Code: "findings-left-out", Subject: id, Count: all - findingsOfAKind})
		}
	}
	slices.SortFunc(x.leftOut, func(a, b host.BlindSpot) int { return cmp.Compare(a.Subject, b.Subject) })
	return kept
}

// order puts the most severe first, then the most certain; of two alike, the
// cause before its effect, then the one with more sockets.
func order(all []*found) {
	sure := map[Certainty]int{Possible: 1, Likely: 2, Proven: 3}
	slices.SortStableFunc(all, func(a, b *found) int {
		return cmp.Or(
			cmp.Compare(b.severity.rank(), a.severity.rank()),
			cmp.Compare(sure[b.certainty], sure[a.certainty]),
			cmp.Compare(len(a.causes), len(b.causes)),
			cmp.Compare(b.values.Count, a.values.Count),
			cmp.Compare(a.id, b.id),
			cmp.Compare(a.ns, b.ns))
	})
}

// frame is the report without findings and limits.
func (x *examination) frame(in Input, book *knowledge.Book) *Report {
	m := x.now.Machine
	r := &Report{
		Schema: Schema, Tool: Tool{in.Version}, Lang: book.Lang(),
		Host:    Host{Name: known(m.Name), OS: known(x.systemTold()), Kernel: known(m.Kernel)},
		TakenAt: x.now.TakenAt.UTC(), WindowS: x.window.Seconds(),
		Source: Source{Kind: string(x.now.Source.Kind), SocketsBy: x.now.Source.SocketsBy,
			OwnersBy: x.now.Source.OwnersBy, EventsBy: "none"},
		Verdict:  Healthy,
		Totals:   Totals{Sockets: len(x.now.Sockets), ByState: map[string]int{}},
		Findings: []Finding{},
	}
	if m.Uptime > 0 {
		s := m.Uptime.Seconds()
		r.Host.UptimeS = &s
	}
	switch {
	case x.seen != nil:
		r.Source.EventsBy = x.seen.By
	case x.before != nil:
		r.Source.EventsBy = "diff"
	}
	r.Namespaces = make([]NetNS, 0, len(x.now.Namespaces))
	for _, ns := range x.now.Namespaces {
		if x.pasted() {
			break // the text's own, and no telling which
		}
		n := NetNS{Inode: inode(ns.Inode), Name: Optional(ns.Name), Self: ns.Self}
		if pid := ns.PID; pid != 0 {
			n.PID = &pid
		}
		r.Namespaces = append(r.Namespaces, n)
	}
	for _, s := range x.spaces {
		for st, n := range s.byState {
			if n > 0 {
				r.Totals.ByState[tcp.State(st).String()] += n
			}
		}
	}
	if x.countsOnly() {
		for st, n := range x.now.Counted {
			r.Totals.ByState[st.String()] += whole(n)
			r.Totals.Sockets += whole(n)
		}
	}
	r.Totals.AtLeast = x.cut()
	for _, e := range x.now.CountedEnds {
		r.Totals.ByRemote = append(r.Totals.ByRemote, CountedEnd{host.Printable(e.End), e.Count})
	}
	if all := x.now.Namespaces; x.pasted() && len(all) == 1 { // a text tells of one
		if len(all[0].Tracked) > 0 {
			r.Totals.Tracked = all[0].Tracked
		}
		if len(x.now.Sockets) == 0 {
			r.Totals.Sockstat = x.sockstat(all[0])
		}
	}
	return r
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// blindSpots tells what was not seen in either look, each thing once.
func (x *examination) blindSpots(book *knowledge.Book) ([]BlindSpot, error) {
	out := []BlindSpot{}
	told := map[string]bool{}
	for _, b := range x.notSeen() {
		if told[b.Code+b.Subject] {
			continue
		}
		told[b.Code+b.Subject] = true
		if b.Code == "findings-left-out" { // of that, the subject is an id
			name, err := book.FindingName(b.Subject)
			if err != nil {
				return nil, err
			}
			b.Subject = name
		}
		spot, err := x.spotInWords(b, book)
		if err != nil {
			return nil, err
		}
		out = append(out, spot)
	}
	return out, nil
}

// spotInWords tells a blind spot, with the way out of the system that is known.
func (x *examination) spotInWords(b host.BlindSpot, book *knowledge.Book) (spot BlindSpot, err error) {
	b.Subject, b.Err = host.Printable(b.Subject), host.Printable(b.Err)
	for part, to := range map[string]*string{"what": &spot.What, "why": &spot.Why, "remedy": &spot.Remedy} {
		if *to, err = book.Word("blind."+b.Code+"."+part, b); err != nil {
			return spot, err
		}
	}
	systems := []string{x.os}
	if beforeVista(&x.now.Machine) { // which has no netsh dynamicport
		systems = append(systems, "before-vista")
	}
	for _, system := range systems {
		if own, err := book.Word("blind."+b.Code+".remedy."+system, b); err == nil {
			spot.Remedy = own
		}
	}
	return spot, nil
}

// notSeen collects what could not be seen: what the looks say of themselves, what
// was left out here, and what was missed while watching.
func (x *examination) notSeen() []host.BlindSpot {
	all := slices.Clone(x.now.BlindSpots)
	if x.before != nil {
		all = append(all, x.before.BlindSpots...)
	}
	all = append(append(all, x.unseen()...), x.leftOut...)
	forgotten := x.forgotten()
	if x.seen != nil {
		if x.seen.Lost > 0 {
			all = append(all, host.BlindSpot{Code: "events-lost", Count: whole(x.seen.Lost)})
		}
		if x.seen.Cut {
			all = append(all, host.BlindSpot{Code: "trace-ended", Count: 1})
		}
		if x.seen.Folded > 0 {
			all = append(all, host.BlindSpot{Code: "addresses-folded", Count: whole(x.seen.Folded)})
		}
		forgotten = max(forgotten, whole(x.seen.Forgotten)) // some may be of both: so many at least
	}
	if forgotten > 0 {
		all = append(all, host.BlindSpot{Code: "memory-incomplete", Count: forgotten})
	}
	return all
}
