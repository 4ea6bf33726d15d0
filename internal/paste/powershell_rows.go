package paste

import "bytes"

// powershellRows reads the rows of Get-NetTCPConnection where the heading was not
// copied: two addresses, each with its port behind it, a state as only PowerShell
// writes it, and the pid last.
type powershellRows struct {
	seen
	layout layout
	asked  string
}

// powershellStates are its states whose letters or endings nothing else has.
var powershellStates = [...]string{
	"Listen", "Established", "TimeWait", "CloseWait", "FinWait1", "FinWait2", "SynSent", "SynReceived", "LastAck", "Closing", "Bound",
}

func powershellRowBegins(line []byte) bool {
	if c := first(line); !isDigit(c) && c != ':' && (c < 'a' || c > 'f') || len(line) < 24 || len(line) > 400 {
		return false
	}
	var c rowWords
	c.cut(line, 5)
	return c.n == 5 && number(c.word[1]) && number(c.word[3]) && looksAddress(c.word[0]) && looksAddress(c.word[2]) && isPowershellState(c.word[4])
}

func isPowershellState(word []byte) bool {
	for _, s := range powershellStates {
		if string(word) == s {
			return true
		}
	}
	return false
}

func (t *powershellRows) read(line []byte, into *builder) verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return skipped
	}
	if !powershellRowBegins(line) {
		return foreign
	}
	if !t.begun {
		t.layout.has[pidColumn], t.asked = true, windowsAsked(into)
	}
	var s sighting
	if !byShape(line, &s, &t.layout) || !s.plausible() {
		return bad
	}
	into.os("windows")
	return t.give(&s, into)
}

func (t *powershellRows) close(into *builder) {
	t.done(into)
	if t.asked != "" {
		into.cannot("paste-filtered", t.asked)
	}
	dropDoubleBound(into, t.from)
}
