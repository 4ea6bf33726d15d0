package paste

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
)

// perCPU reads /proc/net/stat/{nf_conntrack,arp_cache,ndisc_cache}: a line of names,
// then hexadecimal numbers for every CPU. Which of the two caches it is, only the
// command or the file's name tells.
type perCPU struct {
	names   []string
	rows    int
	entries host.Opt
	sums    map[string]uint64
}

func perCPUBegins(line []byte) bool {
	return bytes.HasPrefix(line, []byte("entries ")) &&
		(bytes.Contains(line, []byte(" insert_failed ")) || bytes.Contains(line, []byte(" hash_grows ")))
}

func (t *perCPU) read(line []byte, into *builder) verdict {
	words := strings.Fields(string(line[:min(len(line), 4096)]))
	if t.names == nil {
		t.names, t.sums = words, map[string]uint64{}
		return skipped
	}
	if len(words) != len(t.names) || t.rows >= 8192 {
		return foreign
	}
	for i, w := range words {
		n, ok := hexadecimal([]byte(w))
		if !ok {
			return foreign
		}
		if t.names[i] == "entries" {
			t.entries = host.Some(n) // the whole table's, on every line again
		} else {
			t.sums[t.names[i]] += n
		}
	}
	t.rows++
	return row
}

func (t *perCPU) close(into *builder) {
	into.os("linux")
	if t.rows == 0 {
		return
	}
	sum := func(name string) host.Opt {
		n, ok := t.sums[name]
		return host.Opt{Value: n, Known: ok}
	}
	if _, isConntrack := t.sums["insert_failed"]; isConntrack {
		into.conntrackIs(t.entries)
		known(&into.system.Conntrack.InsertFailed, sum("insert_failed"))
		known(&into.system.Conntrack.Drop, sum("drop"))
		known(&into.system.Conntrack.EarlyDrop, sum("early_drop"))
		return
	}
	switch last := into.lastCommand(); {
	case strings.Contains(last, "ndisc_cache"):
		into.neighbours("ipv6", t.entries, sum("table_fulls"))
	case strings.Contains(last, "arp_cache"):
		into.neighbours("ipv4", t.entries, sum("table_fulls"))
	}
}

// neighbours keeps what is known of a neighbour table; unknown numbers leave what
// another text told.
func (b *builder) neighbours(family string, entries, full host.Opt) {
	for i := range b.system.Neighbours {
		if t := &b.system.Neighbours[i]; t.Family == family {
			known(&t.Entries, entries)
			known(&t.Full, full)
			return
		}
	}
	b.system.Neighbours = append(b.system.Neighbours, host.NeighbourTable{Family: family, Entries: entries, Full: full})
}

// lastCommand is the command line seen last, "" when there was none.
func (b *builder) lastCommand() string {
	if len(b.commands) == 0 {
		return ""
	}
	return b.commands[len(b.commands)-1]
}
