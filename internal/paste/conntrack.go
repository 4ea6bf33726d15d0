package paste

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
)

var conntrackKinds = []kind{
	{name: "conntrack -L", commented: true, begins: trackedBegins, open: func() reader { return &trackedList{} }},
	{name: "conntrack -S", commented: true, begins: trackStatsBegin, open: func() reader { return &trackStats{} }},
}

// trackedList reads the list of connection tracking, as conntrack -L or
// /proc/net/nf_conntrack print it. Its entries are no sockets of this machine:
// they are counted, by the state that connection tracking thinks they are in.
type trackedList struct {
	entries uint64
	states  map[string]*uint64 // pointers: counting allocates nothing
}

func (t *trackedList) count(state []byte) {
	if n := t.states[string(state)]; n != nil {
		*n++
		return
	}
	if len(state) > 0 && len(t.states) < 32 {
		if t.states == nil {
			t.states = map[string]*uint64{}
		}
		n := uint64(1)
		t.states[string(state)] = &n
	}
}

// trackedBegins: "[ipv4 2] tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=…" and, with
// events (-E), "[NEW] tcp 6 …", which is no list.
func trackedBegins(line []byte) bool {
	_, ok := trackedRow(line)
	return ok
}

// trackedRow returns the state of an entry, "" for protocols that have none.
func trackedRow(line []byte) (state []byte, ok bool) {
	if len(line) < 20 || line[0] < 'a' || line[0] > 'z' {
		return nil, false
	}
	src := bytes.Index(line, []byte(" src="))
	if src < 0 || src > 80 || !bytes.Contains(line[src:], []byte(" dst=")) {
		return nil, false
	}
	var words [8][]byte
	n := 0
	for w := range bytes.FieldsSeq(line[:src]) {
		if n == len(words) {
			return nil, false
		}
		words[n] = w
		n++
	}
	at := 0
	if n > 2 && (string(words[0]) == "ipv4" || string(words[0]) == "ipv6") {
		at = 2 // the family's name and number
	}
	if n-at < 2 || n-at > 4 || !isLowerWord(words[at]) {
		return nil, false
	}
	if _, ok := decimal(words[at+1]); !ok {
		return nil, false
	}
	switch n - at {
	case 4:
		return words[at+3], isStateWord(words[at+3])
	case 3: // without a state ("udp 17 29"), or offloaded, without a time ("tcp 6 ESTABLISHED")
		if isStateWord(words[at+2]) {
			return words[at+2], true
		}
		_, ok := decimal(words[at+2])
		return nil, ok
	}
	return nil, true // offloaded and without a state
}

func isLowerWord(w []byte) bool {
	for _, c := range w {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(w) > 0 && len(w) < 16 && w[0] >= 'a'
}

func isStateWord(w []byte) bool {
	for _, c := range w {
		if (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(w) > 2 && len(w) < 24 && w[0] >= 'A'
}

func (t *trackedList) read(line []byte, into *builder) verdict {
	if state, ok := trackedRow(line); ok {
		t.entries++
		t.count(state)
		return row
	}
	switch {
	case len(bytes.TrimSpace(line)) == 0, bytes.HasPrefix(line, []byte("conntrack v")):
		return skipped
	case bytes.Contains(line[:min(len(line), 100)], []byte(" src=")):
		return bad
	}
	return foreign
}

func (t *trackedList) close(into *builder) {
	into.os("linux")
	if !into.conntrackExact && t.entries > into.ns.ConntrackCount.Value {
		into.ns.ConntrackCount = host.Some(t.entries)
	}
	if t.entries > into.trackedRows {
		into.trackedRows = t.entries
		into.tracked = make(map[string]uint64, len(t.states))
		for state, n := range t.states {
			into.tracked[state] = *n
		}
	}
}

// conntrackIs keeps the kernel's own count of entries.
func (b *builder) conntrackIs(entries host.Opt) {
	if entries.Known {
		b.ns.ConntrackCount, b.conntrackExact = entries, true
	}
}

// trackStats reads conntrack -S: a line for every CPU, of names and values
// ("cpu=0  found=4 invalid=91 insert=0 insert_failed=0 drop=0 early_drop=0 …").
type trackStats struct {
	failed, drop, early host.Opt
	cpus                map[string]bool
}

func trackStatsBegin(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(line, []byte("cpu=")) && bytes.Contains(line, []byte("insert_failed="))
}

func (t *trackStats) read(line []byte, into *builder) verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return skipped
	}
	if !trackStatsBegin(line) {
		return foreign
	}
	words := strings.Fields(string(line[:min(len(line), 1000)]))
	if t.cpus[words[0]] {
		return foreign // another run: numbers since boot must not be added twice
	}
	if t.cpus == nil {
		t.cpus = map[string]bool{}
	}
	if len(t.cpus) < 8192 {
		t.cpus[words[0]] = true
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		n, ok := decimal([]byte(value))
		if !ok {
			return bad
		}
		switch name {
		case "insert_failed":
			t.failed = host.Some(t.failed.Value + n)
		case "drop":
			t.drop = host.Some(t.drop.Value + n)
		case "early_drop":
			t.early = host.Some(t.early.Value + n)
		}
	}
	return row
}

func (t *trackStats) close(into *builder) {
	into.os("linux")
	known(&into.system.Conntrack.InsertFailed, t.failed)
	known(&into.system.Conntrack.Drop, t.drop)
	known(&into.system.Conntrack.EarlyDrop, t.early)
}
