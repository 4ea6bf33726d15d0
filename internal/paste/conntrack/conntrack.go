package conntrack

import (
	"bytes"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
)

var Kinds = []form.Kind{
	{Name: "conntrack -L", Commented: true, Begins: trackedBegins, Open: func() form.Reader { return &trackedList{} }},
	{Name: "conntrack -S", Commented: true, Begins: trackStatsBegin, Open: func() form.Reader { return &trackStats{} }},
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

// trackedBegins: "[form.IPv4 2] tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=…" and, with
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
	if _, ok := form.Decimal(words[at+1]); !ok {
		return nil, false
	}
	switch n - at {
	case 4:
		return words[at+3], form.IsStateWord(words[at+3])
	case 3: // without a state ("udp 17 29"), or offloaded, without a time ("tcp 6 ESTABLISHED")
		if form.IsStateWord(words[at+2]) {
			return words[at+2], true
		}
		_, ok := form.Decimal(words[at+2])
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

func (t *trackedList) Read(line []byte, into *form.Builder) form.Verdict {
	if state, ok := trackedRow(line); ok {
		t.entries++
		t.count(state)
		return form.Row
	}
	switch {
	case len(bytes.TrimSpace(line)) == 0, bytes.HasPrefix(line, []byte("conntrack v")):
		return form.Skipped
	case bytes.Contains(line[:min(len(line), 100)], []byte(" src=")):
		return form.Bad
	}
	return form.Foreign
}

func (t *trackedList) Close(into *form.Builder) {
	into.OS("linux")
	if !into.ConntrackExact && t.entries > into.NS.ConntrackCount.Value {
		into.NS.ConntrackCount = host.Some(t.entries)
	}
	if t.entries > into.TrackedRows {
		into.TrackedRows = t.entries
		into.Tracked = make(map[string]uint64, len(t.states))
		for state, n := range t.states {
			into.Tracked[state] = *n
		}
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

func (t *trackStats) Read(line []byte, into *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	if !trackStatsBegin(line) {
		return form.Foreign
	}
	words := strings.Fields(string(line[:min(len(line), 1000)]))
	if t.cpus[words[0]] {
		return form.Foreign // another run: numbers since boot must not be added twice
	}
	if t.cpus == nil {
		t.cpus = map[string]bool{}
	}
	if len(t.cpus) < 8192 {
		t.cpus[words[0]] = true
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		n, ok := form.Decimal([]byte(value))
		if !ok {
			return form.Bad
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
	return form.Row
}

func (t *trackStats) Close(into *form.Builder) {
	into.OS("linux")
	form.ReplaceIfKnown(&into.System.Conntrack.InsertFailed, t.failed)
	form.ReplaceIfKnown(&into.System.Conntrack.Drop, t.drop)
	form.ReplaceIfKnown(&into.System.Conntrack.EarlyDrop, t.early)
}
