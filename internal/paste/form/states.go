package form

import (
	"bytes"
	"strings"

	"sockeye/internal/tcp"
)

// Translated are states as localised programs print them. Where consoles write
// one code page and forums read another, letters are lost: keys are folded to
// their ASCII letters and digits (see FoldLetters).
var Translated = map[string]tcp.State{
	// German Windows (and CP850 read as CP1252: the umlaut is gone either way)
	"ABHREN": tcp.Listen, "HERGESTELLT": tcp.Established, "WARTEND": tcp.TimeWait, "SCHLIESSENWARTEN": tcp.CloseWait,
	"SCHLIEENWARTEN": tcp.CloseWait, "FINWARTEN1": tcp.FinWait1, "FINWARTEN2": tcp.FinWait2, "SYNGESENDET": tcp.SynSent,
	"SYNEMPFANGEN": tcp.SynReceived, "LETZTEBESTTIGUNG": tcp.LastAck, "LETZTESACK": tcp.LastAck,
	// German net-tools
	"VERBUNDEN": tcp.Established, "LAUSCHEND": tcp.Listen,
}

// StateOf reads a state in any spelling and in the languages that programs are
// known to print it in. ok is false for what is none.
func StateOf(word []byte) (s tcp.State, ok bool) {
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
	s, ok = Translated[FoldLetters(string(word))]
	return s, ok
}

// FoldLetters keeps ASCII letters, in upper case, and digits.
func FoldLetters(word string) string {
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

// StateByShape: no language translates FIN, SYN and ACK, nor the numbers of the
// two FIN_WAITs. Which SYN it is the word does not tell (see settle).
func StateByShape(word []byte) (tcp.State, bool) {
	key := FoldLetters(string(word))
	switch {
	case strings.Contains(key, "FIN") && strings.HasSuffix(key, "1"):
		return tcp.FinWait1, true
	case strings.Contains(key, "FIN") && strings.HasSuffix(key, "2"):
		return tcp.FinWait2, true
	case strings.Contains(key, "ACK") && !strings.Contains(key, "SYN") && len(key) < 20:
		return tcp.LastAck, true
	}
	s, ok := foreignStates[key]
	if !ok {
		s, ok = foreignStates[string(bytes.ToUpper(word))]
	}
	return s, ok
}

// foreignStates are states as translations print them, their letters folded as
// in translated, or whole where no letter is ASCII.
var foreignStates = map[string]tcp.State{
	// Windows, German: the umlaut and what a wrong code page made of the letter
	// behind it are gone
	"ABHEN": tcp.Listen, "ABHOEREN": tcp.Listen, "SCHLIESSEN": tcp.Closing, "GESCHLOSSEN": tcp.Closed, "GEBUNDEN": tcp.Bound,
	// net-tools: po/de.po, cs.po, pt_BR.po and the Spanish of Debian
	"SPOJEN": tcp.Established, "SPOJENO": tcp.Established, "NASLOUCH": tcp.Listen, "ZAVEN": tcp.Closed, "ZAVR": tcp.Closing,
	"ESTABELECIDA": tcp.Established, "OUA": tcp.Listen, "OUVINDO": tcp.Listen, "FECHAR": tcp.Closed, "FECHANDO": tcp.Closing,
	"ESPERANDOFECHAR": tcp.CloseWait, "SYNENVIADO": tcp.SynSent, "SYNRECEBIDO": tcp.SynReceived,
	"ESCUCHAR": tcp.Listen, "ESTABLECIDO": tcp.Established, "ESTABLECIDA": tcp.Established,
	// Solaris, OpenBSD and others in English
	"IDLE": tcp.Bound, "BOUND": tcp.Bound, "SYNSEND": tcp.SynSent, "DELETETCB": tcp.Closed, "LASTACKNOWLEDGE": tcp.LastAck,
}
