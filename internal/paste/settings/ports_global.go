package settings

import (
	"bytes"
	"unicode/utf8"

	"sockeye/internal/paste/form"
)

// tcpGlobals reads "netsh int tcp show global" in any language: a heading, dashes,
// and a name and a word a line. Nothing in it bounds connections; it is read so
// that nobody takes it for prose.
type tcpGlobals struct {
	held  [][]byte
	ruled bool
	rows  int
	colon int // the column of the first row's
}

// globalWords: "global" in the languages of Windows.
var globalWords = [][]byte{[]byte("lobal"), []byte("globau"), []byte("lobais"), []byte("全局"), []byte("全域"), []byte("グローバル"), []byte("лобальн"), []byte("전역")}

func tcpGlobalsBegin(line []byte) bool {
	if len(line) < 8 || len(line) > 100 || bytes.ContainsAny(line, "0123456789:=/\\.|$#") || portProtocol(line) != "tcp" {
		return false
	}
	for _, w := range globalWords {
		if bytes.Contains(line, w) {
			return true
		}
	}
	return false
}

func (t *tcpGlobals) Read(line []byte, _ *form.Builder) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case len(t.held) == 0 && t.rows == 0, !t.ruled && len(trimmed) == 0:
		return t.hold(line)
	case !t.ruled:
		if t.ruled = len(trimmed) > 20 && isRule(trimmed); !t.ruled {
			return form.Foreign
		}
		return t.hold(line)
	case len(trimmed) == 0 && t.rows == 0:
		return form.Skipped
	case !t.isRow(line):
		return form.Foreign
	}
	t.rows++
	if t.rows <= tcpGlobalsSure {
		t.held = append(t.held, bytes.Clone(line))
	}
	return form.Row
}

// isRow: "ECN Capability    : disabled". The colons stand below one another, with a
// blank before them; where blanks were lost, or a translation has letters of two
// columns, one of both is enough for a single word. A message has a sentence behind its
// colon, or another colon.
func (t *tcpGlobals) isRow(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(line) > 120 || len(bytes.TrimSpace(name)) < 2 || len(value) == 0 || value[0] != ' ' {
		return false
	}
	column := utf8.RuneCount(name)
	if t.rows == 0 {
		t.colon = column
	}
	words := len(bytes.Fields(value))
	if words == 0 || words > 3 || bytes.ContainsAny(value, "(:\\/") {
		return false
	}
	below, spaced := column == t.colon, name[len(name)-1] == ' '
	return below && spaced || words == 1 && (below || spaced)
}

// tcpGlobalsSure is how many rows prose below a line of dashes does not have.
const tcpGlobalsSure = 3

func (t *tcpGlobals) hold(line []byte) form.Verdict {
	if len(t.held) > 4 {
		return form.Foreign
	}
	t.held = append(t.held, bytes.Clone(line))
	return form.Skipped
}

func (t *tcpGlobals) Refused() [][]byte {
	if t.rows >= tcpGlobalsSure {
		return nil
	}
	return t.held
}

func (t *tcpGlobals) Close(into *form.Builder) { into.OS("windows") }
