package netstat

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

const (
	// strange is the first of the numbers that stand for states nobody could read
	// yet; what they are is told by the whole table (see settle).
	strange = tcp.State(128)
	// strangeMost is how many such words a table may have; more is no table.
	strangeMost = 40
	// mirrorMost bounds how many sockets are looked at for their other end.
	mirrorMost = 8192
)

// stateWords are the states of one table, in whatever language.
type stateWords struct {
	known []knownState // few: looked through in order
	odd   []oddState
	more  bool // more odd words than there is room for
	first int  // index of the table's first socket

	owned bool // some row told an owner
}

type knownState struct {
	word  string
	state tcp.State
}

// oddState is a word nobody knows, and what its rows have in common.
type oddState struct {
	word           string
	rows           uint64
	nobody, owners uint64 // rows with owner 0, and with another
}

// read returns the state that a word means. A word that nobody knows gets a
// number of its own, from strange on. listens says that the row has no far end:
// only a listener has none, whatever the word.
func (w *stateWords) read(word []byte, listens bool) tcp.State {
	switch string(word) {
	case "ESTABLISHED":
		return tcp.Established
	case "TIME_WAIT":
		return tcp.TimeWait
	case "CLOSE_WAIT":
		return tcp.CloseWait
	case "LISTEN", "LISTENING":
		return tcp.Listen
	}
	for i := range w.known {
		if w.known[i].word == string(word) {
			return w.known[i].state
		}
	}
	s, ok := form.StateOf(word)
	if !ok {
		s, ok = form.StateByShape(word)
	}
	if !ok {
		if listens {
			return tcp.Listen
		}
		return w.strange(word)
	}
	if len(w.known) < strangeMost {
		w.known = append(w.known, knownState{string(word), s})
	}
	return s
}

func (w *stateWords) strange(word []byte) tcp.State {
	if len(word) > 40 {
		word = word[:40]
	}
	for i := range w.odd {
		if w.odd[i].word == string(word) {
			return strange + tcp.State(i)
		}
	}
	if len(w.odd) == strangeMost {
		w.more = true
		return tcp.Unknown
	}
	w.odd = append(w.odd, oddState{word: strings.ToValidUTF8(string(word), string(utf8.RuneError))})
	return strange + tcp.State(len(w.odd)-1)
}

// saw notes a row of a state that nobody could read yet. told: the table has a
// column of owners; pid 0 in it is nobody.
func (w *stateWords) saw(s tcp.State, told bool, pid int32) {
	if pid != 0 {
		w.owned = true
	}
	if s < strange {
		return
	}
	o := &w.odd[s-strange]
	o.rows++
	switch {
	case pid != 0:
		o.owners++
	case told:
		o.nobody++
	}
}

// settle gives the sockets of odd words their states, from what all rows of a
// word have in common, and says what was only concluded and what stays unknown.
func (w *stateWords) settle(b *form.Builder) {
	if w.more {
		b.Cannot("paste-states-unknown", "")
	}
	if len(w.odd) == 0 {
		return
	}
	w.first = min(w.first, len(b.Sockets))
	rows := b.Sockets[w.first:]
	means := make([]tcp.State, len(w.odd))
	mirrors := w.mirrors(rows)
	for i := range w.odd {
		o := &w.odd[i]
		syn := strings.Contains(form.FoldLetters(o.word), "SYN")
		switch {
		case syn: // each by its port, below
		case o.nobody == o.rows && w.owned:
			// Everybody has an owner but these: the connection is over.
			means[i] = tcp.TimeWait
		default:
			means[i] = mirrors[i]
		}
		switch {
		case syn:
		case means[i] == tcp.Unknown && o.rows > 0:
			b.Cannot("paste-states-unknown", o.word)
		case o.rows > 0:
			b.Cannot("paste-states-inferred", o.word+" = "+means[i].String())
		}
	}
	listening := listeningPorts(rows)
	for i := range rows {
		if rows[i].State < strange {
			continue
		}
		at := int(rows[i].State - strange)
		switch {
		case at >= len(w.odd):
			rows[i].State = tcp.Unknown
		case !strings.Contains(form.FoldLetters(w.odd[at].word), "SYN"):
			rows[i].State = means[at]
		case listening[rows[i].Local.Port()]:
			rows[i].State = tcp.SynReceived
		default:
			rows[i].State = tcp.SynSent
		}
	}
}

// mirrors tells what odd words mean by connections of which both ends are in the
// table: only ESTABLISHED is the same at both, and CLOSE_WAIT faces FIN_WAIT_2.
func (w *stateWords) mirrors(rows []tcp.Socket) []tcp.State {
	votes := make([]map[tcp.State]int, len(w.odd))
	far := map[[2]netip.AddrPort]tcp.State{}
	for i := range rows {
		if len(far) == mirrorMost {
			break
		}
		if s := rows[i].State; s >= strange || s == tcp.FinWait2 || s == tcp.CloseWait {
			far[[2]netip.AddrPort{rows[i].Local, rows[i].Remote}] = s
		}
	}
	for ends, s := range far {
		other, both := far[[2]netip.AddrPort{ends[1], ends[0]}]
		if s < strange || !both || int(s-strange) >= len(votes) {
			continue
		}
		v := &votes[s-strange]
		if *v == nil {
			*v = map[tcp.State]int{}
		}
		switch other {
		case s:
			(*v)[tcp.Established]++
		case tcp.FinWait2:
			(*v)[tcp.CloseWait]++
		case tcp.CloseWait:
			(*v)[tcp.FinWait2]++
		}
	}
	out := make([]tcp.State, len(w.odd))
	for i, v := range votes {
		if len(v) == 1 { // what contradicts itself tells nothing
			for s := range v {
				out[i] = s
			}
		}
	}
	return out
}

func listeningPorts(rows []tcp.Socket) map[uint16]bool {
	ports := map[uint16]bool{}
	for i := range rows {
		if rows[i].State == tcp.Listen {
			ports[rows[i].Local.Port()] = true
		}
	}
	return ports
}
