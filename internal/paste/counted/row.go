package counted

import (
	"bytes"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// row is a line of a count: a number, and what was counted.
type row struct {
	n       uint64
	state   tcp.State
	isState bool
	lower   bool   // the state is not in capitals
	end     []byte // an address, with or without port
	words   int    // others: protocols, programs, headings
	heading bool   // a number and a word of netstat's heading
	first   bool   // the number stands first, as uniq -c writes it
	linux   bool   // a state is spelled as only Linux' netstat or ss spell it

	pairs  int // "TIME_WAIT 814 CLOSE_WAIT 1": two or more on a line
	states [8]tcp.State
	counts [8]uint64
}

// cut takes a line apart; false when it is no count.
func (r *row) cut(line []byte) bool {
	var words [16][]byte
	n := 0
	for w := range bytes.FieldsFuncSeq(line, isCountGap) {
		w = bytes.Trim(w, "\"'{}")
		if colon := bytes.IndexByte(w, ':'); colon > 4 && looksLikeState(w[:colon]) { // "TIME_WAIT:12", "TIME_WAIT:"
			if n == len(words) {
				return false
			}
			words[n] = w[:colon]
			n, w = n+1, w[colon+1:]
		}
		if len(w) == 0 {
			continue
		}
		if n == len(words) {
			return false
		}
		words[n] = w
		n++
	}
	if n < 2 {
		return false
	}
	if n >= 4 && n%2 == 0 && r.several(words[:n]) {
		return true
	}
	rest := words[1:n]
	var ok bool
	if r.n, ok = form.Decimal(words[0]); ok {
		r.first = true
	} else if r.n, ok = form.Decimal(words[n-1]); ok {
		rest = words[:n-1]
	} else {
		return false
	}
	if len(rest) > 4 {
		return false
	}
	for _, w := range rest {
		if !r.isState {
			if s, ok := StateWord(w); ok {
				r.linux = r.linux || linuxSpelling(w)
				r.state, r.isState, r.lower = s, true, bytes.IndexFunc(w, func(c rune) bool { return c >= 'a' && c <= 'z' }) >= 0
				continue
			}
		}
		if r.end == nil && isEnd(w) {
			r.end = w
			continue
		}
		r.words++
	}
	r.heading = r.first && len(rest) == 1 && isHeadingWord(rest[0])
	return true
}

// several reads pairs of a state and a number.
func (r *row) several(words [][]byte) bool {
	if len(words)/2 > len(r.states) {
		return false
	}
	number, name := 0, 1
	if !form.IsDigit(words[0][0]) {
		number, name = 1, 0
	}
	for i := 0; i < len(words); i += 2 {
		n, ok1 := form.Decimal(words[i+number])
		s, ok2 := StateWord(words[i+name])
		if !ok1 || !ok2 {
			return false
		}
		r.linux = r.linux || linuxSpelling(words[i+name])
		r.states[i/2], r.counts[i/2] = s, n
	}
	r.pairs, r.first = len(words)/2, number == 0
	return true
}

// linuxSpelling: net-tools and BusyBox write FIN_WAIT1 and SYN_RECV where all
// others write FIN_WAIT_1 and SYN_RCVD or SYN_RECEIVED; ss alone has its short
// names and dashes.
func linuxSpelling(w []byte) bool {
	switch string(w) {
	case "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV", "ESTAB", "UNCONN", "TIME-WAIT", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "SYN-SENT", "SYN-RECV", "LAST-ACK":
		return true
	}
	return false
}

// isHeadingWord: what cutting the sixth word, or another one, out of netstat's
// own headings leaves.
func isHeadingWord(w []byte) bool {
	switch string(w) {
	case "established)", "servers)", "Foreign", "Address", "State", "(state)", "(servers", "(w/o", "connections", "Internet", "Active", "Local", "and",
		"Peer", "Recv-Q", "Proto", "Address:Port", "Type", "I-Node", "CONNECTED":
		return true
	}
	return false
}

func StateWord(w []byte) (tcp.State, bool) {
	if !looksLikeState(w) {
		return tcp.Unknown, false
	}
	return form.StateOf(bytes.ToUpper(w))
}

func isCountGap(c rune) bool {
	return c == ' ' || c == '\t' || c == ',' || c == '=' || c == ';' || c == '|'
}

// looksLikeState keeps words from the slow way of stateOf that can be none.
func looksLikeState(w []byte) bool {
	if len(w) < 5 || len(w) > 24 {
		return false
	}
	for _, c := range w {
		if c < 0x80 && !form.IsASCIILetter(c) && c != '_' && c != '-' && c != '1' && c != '2' {
			return false
		}
	}
	return true
}

// isEnd: an IP address, with a port or without. Names are not taken: any two
// words of prose would be one.
func isEnd(w []byte) bool {
	if len(w) < 3 || len(w) > 60 {
		return false
	}
	dots, colons := bytes.Count(w, []byte(".")), bytes.Count(w, []byte(":"))
	if dots < 3 && colons < 2 {
		return false
	}
	if colons == 1 {
		end, _, ok := form.Endpoint(w, nil)
		return ok && end.Addr().Zone() == "" && end.IsValid()
	}
	if colons == 0 && dots == 4 { // BSD's
		end, _, ok := form.Dotted(w, nil)
		return ok && end.Addr().Zone() == ""
	}
	a, _ := form.HostPart(w)
	if colons >= 2 && a.Zone() != "" { // IPv6 with a port
		end, _, ok := form.Endpoint(w, nil)
		return ok && end.Addr().Zone() == ""
	}
	return a.Zone() == ""
}
