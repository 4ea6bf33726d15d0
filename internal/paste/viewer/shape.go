package viewer

import (
	"bytes"
	"math"

	"sockeye/internal/paste/form"
)

// byShape reads a row by what its words look like, for rows whose columns have
// slipped and for tables without a heading: addresses with their ports, a state,
// and behind them the pid when the heading says that there is one.
func byShape(line []byte, s *sighting, l *layout) bool {
	if l.has[protocolColumn] && unheaded(line, s) {
		return true
	}
	*s = sighting{}
	var words [tableWidest]form.Span
	n := form.CutWords(line, words[:])
	word := func(i int) []byte { return line[words[i].From:words[i].To] }
	for i := 0; i+3 < n; i++ {
		if !looksAddress(word(i)) || !form.IsNumber(word(i+1)) || !looksAddress(word(i+2)) || !form.IsNumber(word(i+3)) {
			continue
		}
		s[localColumn], s[localPortColumn], s[remoteColumn], s[remotePortColumn] = word(i), word(i+1), word(i+2), word(i+3)
		rest := i + 4
		if rest < n {
			if k := stateAt(line, words[rest:n]); k > 0 {
				s[stateColumn] = line[words[rest].From:words[rest+k-1].To]
				rest += k
			}
		}
		if l.has[pidColumn] {
			for ; rest < n && len(s[pidColumn]) == 0; rest++ {
				if form.IsNumber(word(rest)) {
					s[pidColumn] = word(rest)
				}
			}
		}
		return true
	}
	return false
}

// looksAddress: digits and letters of addresses with the points that keep them
// apart, a mask's X too ("XX.XX.3.4"), or one that was cut short ("2001:db8…").
func looksAddress(word []byte) bool {
	if len(word) < 2 {
		return len(word) == 1 && word[0] == '*'
	}
	points := 0
	for _, c := range word {
		switch {
		case c == '.' || c == ':':
			points++
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'f', c|0x20 == 'x', c == '[', c == ']', c == '%', c == '*', c >= 0x80:
		default:
			return false
		}
	}
	return points >= 2
}

// stateAt returns how many words, from the first on, are a state: "Time Wait" is
// two, "Fin Wait 2" three; 0 for none.
func stateAt(line []byte, words []form.Span) int {
	for k := min(3, len(words)); k > 0; k-- {
		if words[k-1].To-words[0].From > 24 {
			continue
		}
		if _, ok := stateOf(line[words[0].From:words[k-1].To]); ok {
			return k
		}
	}
	return 0
}

// unheadedBegins: a row of TCPView, Tcpvcon -c or CurrPorts without a heading.
func unheadedBegins(line []byte) bool {
	if !bytes.Contains(line, []byte("TCP")) && !bytes.Contains(line, []byte("UDP")) {
		return false
	}
	var s sighting
	return unheaded(line, &s)
}

// unheaded reads a row that tells the process first (Tcpvcon: second), then the
// protocol, then, in any order, the two ends and the state.
func unheaded(line []byte, s *sighting) bool {
	var words [tableWidest]form.Span
	n, divided := 0, true
	switch {
	case bytes.Count(line, []byte("\t")) >= 3:
		n = form.CutFields(line, '\t', words[:])
	case bytes.Count(line, []byte(",")) >= 4:
		n = form.CutFields(line, ',', words[:])
	default:
		n, divided = form.CutWords(line, words[:]), false
	}
	word := func(i int) []byte { return line[words[i].From:words[i].To] }
	protocol := -1
	for i := range words[:n] {
		if w := word(i); len(w) >= 3 && (w[0] == 'T' || w[0] == 'U') && isProtocol(w) {
			protocol = i
			break
		}
	}
	if protocol < 0 || protocol == 0 && (!divided || n < 6) {
		return false
	}
	s[protocolColumn] = word(protocol)
	rest := words[protocol+1 : n]
	switch {
	case protocol == 0: // Tcpvcon -c: TCP,x.exe,1234,ESTABLISHED,local,remote
		s[processColumn], s[pidColumn], rest = word(1), word(2), words[3:n]
		switch {
		case none(s[pidColumn]): // "-1": nobody's any more
			s[pidColumn] = nil
		case !form.IsNumber(s[pidColumn]):
			return false
		}
	case !ownerOf(line, words[:protocol], divided, s):
		return false
	}
	return endsOf(line, rest, divided, s)
}

// ownerOf reads what stands before the protocol: "x.exe:1260" or "x.exe 1260".
func ownerOf(line []byte, words []form.Span, divided bool, s *sighting) bool {
	last := words[len(words)-1]
	text := line[last.From:last.To]
	if form.IsNumber(text) && len(words) > 1 {
		s[pidColumn] = text
		s[processColumn] = bytes.Trim(line[words[0].From:words[len(words)-2].To], `" `)
	} else {
		colon := bytes.LastIndexByte(text, ':')
		if colon < 0 || !form.IsNumber(text[colon+1:]) {
			return false
		}
		s[pidColumn] = text[colon+1:]
		if s[processColumn] = text[:colon]; !divided {
			s[processColumn] = line[words[0].From : last.From+colon]
		}
	}
	_, ok := form.SmallNumber(s[pidColumn], math.MaxInt32)
	return ok && len(s[processColumn]) > 0 && len(s[processColumn]) < 256
}

// endsOf reads the two ends and the state behind the protocol.
func endsOf(line []byte, words []form.Span, divided bool, s *sighting) bool {
	state := -1
	for i := 0; i < len(words); i++ {
		k := 1
		if divided {
			if _, ok := stateOf(line[words[i].From:words[i].To]); !ok {
				continue
			}
		} else if k = stateAt(line, words[i:]); k == 0 {
			continue
		}
		state = i
		s[stateColumn] = line[words[i].From:words[i+k-1].To]
		if i == 0 {
			words, state = words[k:], len(words) // the ends follow
		}
		break
	}
	if state < 0 && !isUDP(s[protocolColumn]) {
		return false
	}
	if state < 0 || state > len(words) {
		state = len(words)
	}
	words = words[:state]
	var addresses, ports, joined [2][]byte
	a, p, j := 0, 0, 0
	for _, w := range words {
		text := line[w.From:w.To]
		switch {
		case a < 2 && allButPort(text):
			addresses[a] = text
			a++
		case p < 2 && form.IsNumber(text):
			ports[p] = text
			p++
		case j < 2 && bytes.IndexByte(text, ':') > 0 && bytes.IndexByte(text, ' ') < 0:
			joined[j] = text
			j++
		}
	}
	switch {
	case j == 2:
		s[localColumn], s[remoteColumn] = joined[0], joined[1]
	case j == 1 && isUDP(s[protocolColumn]):
		s[localColumn] = joined[0]
	case a >= 1 && p >= 1 && (a == p || divided):
		s[localColumn], s[localPortColumn], s[remoteColumn], s[remotePortColumn] = addresses[0], ports[0], addresses[1], ports[1]
	case a == 2 && p == 0 && divided:
		s[localColumn], s[remoteColumn] = addresses[0], addresses[1]
		return s.portless()
	case len(words) >= 4: // names instead of numbers
		s[localColumn], s[localPortColumn] = line[words[0].From:words[0].To], line[words[1].From:words[1].To]
		s[remoteColumn], s[remotePortColumn] = line[words[2].From:words[2].To], line[words[3].From:words[3].To]
	default:
		return isUDP(s[protocolColumn])
	}
	return s.plausible()
}

// allButPort: an address without a port.
func allButPort(word []byte) bool {
	if !looksAddress(word) || bytes.Equal(word, []byte("*:*")) {
		return false
	}
	if colons := bytes.Count(word, []byte(":")); colons > 0 {
		at := bytes.IndexByte(word, ']')
		return colons > 1 && (at < 0 || at == len(word)-1)
	}
	return len(word) > 1
}

// unheadedTable reads such rows one after another.
type unheadedTable struct{ seen }

func (t *unheadedTable) Read(line []byte, into *form.Builder) form.Verdict {
	var s sighting
	if !unheaded(line, &s) {
		return form.Foreign
	}
	into.OS("windows")
	return t.give(&s, into)
}

func (t *unheadedTable) Close(into *form.Builder) {
	t.done(into)
	form.DropDoubleBound(into, t.from)
}
