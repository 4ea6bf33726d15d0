package diagnose

import (
	"fmt"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// neighboursNear is the share of gc_thresh3 from which it is told. Permanent
// entries (overlay networks make many) are counted in the entries but not
// against the limit (net/core/neighbour.c neigh_alloc, v6.18), so that only an
// observed refusal proves anything.
const neighboursNear = 0.80

// neighbourTableFull: the ARP or neighbour discovery table, one for all
// namespaces of the machine, has no room; the first packet to a new neighbour
// fails with ENOBUFS or is lost.
func neighbourTableFull(x *examination) []*found {
	var out []*found
	for _, n := range x.now.System.Neighbours {
		if f := x.neighbours(n); f != nil {
			out = append(out, f)
		}
	}
	return out
}

func (x *examination) neighbours(n host.NeighbourTable) *found {
	prefix := "net." + n.Family + ".neigh.default"
	limit, ok := x.now.System.Settings.Int(prefix + ".gc_thresh3")
	if !ok || limit <= 0 || !n.Entries.Known {
		return nil
	}
	used := n.Entries.Value
	share := float64(used) / float64(limit)
	var refused, more uint64
	if x.before != nil {
		for _, b := range x.before.System.Neighbours {
			if b.Family == n.Family {
				refused = grown(b.Full.Value, n.Full.Value, b.Full.Known && n.Full.Known)
				more = grown(b.Entries.Value, used, b.Entries.Known)
			}
		}
	}
	if share < neighboursNear && refused == 0 {
		return nil
	}
	failed := x.noBuffer(n.Family)
	f := &found{id: "neighbour-table-full", wide: true, severity: Warning, certainty: Possible}
	switch {
	case refused > 0, failed > 0 && used >= uint64(limit):
		f.severity, f.certainty = Critical, Proven
	case more > 0, failed > 0:
		f.certainty = Likely // ENOBUFS has other reasons too
	}
	protocol := "ARP"
	if n.Family == "ipv6" {
		protocol = "ND"
	}
	next, wanted := roomForNeighbours(prefix, uint64(limit))
	f.values = knowledge.Values{Count: used, Capacity: uint64(limit), Share: share, Known: protocol,
		Setting: prefix + ".gc_thresh3", Limit: next, Wanted: wanted}
	f.facts = append(f.facts, fact{key: "used", value: float64(used), source: neighbourFile(n.Family)})
	told := func(key string, v uint64) {
		w := f.values
		w.Other, w.Window = v, x.window
		f.facts = append(f.facts, fact{key: key, value: float64(v), source: neighbourFile(n.Family), values: &w})
	}
	if refused > 0 {
		told("refused", refused)
	}
	if more > 0 {
		told("growing", more)
	}
	if failed > 0 {
		w := f.values
		w.Other, w.Window = failed, x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(failed), source: x.seen.By, values: &w})
	}
	f.cures = []string{"fewer-neighbours", "raise-neighbours"}
	return f
}

// noBuffer counts the connects to addresses of a family that failed with ENOBUFS.
func (x *examination) noBuffer(family string) (failed uint64) {
	if x.seen == nil {
		return 0
	}
	for _, fl := range x.seen.Failures {
		addr := fl.Addr.Addr().Unmap()
		if fl.Call == "connect" && fl.Errno == errNOBUFS && addr.IsValid() && addr.Is4() == (family == "ipv4") {
			failed += fl.Count
		}
	}
	return failed
}

func neighbourFile(family string) string {
	if family == "ipv6" {
		return "/proc/net/stat/ndisc_cache"
	}
	return "/proc/net/stat/arp_cache"
}

// roomForNeighbours is the next larger bound of a neighbour table, and the
// settings of it, the largest first.
func roomForNeighbours(prefix string, limit uint64) (next uint64, wanted string) {
	next = max(min(limit, 1<<30)*4, 4096)
	return next, fmt.Sprintf("%s.gc_thresh3=%d %s.gc_thresh2=%d %s.gc_thresh1=%d", prefix, next, prefix, next/2, prefix, next/4)
}

// neighboursByWord is the same where only a message tells of the table: IPv6's
// is called ndisc_cache.
func (x *examination) neighboursByWord(message string) (next uint64, wanted string) {
	prefix := "net.ipv4.neigh.default"
	if strings.Contains(message, "ndisc") {
		prefix = "net.ipv6.neigh.default"
	}
	limit, known := x.now.System.Settings.Int(prefix + ".gc_thresh3")
	if !known || limit <= 0 {
		limit = neighboursShipped
	}
	return roomForNeighbours(prefix, uint64(limit))
}

// neighboursShipped is gc_thresh3 as Linux ships it (net/ipv4/arp.c, v6.18).
const neighboursShipped = 1024
