package viewer

import (
	"bytes"

	"sockeye/internal/paste/counted"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// powershellGroups reads what Group-Object makes of it: "Count Name Group", the
// name being the state, or the state and the pid ("Bound, 812").
type powershellGroups struct {
	held   [][]byte
	states [tcp.NumStates]uint64
	rows   int
	owned  map[form.OwnedState]uint64
	other  *counted.Table // what is grouped by something else, remote ends perhaps
}

func powershellGroupsBegin(line []byte) bool {
	if len(line) < 10 || len(line) > 400 || form.FirstByte(line) != 'C' {
		return false
	}
	var c form.RowWords
	c.Cut(line, 2)
	return c.N == 2 && string(c.Word[0]) == "Count" && string(c.Word[1]) == "Name"
}

func (t *powershellGroups) Read(line []byte, into *form.Builder) form.Verdict {
	if t.other != nil {
		return t.other.Read(groupAlone(line), into)
	}
	text := bytes.TrimSpace(line)
	if len(text) == 0 || ruler(text) || t.rows == 0 && powershellGroupsBegin(line) {
		return t.keep(line, form.Skipped)
	}
	text = groupAlone(text)
	var words [8]form.Span
	n := form.CutWords(text[:min(len(text), 200)], words[:])
	if n < 2 {
		return form.Foreign
	}
	count, ok := form.SmallNumber(text[words[0].From:words[0].To], 1<<40)
	if !ok {
		return form.Foreign
	}
	state, known := stateOf(bytes.TrimRight(text[words[1].From:words[1].To], ","))
	if !known {
		return t.elsewise(line, into)
	}
	if n > 2 {
		t.owner(bytes.TrimRight(text[words[2].From:words[2].To], ","), text[min(words[2].To+1, len(text)):], form.OwnedState{State: state}, count, into)
	}
	t.states[state] += count
	t.rows++
	t.held = nil
	return form.Row
}

// groupAlone is a line without the column of the group's members.
func groupAlone(line []byte) []byte {
	if at := bytes.IndexByte(line, '{'); at > 0 {
		line = bytes.TrimRight(line[:at], " \t")
	}
	return line
}

// elsewise hands over what is not grouped by state.
func (t *powershellGroups) elsewise(line []byte, into *form.Builder) form.Verdict {
	if t.rows > 0 {
		return form.Foreign
	}
	t.other = &counted.Table{}
	for _, h := range t.held {
		t.other.Read(h, into)
	}
	return t.other.Read(groupAlone(line), into)
}

// keep holds what came before the first row: other things are grouped, too.
func (t *powershellGroups) keep(line []byte, v form.Verdict) form.Verdict {
	if t.rows == 0 {
		if len(t.held) == 4 {
			return form.Foreign
		}
		t.held = append(t.held, bytes.Clone(line))
	}
	return v
}

// owner notes whose a group is, and the name of its pid, where a column has it.
func (t *powershellGroups) owner(pid, name []byte, what form.OwnedState, count uint64, into *form.Builder) {
	number, ok := form.SmallNumber(pid, 1<<31-1)
	if !ok || number == 0 || len(into.Processes) >= form.ProcessesMost {
		return
	}
	what.PID = int32(number)
	if t.owned == nil {
		t.owned = map[form.OwnedState]uint64{}
	}
	if len(t.owned) < form.ProcessesMost {
		t.owned[what] += count
	}
	if name = bytes.TrimSpace(name); len(name) >= 64 || bytes.IndexByte(name, ' ') >= 0 {
		name = nil
	}
	into.Process(what.PID, string(name))
}

func (t *powershellGroups) Refused() [][]byte {
	switch {
	case t.other != nil:
		return t.other.Refused()
	case t.rows > 0:
		return nil
	}
	return t.held
}

// Close: of several countings of the same sockets the one with most of them counts.
func (t *powershellGroups) Close(into *form.Builder) {
	if t.other != nil {
		t.other.Close(into)
		return
	}
	into.OS("windows")
	var before, now uint64
	for _, n := range into.Counted {
		before += n
	}
	for _, n := range t.states {
		now += n
	}
	if now <= before {
		return
	}
	clear(into.Counted)
	into.Owning = t.owned
	for s, n := range t.states {
		if n > 0 {
			into.Count(tcp.State(s), n)
		}
	}
}
