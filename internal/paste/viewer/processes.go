package viewer

import (
	"bytes"
	"math"

	"sockeye/internal/paste/form"
)

// tasklistBegins: the line below tasklist's heading, in any language: runs of
// "=" for its columns.
func tasklistBegins(line []byte) bool {
	return bytes.HasPrefix(line, []byte("=====")) && len(line) < 400 && bytes.Count(line, []byte(" ")) >= 2 && len(bytes.Trim(line, "= ")) == 0
}

// tasklistRowBegins: a row of tasklist that findstr let pass, without the heading:
// a program, its pid, the session, its number, and the memory in KB.
func tasklistRowBegins(line []byte) bool {
	at := bytes.Index(line, []byte(".exe "))
	if at < 1 || at > 60 || len(line) > 160 {
		return false
	}
	var c form.RowWords
	c.Cut(line[at+4:], 7)
	if c.N < 4 || c.N > 6 || len(c.Word[0]) > 10 || !form.IsNumber(c.Word[0]) {
		return false
	}
	memory, unit := c.Word[c.N-2], c.Word[c.N-1]
	if len(unit) > 4 || unit[0] != 'K' && unit[0] != 'k' || !form.IsNumber(c.Word[c.N-3]) {
		return false
	}
	return len(bytes.Trim(memory, "0123456789.,’'")) == 0 || !bytes.ContainsAny(memory, "abcdefghijklmnopqrstuvwxyz")
}

// tasklistRows reads such rows.
type tasklistRows struct{}

func (tasklistRows) Read(line []byte, into *form.Builder) form.Verdict {
	if !tasklistRowBegins(line) {
		return form.Foreign
	}
	end := bytes.Index(line, []byte(".exe ")) + 4
	pid, _ := form.NextWord(line[end:])
	into.OS("windows")
	return named(bytes.TrimSpace(line[:end]), pid, into)
}

func (tasklistRows) Close(*form.Builder) {}

// tasklist reads Windows' tasklist, with /svc and /v too: a name, a pid, the rest.
type tasklist struct {
	pidEnd int // where the pid's column ends
}

func (t *tasklist) Read(line []byte, into *form.Builder) form.Verdict {
	if tasklistBegins(line) {
		var words [3]form.Span
		form.CutWords(line, words[:])
		t.pidEnd = words[1].To
		into.OS("windows")
		return form.Skipped
	}
	if text := bytes.TrimLeft(line, " "); len(text) == 0 || len(line)-len(text) >= t.pidEnd { // services that found no room above
		return form.Skipped
	}
	var words [16]form.Span
	n := form.CutWords(line, words[:])
	pid := 0
	for i := 1; i < n; i++ {
		if !form.IsNumber(line[words[i].From:words[i].To]) {
			continue
		}
		if pid == 0 || words[i].To == t.pidEnd {
			pid = i
		}
		if words[i].To >= t.pidEnd {
			break
		}
	}
	if pid == 0 || line[0] == ' ' {
		return form.Foreign
	}
	return named(line[words[0].From:words[pid-1].To], line[words[pid].From:words[pid].To], into)
}

func (t *tasklist) Close(*form.Builder) {}

// named gives a pid its name.
func named(name, pid []byte, into *form.Builder) form.Verdict {
	number, ok := form.SmallNumber(pid, math.MaxInt32)
	if !ok || len(name) == 0 || len(name) > 255 {
		return form.Bad
	}
	if number > 0 {
		if p := into.Process(int32(number), ""); p.Name == "" {
			p.Name = string(name)
		}
	}
	return form.Row
}

// processesBegins: the heading of a table that has names and pids and no
// sockets: tasklist /fo csv, Get-Process.
func processesBegins(line []byte) bool {
	return processLayout(line) != nil
}

// processLayout reads such a heading.
func processLayout(line []byte) *layout {
	if len(line) < 8 || len(line) > 600 {
		return nil
	}
	for _, c := range line {
		if c >= '0' && c <= '9' {
			return nil
		}
	}
	if !bytes.Contains(line, []byte("PID")) && !bytes.Contains(line, []byte("ProcessName")) {
		return nil
	}
	l := cutHeading(line)
	for i, at := range l.spans { // Get-Process says Id
		if l.divider == 0 && !l.has[pidColumn] && bytes.Equal(line[at.From:at.To], []byte("Id")) {
			l.columns[i], l.has[pidColumn] = pidColumn, true
		}
	}
	last := len(l.columns) - 1
	if !l.has[processColumn] || !l.has[pidColumn] || l.has[localColumn] || l.has[localPortColumn] ||
		l.divider == 0 && (l.columns[last] != processColumn || !bytes.HasSuffix(bytes.TrimSpace(line), []byte("ProcessName"))) {
		return nil
	}
	return l
}

// processTable reads the rows below it.
type processTable struct{ layout *layout }

func (t *processTable) Read(line []byte, into *form.Builder) form.Verdict {
	if t.layout == nil {
		if t.layout = processLayout(line); t.layout == nil {
			return form.Foreign
		}
		return form.Skipped
	}
	text := bytes.TrimSpace(line)
	if len(text) == 0 || ruler(text) {
		return form.Skipped
	}
	var s sighting
	var words [tableWidest]form.Span
	if t.layout.divider != 0 {
		n := form.CutFields(line, t.layout.divider, words[:])
		if n < len(t.layout.columns)/2+1 {
			return form.Foreign
		}
		for i, w := range words[:min(n, len(t.layout.columns))] {
			s[t.layout.columns[i]] = line[w.From:w.To]
		}
		return named(s[processColumn], s[pidColumn], into)
	}
	// The name is last and may hold blanks; numbers stand before it and end where
	// their headings end.
	n := form.CutWords(line, words[:])
	name := t.layout.spans[len(t.layout.spans)-1]
	var pid form.Span
	for i, c := range t.layout.columns {
		if c == pidColumn {
			pid = t.layout.spans[i]
		}
	}
	if n < 2 || len(line) <= name.From {
		return form.Foreign
	}
	for _, w := range words[:n] {
		if w.From < pid.To && w.To > pid.From && form.IsNumber(line[w.From:w.To]) {
			return named(bytes.TrimSpace(line[name.From:]), line[w.From:w.To], into)
		}
	}
	return form.Foreign
}

func (t *processTable) Close(*form.Builder) {}
