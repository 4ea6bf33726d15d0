package filter

import (
	"strings"

	"sockeye/internal/tcp"
)

// states is a set of states, a bit each. Linux's two kinds of SYN_RECV are one
// state to every tool: their bits go together.
type states uint16

const (
	noStates  states = 0
	allStates states = 1<<tcp.NumStates - 1
	synRecv   states = 1<<tcp.SynReceived | 1<<tcp.NewSynRecv
	bucket    states = synRecv | 1<<tcp.TimeWait
	connected states = allStates &^ (1<<tcp.Unknown | 1<<tcp.Listen | 1<<tcp.Closed | 1<<tcp.Bound)
)

// stateGroups are ss's names of sets (ss(8), STATE-FILTER).
var stateGroups = []struct {
	name string
	set  states
}{
	{"all", allStates},
	{"connected", connected},
	{"synchronized", connected &^ (1 << tcp.SynSent)},
	{"bucket", bucket},
	{"big", allStates &^ bucket},
}

// stateSet reads the name of a state or of a group.
func stateSet(text string) (states, bool) {
	for _, g := range stateGroups {
		if strings.EqualFold(g.name, text) {
			return g.set, true
		}
	}
	s, ok := tcp.ParseState(text)
	if !ok {
		// spellings of ss that no other tool has
		if !strings.EqualFold(text, "syn-rcv") {
			return 0, false
		}
		s = tcp.SynReceived
	}
	return bitOf(s), true
}

func bitOf(s tcp.State) states {
	bit := states(1) << s
	if bit&synRecv != 0 {
		return synRecv
	}
	return bit
}

func stateClause(t token) bool {
	return t.kind == word && (strings.EqualFold(t.text, "state") || excludes(t))
}

func excludes(t token) bool {
	return strings.EqualFold(t.text, "exclude") || strings.EqualFold(t.text, "excl")
}

// clause reads "state NAME" or "exclude NAME" into a set: state adds; exclude
// takes away, from all states when it is the first of its run.
func (p *parser) clause(set *states, first bool) *SyntaxError {
	t, v := p.next(), p.peek()
	if v.kind != word && v.kind != quoted {
		return p.fail(v, say{t.text + " needs the name of a state", t.text + " 后面需要状态名"}, stateHint)
	}
	p.next()
	named, ok := stateSet(v.text)
	if !ok {
		hint := stateHint
		if near := Nearest(v.text, stateWords()); near != "" {
			hint = say{"did you mean " + near + "?", "是否想写 " + near + "？"}
		}
		return p.fail(v, say{"unknown state %q", "未知的状态 %q"}, hint, v.text)
	}
	switch {
	case !excludes(t):
		*set |= named
	case first:
		*set = allStates &^ named
	default:
		*set &^= named
	}
	return nil
}

func stateWords() []string {
	var all []string
	for _, s := range tcp.States() {
		if s != tcp.NewSynRecv {
			all = append(all, s.String())
		}
	}
	for _, g := range stateGroups {
		all = append(all, g.name)
	}
	return all
}

var stateHint = say{"states are " + strings.Join(stateWords(), ", "), "状态有 " + strings.Join(stateWords(), "、")}

// Match: a change of state is selected by the state that it enters and by the
// one that it leaves. A set that "exclude" made (no other has Unknown in it)
// must hold both, or excluding a state would leave out nothing.
func (e states) Match(s *Subject) bool {
	enters, leaves := e&(1<<s.Socket.State) != 0, e&(1<<s.Left) != 0
	switch {
	case s.Left == tcp.Unknown:
		return enters
	case e&(1<<tcp.Unknown) != 0:
		return enters && leaves
	}
	return enters || leaves
}

func (e states) String() string { return string(e.appendTo(nil, loose)) }

// appendTo prints the shortest run of clauses that makes the set.
func (e states) appendTo(dst []byte, around strength) []byte {
	for _, g := range stateGroups {
		if e == g.set {
			return append(append(dst, "state "...), g.name...)
		}
	}
	if e == noStates {
		return append(dst, "exclude all"...)
	}
	word, list := "state ", e
	if e&(1<<tcp.Unknown) != 0 { // no name adds it: it can only have been left over
		word, list = "exclude ", allStates&^e
	}
	start := len(dst)
	clauses := 0
	for _, s := range tcp.States() {
		if s == tcp.NewSynRecv || list&(1<<s) == 0 {
			continue
		}
		if clauses++; clauses > 1 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, word...), s.String()...)
	}
	if clauses > 1 && around >= inNot {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '('
		dst = append(dst, ')')
	}
	return dst
}
