package paste

import "bytes"

// tcpGlobals reads "netsh int tcp show global" in any language: a heading, dashes,
// and a name and a word a line. Nothing in it bounds connections; it is read so
// that nobody takes it for prose.
type tcpGlobals struct {
	held  [][]byte
	ruled bool
	rows  int
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

func (t *tcpGlobals) read(line []byte, _ *builder) verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case len(t.held) == 0 && t.rows == 0, !t.ruled && len(trimmed) == 0:
		return t.hold(line)
	case !t.ruled:
		if t.ruled = len(trimmed) > 20 && isRule(trimmed); !t.ruled {
			return foreign
		}
		return t.hold(line)
	case len(trimmed) == 0:
		return skipped
	}
	at := bytes.LastIndexByte(trimmed, ':')
	if at < 2 || len(trimmed) > 120 || len(trimmed)-at > 40 || bytes.ContainsAny(trimmed[at+1:], "\\/") || trimmed[0] == '*' {
		return foreign
	}
	t.rows++
	if t.rows <= tcpGlobalsSure {
		t.held = append(t.held, bytes.Clone(line))
	}
	return row
}

// tcpGlobalsSure is how many rows prose below a line of dashes does not have.
const tcpGlobalsSure = 3

func (t *tcpGlobals) hold(line []byte) verdict {
	if len(t.held) > 4 {
		return foreign
	}
	t.held = append(t.held, bytes.Clone(line))
	return skipped
}

func (t *tcpGlobals) refused() [][]byte {
	if t.rows >= tcpGlobalsSure {
		return nil
	}
	return t.held
}

func (t *tcpGlobals) close(into *builder) { into.os("windows") }
