package paste

import (
	"bytes"

	"sockeye/internal/tcp"
)

// powershellGroups reads what Group-Object makes of it: "Count Name Group", the
// name being the state, or the state and the pid ("Bound, 812").
type powershellGroups struct {
	held   [][]byte
	states [tcp.NumStates]uint64
	rows   int
	owned  map[ownedState]uint64
	other  *countedTable // what is grouped by something else, remote ends perhaps
}

func powershellGroupsBegin(line []byte) bool {
	if len(line) < 10 || len(line) > 400 || first(line) != 'C' {
		return false
	}
	var c rowWords
	c.cut(line, 2)
	return c.n == 2 && string(c.word[0]) == "Count" && string(c.word[1]) == "Name"
}

func (t *powershellGroups) read(line []byte, into *builder) verdict {
	if t.other != nil {
		return t.other.read(groupAlone(line), into)
	}
	text := bytes.TrimSpace(line)
	if len(text) == 0 || ruler(text) || t.rows == 0 && powershellGroupsBegin(line) {
		return t.keep(line, skipped)
	}
	text = groupAlone(text)
	var words [8]span
	n := cutWords(text[:min(len(text), 200)], words[:])
	if n < 2 {
		return foreign
	}
	count, ok := smallNumber(text[words[0].from:words[0].to], 1<<40)
	if !ok {
		return foreign
	}
	state, known := viewerState(bytes.TrimRight(text[words[1].from:words[1].to], ","))
	if !known {
		return t.elsewise(line, into)
	}
	if n > 2 {
		t.owner(bytes.TrimRight(text[words[2].from:words[2].to], ","), text[min(words[2].to+1, len(text)):], ownedState{state: state}, count, into)
	}
	t.states[state] += count
	t.rows++
	t.held = nil
	return row
}

// groupAlone is a line without the column of the group's members.
func groupAlone(line []byte) []byte {
	if at := bytes.IndexByte(line, '{'); at > 0 {
		line = bytes.TrimRight(line[:at], " \t")
	}
	return line
}

// elsewise hands over what is not grouped by state.
func (t *powershellGroups) elsewise(line []byte, into *builder) verdict {
	if t.rows > 0 {
		return foreign
	}
	t.other = &countedTable{}
	for _, h := range t.held {
		t.other.read(h, into)
	}
	return t.other.read(groupAlone(line), into)
}

// keep holds what came before the first row: other things are grouped, too.
func (t *powershellGroups) keep(line []byte, v verdict) verdict {
	if t.rows == 0 {
		if len(t.held) == 4 {
			return foreign
		}
		t.held = append(t.held, bytes.Clone(line))
	}
	return v
}

// owner notes whose a group is, and the name of its pid, where a column has it.
func (t *powershellGroups) owner(pid, name []byte, what ownedState, count uint64, into *builder) {
	number, ok := smallNumber(pid, 1<<31-1)
	if !ok || number == 0 || len(into.processes) >= processesMost {
		return
	}
	what.pid = int32(number)
	if t.owned == nil {
		t.owned = map[ownedState]uint64{}
	}
	if len(t.owned) < processesMost {
		t.owned[what] += count
	}
	if name = bytes.TrimSpace(name); len(name) >= 64 || bytes.IndexByte(name, ' ') >= 0 {
		name = nil
	}
	into.process(what.pid, string(name))
}

func (t *powershellGroups) refused() [][]byte {
	switch {
	case t.other != nil:
		return t.other.refused()
	case t.rows > 0:
		return nil
	}
	return t.held
}

// close: of several countings of the same sockets the one with most of them counts.
func (t *powershellGroups) close(into *builder) {
	if t.other != nil {
		t.other.close(into)
		return
	}
	into.os("windows")
	var before, now uint64
	for _, n := range into.counted {
		before += n
	}
	for _, n := range t.states {
		now += n
	}
	if now <= before {
		return
	}
	clear(into.counted)
	into.owning = t.owned
	for s, n := range t.states {
		if n > 0 {
			into.count(tcp.State(s), n)
		}
	}
}
