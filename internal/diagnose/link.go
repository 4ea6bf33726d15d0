package diagnose

import (
	"slices"

	"sockeye/internal/host"
)

// bringsAbout lists, for each finding, the findings that can be its cause. A
// pair is linked only where both are present in the same place. The
// table may go in circles (a server out of descriptors stops accepting, which
// uses up the descriptors of its clients), the links of a report never do.
var bringsAbout = map[string][]string{
	"port-exhaustion":       {"short-lived-connections", "connection-leak", "close-wait-leak", "fin-wait-2-held", "unreachable-destination", "connection-scan", "port-range-narrow", "time-wait-stuck", "unconnected-socket-leak", "half-open-connections", "proxied-twice"},
	"bind-port-exhaustion":  {"short-lived-connections", "connection-leak", "close-wait-leak", "port-range-narrow", "unconnected-socket-leak"},
	"fd-exhaustion":         {"close-wait-leak", "connection-leak", "unconnected-socket-leak", "fin-wait-2-held", "unreachable-destination", "connection-scan", "half-open-connections", "slow-peer"},
	"file-table-full":       {"fd-exhaustion", "close-wait-leak", "connection-leak", "unconnected-socket-leak"},
	"accept-queue-overflow": {"never-accepted", "fd-exhaustion"},
	// One backlog bounds both queues of a listener (inet_csk_reqsk_queue_is_full and
	// sk_acceptq_is_full, v6.18): one that accepts too slowly is soon short of either.
	"syn-queue-pressure":      {"accept-queue-overflow", "never-accepted"},
	"never-accepted":          {"fd-exhaustion"},
	"time-wait-buckets-full":  {"short-lived-connections"},
	"conntrack-full":          {"short-lived-connections", "connection-scan"},
	"orphan-limit":            {"stuck-closing", "slow-peer"},
	"tcp-memory-pressure":     {"slow-reader", "slow-peer", "half-open-connections"},
	"neighbour-table-full":    {"connection-scan"},
	"udp-port-exhaustion":     {"port-range-narrow"},
	"close-wait-leak":         {"slow-reader"},
	"fin-wait-2-held":         {"close-wait-leak", "never-accepted"},
	"slow-peer":               {"slow-reader", "never-accepted"},
	"application-cap":         {"connection-leak", "half-open-connections"},
	"retry-storm":             {"port-exhaustion", "bind-port-exhaustion", "unreachable-destination", "accept-queue-overflow", "blocked-by-policy", "address-not-local"},
	"unreachable-destination": {"conntrack-full", "neighbour-table-full", "accept-queue-overflow", "nat-exhaustion"},
	"service-port-taken":      {"self-connect"},
}

// link names, in each finding, those that bring it about. Two findings belong
// together when they are of the same namespace and share a culprit or a
// destination, or when one of them concerns the namespace or host as a whole.
func link(all []*found) {
	// Consequences fold under their causes: in a circle nothing would be left to show.
	causes := map[*found][]*found{}
	leadsTo := func(from, to *found) bool {
		passed, next := map[*found]bool{to: true}, []*found{to}
		for len(next) > 0 {
			f := next[len(next)-1]
			next = next[:len(next)-1]
			if f == from {
				return true
			}
			for _, c := range causes[f] {
				if !passed[c] {
					passed[c] = true
					next = append(next, c)
				}
			}
		}
		return false
	}
	for _, effect := range all {
		for _, cause := range all {
			known := slices.Contains(effect.causes, cause.id) || slices.Contains(bringsAbout[effect.id], cause.id) && !ownQueue(effect, cause)
			if known && !cause.explainsNothing() && together(effect, cause) && !slight(effect, cause, all) && !leadsTo(effect, cause) {
				causes[effect] = append(causes[effect], cause)
			}
		}
	}
	for _, effect := range all {
		// What a rule knew beforehand is kept only if it is reported.
		effect.causes = nil
		for _, cause := range causes[effect] {
			if !slices.Contains(effect.causes, cause.id) {
				effect.causes = append(effect.causes, cause.id)
			}
		}
		slices.Sort(effect.causes)
	}
}

// ownQueue reports whether a full accept queue here is another matter than a
// destination that is silent: where it is that destination's, the rule has seen it. A
// proxy whose upstream is dead has both, and the queue is then the consequence.
func ownQueue(effect, cause *found) bool {
	return effect.id == "unreachable-destination" && cause.id == "accept-queue-overflow" && effect.rumour == nil && cause.rumour == nil
}

// causeShare is the part of a wide effect that a kind of cause must make up.
const causeShare = 0.1

// sameUnit are the findings about a whole namespace or host that count what
// their causes count: sockets, or what each socket takes one of.
var sameUnit = map[string]bool{"file-table-full": true, "time-wait-buckets-full": true, "conntrack-full": true,
	"orphan-limit": true, "neighbour-table-full": true}

// slight reports whether a cause, with all of its kind, is too small a part of
// what fills a namespace or the host.
func slight(effect, cause *found, all []*found) bool {
	switch {
	case !effect.wide || cause.wide:
		return false
	case effect.id == "tcp-memory-pressure": // counts bytes: its culprits' shares tell
		for _, b := range effect.blamed {
			if b.share >= causeShare && slices.ContainsFunc(cause.blamed, func(c blamed) bool { return c.pid == b.pid }) {
				return effect.values.Kind == "reserve" && cause.id != "half-open-connections"
			}
		}
		return len(effect.blamed) > 0
	case !sameUnit[effect.id]:
		return false
	}
	var sum uint64
	for _, f := range all {
		if f.id == cause.id && together(effect, f) {
			sum += f.fills()
		}
	}
	return float64(sum) < causeShare*float64(effect.values.Count)
}

// fills is how much of a limit that counts connections a finding takes, by now or
// in the long run.
func (f *found) fills() uint64 {
	if f.rests > 0 {
		return f.rests
	}
	return f.values.Count
}

// together reports whether an effect and what may be its cause are of the same place.
func together(a, b *found) bool {
	if a.ns != 0 && b.ns != 0 && a.ns != b.ns {
		return false
	}
	if a.rumour != nil && b.rumour != nil && !shareEvidence(a, b) {
		return false
	}
	if a.wide || b.wide || slices.Contains(a.causes, b.id) {
		return true
	}
	for _, p := range a.blamed {
		if slices.ContainsFunc(b.blamed, func(q blamed) bool { return p.pid == q.pid }) {
			return true
		}
	}
	for _, d := range a.dests {
		if slices.ContainsFunc(b.dests, func(e Destination) bool { return d.Addr == e.Addr && d.Port == e.Port }) {
			return true
		}
	}
	return false
}

// shareEvidence reports whether messages of one finding and of another, which nothing
// but messages tell of, name the same process or the same end: the lines of a log are
// those of many programs.
func shareEvidence(a, b *found) bool {
	for _, p := range a.facts {
		for _, q := range b.facts {
			if p.heard != nil && q.heard != nil && akin(p.heard, q.heard) {
				return true
			}
		}
	}
	return false
}

func akin(a, b *host.Symptom) bool {
	return slices.ContainsFunc(a.PIDs, func(pid int32) bool { return slices.Contains(b.PIDs, pid) }) ||
		slices.ContainsFunc(a.Endpoints, func(e host.SymptomEnd) bool {
			return slices.ContainsFunc(b.Endpoints, func(o host.SymptomEnd) bool { return e.Name == o.Name })
		})
}
