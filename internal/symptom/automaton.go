package symptom

import "errors"

// automaton finds many words in one pass over a text, whatever the case of ASCII
// letters (Aho and Corasick, Communications of the ACM 18(6), 1975), with one table
// look-up for each byte.
type automaton struct {
	rows    [][256]uint16
	accepts uint16     // states from here on have ended a word
	ended   [][]uint16 // words by state-accepts, the longest first
}

// newAutomaton makes an automaton of lower-case words.
func newAutomaton(words [][]byte) (*automaton, error) {
	type node struct {
		next map[byte]int
		ends []uint16
		fail int
	}
	nodes := []node{{next: map[byte]int{}}}
	for i, word := range words {
		if len(word) == 0 || len(word) > longest {
			return nil, errors.New("a word is empty, or too long")
		}
		at := 0
		for _, b := range word {
			to, ok := nodes[at].next[b]
			if !ok {
				to = len(nodes)
				nodes = append(nodes, node{next: map[byte]int{}})
				nodes[at].next[b] = to
			}
			at = to
		}
		nodes[at].ends = append(nodes[at].ends, uint16(i))
	}
	if len(nodes) > 1<<16-1 {
		return nil, errors.New("too many words for two bytes a state")
	}

	// Breadth first: when a node's turn comes, that of its shorter suffix was before.
	order := []int{0}
	goes := make([][256]uint16, len(nodes))
	for i := 0; i < len(order); i++ {
		at := order[i]
		if at != 0 {
			goes[at] = goes[nodes[at].fail]
			nodes[at].ends = append(nodes[at].ends, nodes[nodes[at].fail].ends...)
		}
		for b, to := range nodes[at].next {
			if at != 0 {
				nodes[to].fail = int(goes[nodes[at].fail][b])
			}
			goes[at][b] = uint16(to)
			order = append(order, to)
		}
	}
	return renumbered(goes, func(i int) []uint16 { return nodes[i].ends }), nil
}

// renumbered moves the accepting states to the end, so that one comparison tells
// them, and makes upper case go where lower case goes.
func renumbered(goes [][256]uint16, ends func(int) []uint16) *automaton {
	number := make([]uint16, len(goes))
	next := uint16(0)
	for i := range goes {
		if len(ends(i)) == 0 {
			number[i] = next
			next++
		}
	}
	a := &automaton{rows: make([][256]uint16, len(goes)), accepts: next}
	for i := range goes {
		if len(ends(i)) > 0 {
			number[i] = next
			next++
			a.ended = append(a.ended, ends(i))
		}
	}
	for i := range goes {
		row := &a.rows[number[i]]
		for b, to := range goes[i] {
			row[b] = number[to]
		}
		for b := 'A'; b <= 'Z'; b++ {
			row[b] = row[b+'a'-'A']
		}
	}
	return a
}

// next goes on from a state (0 at first) until a word ends; at is the offset after
// it, or -1 when the text is over.
func (a *automaton) next(text []byte, state uint16) (at int, to uint16) {
	rows, accepts := a.rows, a.accepts
	for i, b := range text {
		state = rows[state][b]
		if state >= accepts {
			return i + 1, state
		}
	}
	return -1, state
}

// lanes is how many stretches quiet goes through at once, and longest what no word
// is longer than.
const (
	lanes   = 4
	longest = 64
)

// quiet tells whether no word is in a text. Every step needs the one before it, which
// leaves a processor waiting for memory; so four stretches of the text are gone
// through at once, each a little into the next for words that lie across.
func (a *automaton) quiet(text []byte) bool {
	long := len(text)/lanes + longest
	if len(text) < 2*lanes*longest {
		at, _ := a.next(text, 0)
		return at < 0
	}
	rows, accepts := a.rows, a.accepts
	step := len(text) / lanes
	t0, t1, t2, t3 := text[:long], text[step:step+long], text[2*step:2*step+long], text[len(text)-long:]
	var s0, s1, s2, s3 uint16
	for i := range t0 {
		s0, s1, s2, s3 = rows[s0][t0[i]], rows[s1][t1[i]], rows[s2][t2[i]], rows[s3][t3[i]]
		if s0 >= accepts || s1 >= accepts || s2 >= accepts || s3 >= accepts {
			return false
		}
	}
	return true
}

// words that end in a state.
func (a *automaton) words(state uint16) []uint16 { return a.ended[state-a.accepts] }

// lowered appends text with its ASCII letters in lower case.
func lowered(to, text []byte) []byte {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
