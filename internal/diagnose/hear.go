package diagnose

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// hear adds what a log's messages tell. A finding that the sockets show already
// is made surer by a message that it explains; a message that no socket explains
// makes a finding of its own, as sure as a message can be.
func (x *examination) hear(all []*found) []*found {
	x.estranged()
	for i := range x.told {
		if sym := &x.told[i]; sym.Count > 0 {
			all = x.explain(sym, all)
		}
	}
	all = joinUnsaid(all)
	x.leaksThatFill(all)
	return all
}

func (x *examination) explain(sym *host.Symptom, all []*found) []*found {
	ids := x.suspects(sym)
	if len(ids) == 0 {
		return all
	}
	if x.foreign(sym) {
		return x.byWord(ids[0], ids, sym, false, all)
	}
	rivals, causes := sorted(ids)
	for _, id := range rivals {
		if f := x.shown(id, sym, all); f != nil {
			return joined(all, f)
		}
	}
	if len(rivals) == 1 && suspicions[ids[0]].names {
		return x.byWord(ids[0], ids, sym, false, all)
	}
	for _, id := range causes {
		if f := x.shown(id, sym, all); f != nil {
			return joined(all, f)
		}
	}
	// Nothing shows it. Of the suspects the first that the table does not speak against.
	first := slices.IndexFunc(ids, func(id string) bool { return !x.disproved(id, sym) })
	x.contradicted = x.contradicted || first != 0
	return x.byWord(ids[max(first, 0)], ids, sym, first != 0, all)
}

// sorted divides the suspects of a message into the first with its rivals, and
// those that would bring the first about or follow from it.
func sorted(ids []string) (rivals, causes []string) {
	for i, id := range ids {
		if i > 0 && (slices.Contains(bringsAbout[ids[0]], id) || slices.Contains(bringsAbout[id], ids[0])) {
			causes = append(causes, id)
		} else {
			rivals = append(rivals, id)
		}
	}
	return rivals, causes
}

// shown returns the finding of a suspect that the sockets show, made surer by the
// message; nil where they do not.
func (x *examination) shown(id string, sym *host.Symptom, all []*found) *found {
	for _, f := range all {
		if f.id == id && f.rumour == nil && x.fits(f, sym) {
			x.confirm(f, sym)
			return f
		}
	}
	f := x.shownBy(id, sym)
	if f != nil {
		x.confirm(f, sym)
	}
	return f
}

// joined adds a finding that is not there yet.
func joined(all []*found, f *found) []*found {
	if slices.Contains(all, f) {
		return all
	}
	return append(all, f)
}

// confirm joins a message to a finding that the sockets show.
func (x *examination) confirm(f *found, sym *host.Symptom) {
	f.quote(sym)
	if len(sym.PIDs) == 0 || slices.ContainsFunc(f.blamed, func(b blamed) bool { return slices.Contains(sym.PIDs, b.pid) }) {
		f.runtime = cmp.Or(f.runtime, sym.Runtime)
	}
	if f.id == "nonpaged-pool" {
		return // free ports leave it over; that does not make it likely
	}
	sus := suspicions[f.id]
	switch {
	case sus.limit:
		f.certainty = Proven
	case f.certainty == Possible:
		f.certainty = Likely
	}
	if sus.severity.rank() > f.severity.rank() {
		f.severity = sus.severity
	}
}

// fits reports whether a finding is about what the message names: where both name
// destinations one must be the same.
func (x *examination) fits(f *found, sym *host.Symptom) bool {
	if f.id == "unreachable-destination" && mannerOf(f.id, sym) == refused {
		return false // sockets in SYN_SENT wait for an answer; that one came
	}
	if sym.Call == "accept" && !x.accepts(f, sym) {
		return false
	}
	if f.values.Kind == "shared" || sym.Call == "bind" || sym.Call == "listen" || sym.Call == "accept" {
		return true
	}
	ends := endsOf(sym)
	if len(ends) == 0 || len(f.dests) == 0 {
		return true
	}
	return slices.ContainsFunc(ends, func(e Destination) bool {
		return slices.ContainsFunc(f.dests, func(d Destination) bool { return sameEnd(e, d) })
	})
}

// leaksThatFill: what one glance shows unclosed is a leak when the log says that
// descriptors ran out (HEALTHY.md, thresholds).
func (x *examination) leaksThatFill(all []*found) {
	var ranOut []*host.Symptom
	for _, f := range all {
		for _, fc := range f.facts {
			if f.id == "fd-exhaustion" && fc.heard != nil && !x.foreign(fc.heard) {
				ranOut = append(ranOut, fc.heard)
			}
		}
	}
	for _, f := range all {
		switch f.id {
		case "close-wait-leak", "unconnected-socket-leak", "fin-wait-2-held":
			if !slices.ContainsFunc(ranOut, func(sym *host.Symptom) bool { return x.fits(f, sym) && ofProcess(f, sym) }) {
				continue
			}
			if f.severity == Notice && f.rumour == nil && f.values.Count >= closeWaitMany {
				f.severity, f.certainty = Warning, Likely
			}
		}
	}
}

// ofProcess reports whether a finding may be about the process that logged a message:
// one of its pids, where the message tells them and the finding's are known.
func ofProcess(f *found, sym *host.Symptom) bool {
	if len(sym.PIDs) == 0 || !slices.ContainsFunc(f.blamed, func(b blamed) bool { return b.pid > 0 }) {
		return true
	}
	return slices.ContainsFunc(f.blamed, func(b blamed) bool { return slices.Contains(sym.PIDs, b.pid) })
}

// accepts reports whether a finding may be about the program whose accept() failed: one
// that listens, on that port where the message tells it.
func (x *examination) accepts(f *found, sym *host.Symptom) bool {
	named, known := false, false
	port := localPort(sym)
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		if sk.State != tcp.Listen || sk.PID == 0 {
			continue
		}
		known = true
		if port != 0 && sk.Local.Port() != port {
			continue
		}
		named = named || slices.ContainsFunc(f.blamed, func(b blamed) bool { return b.pid == sk.PID })
	}
	return named || !known || !slices.ContainsFunc(f.blamed, func(b blamed) bool { return b.pid > 0 })
}
