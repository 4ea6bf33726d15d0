package paste

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

var countedKinds = []kind{
	{name: "counts of states", commented: true, begins: countedBegins, open: func() reader { return &countedTable{} }},
}

// countedTable reads what people make of netstat and ss with awk, sort and uniq:
// how many sockets are in a state, or have a remote end, or both, the number
// first or last. Headings and other words of netstat's that fell into such a
// pipeline are swallowed.
type countedTable struct {
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

func countedBegins(line []byte) bool {
	line = countAlone(bytes.TrimSpace(line))
	if len(line) < 5 || len(line) > 120 {
		return false
	}
	if !isDigit(line[0]) && !isDigit(line[len(line)-1]) && !bytes.HasPrefix(line, []byte("Count Name")) {
		return false
	}
	if !countedMay(line) {
		return false
	}
	var r countedRow
	return r.cut(line) && (r.pairs > 0 || r.isState && r.words < 3 || r.end != nil && r.words < 2 || r.heading) ||
		line[0] == 'C' && bytes.HasPrefix(line, []byte("Count Name"))
}

// countAlone is a count that ends in its number without what its author wrote behind
// it. A heading's own brackets stand behind no number.
func countAlone(line []byte) []byte {
	if len(line) == 0 || line[0] < 'A' || line[0] > 'Z' || len(line) > 600 {
		return line
	}
	return unremarked(line, func(before []byte) bool { return len(before) > 0 && isDigit(before[len(before)-1]) })
}

// countedMay looks at the first word: nearly all lines of logs end here.
func countedMay(line []byte) bool {
	end := bytes.IndexFunc(line, isCountGap)
	if end < 0 {
		end = len(line)
	}
	first := bytes.Trim(line[:end], "\"'{}")
	if len(first) == 0 || len(first) > 60 {
		return false
	}
	if isDigit(first[0]) && bytes.IndexByte(first, '.') < 0 {
		_, ok := decimal(first)
		return ok
	}
	if colon := bytes.IndexByte(first, ':'); colon > 4 && looksLikeState(first[:colon]) {
		return true
	}
	return looksLikeState(first) || isEnd(first)
}

func (t *countedTable) read(line []byte, into *builder) verdict {
	if !t.begun {
		t.begun = true
		command, ok := typed(into.prose)
		if !ok && countedMay(bytes.TrimSpace(into.prose)) { // "     3 ": the pipeline counted empty words, too
			command, ok = into.lastCommand(), true
		}
		t.asked = ok && (strings.Contains(command, "uniq") || strings.Contains(command, "awk") ||
			programOf(command) == "netstat" || programOf(command) == "ss")
		t.linux = ok && programOf(command) == "ss"
	}
	v := t.take(countAlone(bytes.TrimSpace(line)))
	if v != foreign && !t.sure() {
		t.held = append(t.held, bytes.Clone(line))
	}
	return v
}

func (t *countedTable) take(line []byte) verdict {
	if len(line) == 0 || bytes.HasPrefix(line, []byte("Count Name")) || len(bytes.Trim(line, "- ")) == 0 {
		return skippedUnless(len(t.held) > 20)
	}
	var r countedRow
	if len(line) > 120 || !r.cut(line) || r.lower && !r.first && !t.asked {
		return foreign
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
		return foreign
	}
	return row
}

// skippedUnless: lines that tell nothing do not go on without end.
func skippedUnless(tooMany bool) verdict {
	if tooMany {
		return foreign
	}
	return skipped
}

func (t *countedTable) peer(r *countedRow) {
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
func (t *countedTable) sure() bool {
	return t.rows > 0 && (t.asked || t.plain || t.rows > 1) || t.ends > 0 && (t.asked || t.ends > 2)
}

func (t *countedTable) refused() [][]byte {
	if t.sure() {
		return nil
	}
	return t.held
}

// endsTold is how many remote ends are told of a text that counts them.
const endsTold = 20

// mostCounted lists the remote ends that stand most often in a count.
func mostCounted(peers map[string]uint64) (most []host.CountedEnd) {
	for end, n := range peers {
		most = append(most, host.CountedEnd{End: end, Count: n})
	}
	slices.SortFunc(most, func(a, b host.CountedEnd) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.End, b.End))
	})
	return slices.Clone(most[:min(len(most), endsTold)])
}

// close: of several tables of the same sockets the one with most of them counts.
func (t *countedTable) close(into *builder) {
	if t.linux {
		into.os("linux")
	}
	var before, now uint64
	for _, n := range into.counted {
		before += n
	}
	for _, n := range t.states {
		now += n
	}
	if now > before {
		clear(into.counted)
		for s, n := range t.states {
			if n > 0 {
				into.count(tcp.State(s), n)
			}
		}
	}
	if len(t.peers) > len(into.peers) {
		into.peers = t.peers
	}
}
