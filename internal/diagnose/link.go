package diagnose

import "slices"

// bringsAbout lists, for each finding, the findings that can be its cause. A
// pair is linked only where both are present in the same place. It has no
// circles (a test holds it to that), or consequences would fold under each other
// and none would be left to show.
var bringsAbout = map[string][]string{
	"port-exhaustion":         {"short-lived-connections", "connection-leak", "close-wait-leak", "fin-wait-2-held", "unreachable-destination", "connection-scan", "port-range-narrow", "time-wait-stuck", "unconnected-socket-leak", "half-open-connections"},
	"bind-port-exhaustion":    {"short-lived-connections", "connection-leak", "close-wait-leak", "port-range-narrow", "unconnected-socket-leak"},
	"fd-exhaustion":           {"close-wait-leak", "connection-leak", "unconnected-socket-leak", "fin-wait-2-held", "unreachable-destination", "connection-scan", "half-open-connections", "slow-peer"},
	"file-table-full":         {"fd-exhaustion", "close-wait-leak", "connection-leak", "unconnected-socket-leak"},
	"accept-queue-overflow":   {"never-accepted", "fd-exhaustion"},
	"never-accepted":          {"fd-exhaustion"},
	"time-wait-buckets-full":  {"short-lived-connections"},
	"conntrack-full":          {"short-lived-connections", "connection-scan"},
	"orphan-limit":            {"stuck-closing", "slow-peer"},
	"tcp-memory-pressure":     {"slow-reader", "slow-peer", "half-open-connections"},
	"neighbour-table-full":    {"connection-scan"},
	"udp-port-exhaustion":     {"port-range-narrow"},
	"close-wait-leak":         {"slow-reader"},
	"retry-storm":             {"port-exhaustion", "bind-port-exhaustion", "unreachable-destination", "accept-queue-overflow", "blocked-by-policy", "address-not-local"},
	"unreachable-destination": {"conntrack-full", "neighbour-table-full", "accept-queue-overflow", "nat-exhaustion"},
	"service-port-taken":      {"self-connect"},
}

// link names, in each finding, those that bring it about. Two findings belong
// together when they are of the same namespace and share a culprit or a
// destination, or when one of them concerns the namespace or host as a whole.
func link(all []*found) {
	for _, effect := range all {
		for _, cause := range all {
			if cause == effect || slices.Contains(effect.causes, cause.id) ||
				!slices.Contains(bringsAbout[effect.id], cause.id) || !together(effect, cause) ||
				slices.Contains(cause.causes, effect.id) { // a rule that knew the opposite
				continue
			}
			effect.causes = append(effect.causes, cause.id)
		}
		// A rule that knows a cause may name it before it is sure to be reported.
		effect.causes = slices.DeleteFunc(effect.causes, func(id string) bool {
			return !slices.ContainsFunc(all, func(f *found) bool { return f.id == id })
		})
		slices.Sort(effect.causes)
	}
}

func together(a, b *found) bool {
	if a.ns != 0 && b.ns != 0 && a.ns != b.ns {
		return false
	}
	if a.wide || b.wide {
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
