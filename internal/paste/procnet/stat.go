package procnet

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
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

func (t *perCPU) Read(line []byte, into *form.Builder) form.Verdict {
	words := strings.Fields(string(line[:min(len(line), 4096)]))
	if t.names == nil {
		t.names, t.sums = words, map[string]uint64{}
		return form.Skipped
	}
	if len(words) != len(t.names) || t.rows >= 8192 {
		return form.Foreign
	}
	for i, w := range words {
		n, ok := form.Hexadecimal([]byte(w))
		if !ok {
			return form.Foreign
		}
		if t.names[i] == "entries" {
			t.entries = host.Some(n) // the whole table's, on every line again
		} else {
			t.sums[t.names[i]] += n
		}
	}
	t.rows++
	return form.Row
}

func (t *perCPU) Close(into *form.Builder) {
	into.OS("linux")
	if t.rows == 0 {
		return
	}
	sum := func(name string) host.Opt {
		n, ok := t.sums[name]
		return host.Opt{Value: n, Known: ok}
	}
	if _, isConntrack := t.sums["insert_failed"]; isConntrack {
		into.ConntrackIs(t.entries)
		form.ReplaceIfKnown(&into.System.Conntrack.InsertFailed, sum("insert_failed"))
		form.ReplaceIfKnown(&into.System.Conntrack.Drop, sum("drop"))
		form.ReplaceIfKnown(&into.System.Conntrack.EarlyDrop, sum("early_drop"))
		return
	}
	switch last := into.LastCommand(); {
	case strings.Contains(last, "ndisc_cache"):
		into.Neighbours("ipv6", t.entries, sum("table_fulls"))
	case strings.Contains(last, "arp_cache"):
		into.Neighbours("ipv4", t.entries, sum("table_fulls"))
	}
}
