package tune

import (
	"strconv"
	"strings"

	"sockeye/internal/diagnose"
)

const (
	neighboursLeast = 4096
	neighboursMost  = 1 << 20
	neighbourBytes  = 512 // of struct neighbour with its link-layer part, rounded up
)

// neighbours plans the bounds of the ARP and the neighbour discovery table, which
// all namespaces share.
func (m *maker) neighbours() {
	w := m.want("neighbour-table-full", diagnose.Warning)
	if w == nil {
		return
	}
	for _, t := range m.in.Snapshot.System.Neighbours {
		if w.asIf && t.Family == "ipv4" || tableOf(w, t.Family) {
			m.thresholds(w, "net."+t.Family+".neigh.default.gc_thresh", t.Entries.Value)
		}
	}
}

// tableOf reports whether findings are about the table of a family: their
// evidence names the file that it was read in.
func tableOf(w *want, family string) bool {
	file := "arp_cache"
	if family == "ipv6" {
		file = "ndisc_cache"
	}
	for _, f := range w.found {
		for _, e := range f.Evidence {
			if strings.HasSuffix(e.Source, file) {
				return true
			}
		}
	}
	return false
}

// thresholds raises the wall of a table, which alone refuses entries. The bounds
// below it are touched only where they do not rise to it from one to the next.
func (m *maker) thresholds(w *want, prefix string, entries uint64) {
	wall, ok := m.number(prefix + "3")
	if !ok || wall < 0 {
		m.left(prefix+"3", "unknown", Values{})
		return
	}
	base := entries
	if !w.asIf { // entries come and go: when some were refused it was full
		base = max(entries, uint64(wall))
	}
	next := min(max(powerOf2(base*2), neighboursLeast), neighboursMost)
	v := Values{Need: entries, Memory: next * neighbourBytes}
	if next <= uint64(wall) {
		v.Capacity = uint64(wall)
		for _, n := range []string{"3", "2", "1"} {
			m.left(prefix+n, "large-enough", v)
		}
		return
	}
	m.raise(w, prefix+"3", next, Change{Reason: "neighbours-wall", Values: v})
	calm, told := m.number(prefix + "1")
	below := m.threshold(w, prefix+"2", max(calm+1, 1), next/2, next, told, Change{Reason: "neighbours-soon", Values: v})
	m.threshold(w, prefix+"1", 0, next/4, below, told, Change{Reason: "neighbours-calm", Values: v})
}

// threshold leaves a bound that lies from least to below the next one, and sets
// any other to a value. It returns what it will be. What cannot be read is left.
func (m *maker) threshold(w *want, name string, least int64, to, below uint64, told bool, c Change) uint64 {
	now, ok := m.number(name)
	if !ok || !told || now >= least && uint64(now) < below {
		m.left(name, "in-order", c.Values)
		return uint64(max(now, 0))
	}
	c.Setting, c.To = name, strconv.FormatUint(to, 10)
	c.Values.Capacity = uint64(max(now, 0))
	m.change(w, c)
	return to
}
