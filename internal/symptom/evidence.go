package symptom

import (
	"bytes"

	"sockeye/internal/host"
)

// evidence is one thing in a line that tells of an error.
type evidence struct {
	mark       *mark
	code       *code // nil: the message has none
	os         string
	runtime    host.Runtime
	start, end int  // in the line
	weak       bool // counts only beside something else that says the same
}

// wide is how far apart the parts of a pattern may stand, in bytes.
const wide = 700

// hits collects what a line (with its lower-case copy low) holds.
func (s *Scanner) hits(low []byte) []evidence {
	found := s.found[:0]
	state := uint16(0)
	for from := 0; from < len(low) && len(found) < 256; {
		at, to := s.table.find.next(low[from:], state)
		if at < 0 {
			break
		}
		from, state = from+at, to
		for _, word := range s.table.find.words(to) {
			m := &s.table.marks[word]
			if e, ok := s.confirm(m, low, from); ok {
				found = append(found, e)
			}
		}
	}
	s.found = found
	return found
}

// confirm looks around a mark that ends at at: is it what it looks like?
func (s *Scanner) confirm(m *mark, low []byte, at int) (evidence, bool) {
	e := evidence{mark: m, code: m.code, os: m.os, start: at - m.length, end: at}
	switch m.kind {
	case ofText, ofMessage:
		ok := m.spread(low, &e)
		if ok && m.message != nil {
			e.runtime = m.message.Runtime
			ok = !unlike(m.message, low, e)
		}
		if ok && m.kind == ofText {
			ok = !inWord(low, e, m.word)
			numbered(low, &e)
		}
		return e, ok
	case ofName:
		return e, named(low, &e)
	case ofKind:
		return e, kindred(low, &e)
	case ofWSA:
		return e, winsock(low, &e)
	case ofErrno:
		return s.errno(m.form, low, e)
	case ofEvent:
		return e, s.isEvent(m.message, low, e)
	case ofSource:
		if delimited(low, e.start, e.end) {
			s.sourceAt[m.source] = s.number
		}
	case ofTrace:
		s.trace.begin(e.start)
	}
	return e, false
}

// spread finds the other parts of a pattern before and behind its mark.
func (m *mark) spread(low []byte, e *evidence) bool {
	part := m.parts[m.anchor]
	if e.start = e.end - len(part); e.start < 0 || !bytes.Equal(low[e.start:e.end], part) {
		return false
	}
	for i := m.anchor - 1; i >= 0; i-- {
		from := max(0, e.start-wide)
		at := bytes.LastIndex(low[from:e.start], m.parts[i])
		if at < 0 {
			return false
		}
		e.start = from + at
	}
	for _, part := range m.parts[m.anchor+1:] {
		at := bytes.Index(low[e.end:min(len(low), e.end+wide)], part)
		if at < 0 {
			return false
		}
		e.end += at + len(part)
	}
	return true
}

// unlike tells whether one of a message's look-alikes stands around it.
func unlike(m *message, low []byte, e evidence) bool {
	for _, not := range m.Not {
		around := low[max(0, e.start-len(not)):min(len(low), e.end+len(not))]
		if bytes.Contains(around, lowered(nil, []byte(not))) {
			return true
		}
	}
	return false
}

// inWord tells whether a text is part of longer words: "reconnection refused",
// "connection-refused".
func inWord(low []byte, e evidence, begins bool) bool {
	if begins && e.start > 0 && joins(low[e.start-1]) {
		// JSON and logs write line ends and tabs as \n and \t.
		if e.start < 2 || low[e.start-2] != '\\' {
			return true
		}
	}
	return e.end < len(low) && alnum(low[e.end-1]) && joins(low[e.end])
}

func joins(c byte) bool { return alnum(c) || c == '_' || c == '-' }

func alnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// delimited tells whether nothing of a word stands right before or behind.
func delimited(low []byte, start, end int) bool {
	return (start == 0 || !alnum(low[start-1]) && low[start-1] != '_') && (end == len(low) || !alnum(low[end]) && low[end] != '_')
}

// numbered looks for "(99: " before a text, which is how nginx writes an error.
func numbered(low []byte, e *evidence) {
	before := bytes.TrimRight(low[:e.start], " ")
	if len(before) == 0 || before[len(before)-1] != ':' {
		return
	}
	before = before[:len(before)-1]
	n, open := trailingNumber(before)
	if open < 0 || open == 0 || before[open-1] != '(' {
		return
	}
	if bytes.HasSuffix(before[:open-1], []byte("failed ")) || bytes.Contains(before, []byte("upstream")) {
		e.runtime = host.Nginx
	}
	if e.os == "" {
		e.os = systemOf(e.code, n)
	}
}

// trailingNumber reads the number that a text ends with; start is -1 when none does.
func trailingNumber(text []byte) (n uint32, start int) {
	start = len(text)
	for start > 0 && digit(text[start-1]) && len(text)-start < 9 {
		start--
	}
	if start == len(text) {
		return 0, -1
	}
	for _, c := range text[start:] {
		n = n*10 + uint32(c-'0')
	}
	return n, start
}

// leadingNumber reads the number that a text begins with; length is 0 when none does.
func leadingNumber(text []byte) (n uint32, length int) {
	for length < len(text) && length < 9 && digit(text[length]) {
		n = n*10 + uint32(text[length]-'0')
		length++
	}
	return n, length
}

// systemOf tells which system numbers an error so, "" when several do.
func systemOf(c *code, n uint32) string {
	switch {
	case n == c.Linux && n != c.BSD:
		return "linux"
	case n == c.BSD && n != c.Linux:
		return "darwin"
	case n == c.Windows && n != 0:
		return "windows"
	}
	return ""
}
