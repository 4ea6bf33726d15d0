package counted

import (
	"bytes"
	"strings"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

var Kinds = []form.Kind{
	{Name: "counts of states", Commented: true, Begins: begins, Open: func() form.Reader { return &Table{} }},
}

// Table reads what people make of netstat and ss with awk, sort and uniq:
// how many sockets are in a state, or have a remote end, or both, the number
// first or last. Headings and other words of netstat's that fell into such a
// pipeline are swallowed.
type Table struct {
	states [tcp.NumStates]uint64
	peers  map[string]uint64
	rows   int      // that tell a state
	ends   int      // that tell an address only
	plain  bool     // one row was enough: "  28230 TIME_WAIT", as uniq writes it
	held   [][]byte // all lines, until they are enough to be a table
	asked  bool     // the command before makes such a table
	linux  bool     // what is counted is spelled as on Linux, or ss was asked
	begun  bool
}

const peersMax = 10_000

func begins(line []byte) bool {
	line = countAlone(bytes.TrimSpace(line))
	if len(line) < 5 || len(line) > 120 {
		return false
	}
	if !form.IsDigit(line[0]) && !form.IsDigit(line[len(line)-1]) && !bytes.HasPrefix(line, []byte("Count Name")) {
		return false
	}
	if !may(line) {
		return false
	}
	var r row
	return r.cut(line) && (r.pairs > 0 || r.isState && r.words < 3 || r.end != nil && r.words < 2 || r.heading) ||
		line[0] == 'C' && bytes.HasPrefix(line, []byte("Count Name"))
}

// countAlone is a count that ends in its number without what its author wrote behind
// it. A heading's own brackets stand behind no number.
func countAlone(line []byte) []byte {
	if len(line) == 0 || line[0] < 'A' || line[0] > 'Z' || len(line) > 600 {
		return line
	}
	return form.Unremarked(line, func(before []byte) bool { return len(before) > 0 && form.IsDigit(before[len(before)-1]) })
}

// may looks at the first word: nearly all lines of logs end here.
func may(line []byte) bool {
	end := bytes.IndexFunc(line, isCountGap)
	if end < 0 {
		end = len(line)
	}
	first := bytes.Trim(line[:end], "\"'{}")
	if len(first) == 0 || len(first) > 60 {
		return false
	}
	if form.IsDigit(first[0]) && bytes.IndexByte(first, '.') < 0 {
		_, ok := form.Decimal(first)
		return ok
	}
	if colon := bytes.IndexByte(first, ':'); colon > 4 && looksLikeState(first[:colon]) {
		return true
	}
	return looksLikeState(first) || isEnd(first)
}

func (t *Table) Read(line []byte, into *form.Builder) form.Verdict {
	if !t.begun {
		t.begun = true
		command, ok := form.Typed(into.Prose)
		if !ok && may(bytes.TrimSpace(into.Prose)) { // "     3 ": the pipeline counted empty words, too
			command, ok = into.LastCommand(), true
		}
		t.asked = ok && (strings.Contains(command, "uniq") || strings.Contains(command, "awk") ||
			form.ProgramOf(command) == "netstat" || form.ProgramOf(command) == "ss")
		t.linux = ok && form.ProgramOf(command) == "ss"
	}
	v := t.take(countAlone(bytes.TrimSpace(line)))
	if v != form.Foreign && !t.sure() {
		t.held = append(t.held, bytes.Clone(line))
	}
	return v
}

func (t *Table) take(line []byte) form.Verdict {
	if len(line) == 0 || bytes.HasPrefix(line, []byte("Count Name")) || len(bytes.Trim(line, "- ")) == 0 {
		return skippedUnless(len(t.held) > 20)
	}
	var r row
	if len(line) > 120 || !r.cut(line) || r.lower && !r.first && !t.asked {
		return form.Foreign
	}
	t.linux = t.linux || r.linux
	switch {
	case r.pairs > 0:
		for i := range r.pairs {
			t.states[r.states[i]] += r.counts[i]
		}
		t.rows += r.pairs
	case r.isState && r.words < 3:
		t.states[r.state] += r.n
		t.rows++
		t.plain = t.plain || r.first && !r.lower && r.words == 0 && r.end == nil
		t.peer(&r)
	case r.end != nil && r.words < 2:
		t.ends++
		t.peer(&r)
	case r.heading, r.first && (t.asked || t.rows > 0) && r.words > 0 && r.words < 3:
		return skippedUnless(len(t.held) > 20)
	default:
		return form.Foreign
	}
	return form.Row
}

// skippedUnless: lines that tell nothing do not go on without end.
func skippedUnless(tooMany bool) form.Verdict {
	if tooMany {
		return form.Foreign
	}
	return form.Skipped
}

func (t *Table) peer(r *row) {
	if r.end == nil {
		return
	}
	if n, known := t.peers[string(r.end)]; known || len(t.peers) < peersMax {
		if t.peers == nil {
			t.peers = map[string]uint64{}
		}
		t.peers[string(r.end)] = n + r.n
	}
}

// sure: a number and a state, alone on a line, may be anybody's sentence.
func (t *Table) sure() bool {
	return t.rows > 0 && (t.asked || t.plain || t.rows > 1) || t.ends > 0 && (t.asked || t.ends > 2)
}

func (t *Table) Refused() [][]byte {
	if t.sure() {
		return nil
	}
	return t.held
}

// Close: of several tables of the same sockets the one with most of them counts.
func (t *Table) Close(into *form.Builder) {
	if t.linux {
		into.OS("linux")
	}
	var before, now uint64
	for _, n := range into.Counted {
		before += n
	}
	for _, n := range t.states {
		now += n
	}
	if now > before {
		clear(into.Counted)
		for s, n := range t.states {
			if n > 0 {
				into.Count(tcp.State(s), n)
			}
		}
	}
	if len(t.peers) > len(into.Peers) {
		into.Peers = t.peers
	}
}
