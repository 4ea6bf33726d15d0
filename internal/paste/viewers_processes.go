package paste

import (
	"bytes"
	"math"
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
	var c rowWords
	c.cut(line[at+4:], 7)
	if c.n < 4 || c.n > 6 || len(c.word[0]) > 10 || !number(c.word[0]) {
		return false
	}
	memory, unit := c.word[c.n-2], c.word[c.n-1]
	if len(unit) > 4 || unit[0] != 'K' && unit[0] != 'k' || !number(c.word[c.n-3]) {
		return false
	}
	return len(bytes.Trim(memory, "0123456789.,’'")) == 0 || !bytes.ContainsAny(memory, "abcdefghijklmnopqrstuvwxyz")
}

// tasklistRows reads such rows.
type tasklistRows struct{}

func (tasklistRows) read(line []byte, into *builder) verdict {
	if !tasklistRowBegins(line) {
		return foreign
	}
	end := bytes.Index(line, []byte(".exe ")) + 4
	pid, _ := nextWord(line[end:])
	into.os("windows")
	return named(bytes.TrimSpace(line[:end]), pid, into)
}

func (tasklistRows) close(*builder) {}

// tasklist reads Windows' tasklist, with /svc and /v too: a name, a pid, the rest.
type tasklist struct {
	pidEnd int // where the pid's column ends
}

func (t *tasklist) read(line []byte, into *builder) verdict {
	if tasklistBegins(line) {
		var words [3]span
		cutWords(line, words[:])
		t.pidEnd = words[1].to
		into.os("windows")
		return skipped
	}
	if text := bytes.TrimLeft(line, " "); len(text) == 0 || len(line)-len(text) >= t.pidEnd { // services that found no room above
		return skipped
	}
	var words [16]span
	n := cutWords(line, words[:])
	pid := 0
	for i := 1; i < n; i++ {
		if !number(line[words[i].from:words[i].to]) {
			continue
		}
		if pid == 0 || words[i].to == t.pidEnd {
			pid = i
		}
		if words[i].to >= t.pidEnd {
			break
		}
	}
	if pid == 0 || line[0] == ' ' {
		return foreign
	}
	return named(line[words[0].from:words[pid-1].to], line[words[pid].from:words[pid].to], into)
}

func (t *tasklist) close(*builder) {}

// named gives a pid its name.
func named(name, pid []byte, into *builder) verdict {
	number, ok := smallNumber(pid, math.MaxInt32)
	if !ok || len(name) == 0 || len(name) > 255 {
		return bad
	}
	if number > 0 {
		if p := into.process(int32(number), ""); p.Name == "" {
			p.Name = string(name)
		}
	}
	return row
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
		if l.divider == 0 && !l.has[pidColumn] && bytes.Equal(line[at.from:at.to], []byte("Id")) {
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

func (t *processTable) read(line []byte, into *builder) verdict {
	if t.layout == nil {
		if t.layout = processLayout(line); t.layout == nil {
			return foreign
		}
		return skipped
	}
	text := bytes.TrimSpace(line)
	if len(text) == 0 || ruler(text) {
		return skipped
	}
	var s sighting
	var words [tableWidest]span
	if t.layout.divider != 0 {
		n := cutFields(line, t.layout.divider, words[:])
		if n < len(t.layout.columns)/2+1 {
			return foreign
		}
		for i, w := range words[:min(n, len(t.layout.columns))] {
			s[t.layout.columns[i]] = line[w.from:w.to]
		}
		return named(s[processColumn], s[pidColumn], into)
	}
	// The name is last and may hold blanks; numbers stand before it and end where
	// their headings end.
	n := cutWords(line, words[:])
	name := t.layout.spans[len(t.layout.spans)-1]
	var pid span
	for i, c := range t.layout.columns {
		if c == pidColumn {
			pid = t.layout.spans[i]
		}
	}
	if n < 2 || len(line) <= name.from {
		return foreign
	}
	for _, w := range words[:n] {
		if w.from < pid.to && w.to > pid.from && number(line[w.from:w.to]) {
			return named(bytes.TrimSpace(line[name.from:]), line[w.from:w.to], into)
		}
	}
	return foreign
}

func (t *processTable) close(*builder) {}
