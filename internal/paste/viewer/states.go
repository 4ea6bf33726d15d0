package viewer

import (
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// mibStates are the states by their numbers in Windows' tables (MIB_TCP_STATE,
// https://learn.microsoft.com/windows/win32/api/tcpmib/ns-tcpmib-mib_tcprow_lh);
// 12 is a connection that is being deleted.
var mibStates = [13]tcp.State{
	1: tcp.Closed, 2: tcp.Listen, 3: tcp.SynSent, 4: tcp.SynReceived, 5: tcp.Established, 6: tcp.FinWait1, 7: tcp.FinWait2,
	8: tcp.CloseWait, 9: tcp.Closing, 10: tcp.LastAck, 11: tcp.TimeWait, 12: tcp.Closed,
}

// stateNames are states as viewers write them, folded (see form.FoldLetters).
var stateNames = map[string]tcp.State{
	"LISTEN": tcp.Listen, "LISTENING": tcp.Listen, "ESTABLISHED": tcp.Established, "ESTAB": tcp.Established,
	"SYNSENT": tcp.SynSent, "SENT": tcp.SynSent, // CurrPorts
	"SYNRECEIVED": tcp.SynReceived, "SYNRECV": tcp.SynReceived, "SYNRCVD": tcp.SynReceived,
	"FINWAIT1": tcp.FinWait1, "FINWAIT2": tcp.FinWait2, "CLOSEWAIT": tcp.CloseWait, "CLOSING": tcp.Closing,
	"LASTACK": tcp.LastAck, "TIMEWAIT": tcp.TimeWait, "CLOSED": tcp.Closed, "CLOSE": tcp.Closed, "BOUND": tcp.Bound,
	"DELETETCB": tcp.Closed, // Windows, of a connection that is being taken down
}

// stateOf reads a state as viewers write it, in two words or three also.
// Every word of a row without a heading is tried: nothing is allocated.
func stateOf(word []byte) (tcp.State, bool) {
	var room [24]byte
	folded := room[:0]
	if len(word) > len(room) {
		return tcp.Unknown, false
	}
	for _, c := range word {
		switch {
		case c >= 'a' && c <= 'z':
			folded = append(folded, c-'a'+'A')
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			folded = append(folded, c)
		case c == '_' || c == '-' || c == ' ':
		case c >= 0x80:
			return form.StateOf(word)
		default:
			return tcp.Unknown, false
		}
	}
	if s, ok := stateNames[string(folded)]; ok {
		return s, true
	}
	s, ok := form.Translated[string(folded)]
	return s, ok
}
