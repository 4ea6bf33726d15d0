package paste

import (
	"strings"

	"sockeye/internal/tcp"
)

// translated are states as localised programs print them. Where consoles write
// one code page and forums read another, letters are lost: keys are folded to
// their ASCII letters and digits (see foldLetters).
var translated = map[string]tcp.State{
	// German Windows (and CP850 read as CP1252: the umlaut is gone either way)
	"ABHREN": tcp.Listen, "HERGESTELLT": tcp.Established, "WARTEND": tcp.TimeWait, "SCHLIESSENWARTEN": tcp.CloseWait,
	"SCHLIEENWARTEN": tcp.CloseWait, "FINWARTEN1": tcp.FinWait1, "FINWARTEN2": tcp.FinWait2, "SYNGESENDET": tcp.SynSent,
	"SYNEMPFANGEN": tcp.SynReceived, "LETZTEBESTTIGUNG": tcp.LastAck, "LETZTESACK": tcp.LastAck,
	// German net-tools
	"VERBUNDEN": tcp.Established, "LAUSCHEND": tcp.Listen,
}

// stateOf reads a state in any spelling and in the languages that programs are
// known to print it in. ok is false for what is none.
func stateOf(word []byte) (s tcp.State, ok bool) {
	switch string(word) { // no allocation: the common ones
	case "ESTABLISHED", "ESTAB":
		return tcp.Established, true
	case "TIME_WAIT", "TIME-WAIT":
		return tcp.TimeWait, true
	case "CLOSE_WAIT", "CLOSE-WAIT":
		return tcp.CloseWait, true
	case "LISTEN", "LISTENING":
		return tcp.Listen, true
	case "SYN_SENT", "SYN-SENT":
		return tcp.SynSent, true
	}
	if len(word) == 0 || len(word) > 40 {
		return tcp.Unknown, false
	}
	if s, ok := tcp.ParseState(string(word)); ok {
		return s, true
	}
	s, ok = translated[foldLetters(string(word))]
	return s, ok
}

// foldLetters keeps ASCII letters, in upper case, and digits.
func foldLetters(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, word)
}
