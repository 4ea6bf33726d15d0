package viewer

import (
	"bytes"

	"sockeye/internal/paste/form"
)

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
	if c := form.FirstByte(line); !form.IsDigit(c) && c != ':' && (c < 'a' || c > 'f') || len(line) < 24 || len(line) > 400 {
		return false
	}
	var c form.RowWords
	c.Cut(line, 5)
	return c.N == 5 && form.IsNumber(c.Word[1]) && form.IsNumber(c.Word[3]) && looksAddress(c.Word[0]) && looksAddress(c.Word[2]) && isPowershellState(c.Word[4])
}

func isPowershellState(word []byte) bool {
	for _, s := range powershellStates {
		if string(word) == s {
			return true
		}
	}
	return false
}

func (t *powershellRows) Read(line []byte, into *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	if !powershellRowBegins(line) {
		return form.Foreign
	}
	if !t.begun {
		t.layout.has[pidColumn], t.asked = true, form.WindowsAsked(into)
	}
	var s sighting
	if !byShape(line, &s, &t.layout) || !s.plausible() {
		return form.Bad
	}
	into.OS("windows")
	return t.give(&s, into)
}

func (t *powershellRows) Close(into *form.Builder) {
	t.done(into)
	if t.asked != "" {
		into.Cannot("paste-filtered", t.asked)
	}
	form.DropDoubleBound(into, t.from)
}
