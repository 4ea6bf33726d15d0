package knowledge

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Bounds of a search for what somebody may have meant.
const (
	nearRunes  = 48  // of a word that is compared
	nearTokens = 16  // of words in a question
	nearMost   = 50  // entries
	nearEnough = 0.5 // how alike, from 0 to 1, is worth to be shown
	nearTyped  = 0.6 // the same of letters alone: short words are alike by chance
)

// Nearest returns at most n entries (never more than 50) whose names are most
// like the words, the best first: for what Lookup does not know. Nothing alike
// returns nothing.
func (b *Book) Nearest(words string, n int) []*Entry {
	if len(words) > longestWords {
		words = strings.ToValidUTF8(words[:longestWords], "")
	}
	asked := newLikeness(words)
	if n <= 0 || asked.folded == nil {
		return nil
	}
	type candidate struct {
		entry *Entry
		score float64
	}
	var all []candidate
	for _, k := range b.catalogue().known() {
		best := asked.score(k.title) * 0.9 // a name says more than a sentence
		for _, name := range k.names {
			best = max(best, asked.score(name))
		}
		if best >= nearEnough {
			all = append(all, candidate{k.entry, best})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	var out []*Entry
	for _, c := range all[:min(n, nearMost, len(all))] {
		out = append(out, c.entry)
	}
	return out
}

// known is an entry as it is compared.
type known struct {
	entry *Entry
	title likeness
	names []likeness
}

// known prepares the comparison once: few ask for it.
func (s *shelf) known() []known {
	s.nearOnce.Do(func() {
		for _, e := range s.entries {
			k := known{entry: e, title: newLikeness(e.Title)}
			for _, name := range e.names() {
				k.names = append(k.names, newLikeness(name))
				if last := unprefixed(name); last != name {
					k.names = append(k.names, newLikeness(last))
				}
			}
			s.near = append(s.near, k)
		}
	})
	return s.near
}

// likeness is what two names are compared by.
type likeness struct {
	folded []rune
	tokens []string
}

func newLikeness(s string) likeness {
	l := likeness{folded: []rune(fold(s)), tokens: tokens(s)}
	l.folded = l.folded[:min(len(l.folded), nearRunes)]
	l.tokens = l.tokens[:min(len(l.tokens), nearTokens)]
	if len(l.folded) == 0 {
		return likeness{}
	}
	return l
}

// tokens cuts a name at everything that is no letter or digit and before a
// capital that follows a small letter; Chinese into pairs of characters.
func tokens(s string) (out []string) {
	var word []rune
	flush := func() {
		if len(word) > 0 && !fillers[string(word)] {
			out = append(out, string(word))
		}
		word = word[:0]
	}
	var before rune
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Han, r):
			flush()
			if unicode.Is(unicode.Han, before) {
				out = append(out, string([]rune{before, r}))
			}
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		default:
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				flush()
			}
			word = append(word, unicode.ToLower(r))
		}
		before = r
	}
	flush()
	return out
}

// score is from 0 (nothing in common) to 1 (the same).
func (l likeness) score(o likeness) float64 {
	if len(l.folded) == 0 || len(o.folded) == 0 {
		return 0
	}
	longer := max(len(l.folded), len(o.folded))
	score := 0.0
	if apart := longer - min(len(l.folded), len(o.folded)); apart*2 <= longer {
		if alike := 1 - float64(distance(l.folded, o.folded))/float64(longer); alike >= nearTyped {
			score = alike
		}
	}
	if len(l.folded) >= 3 && strings.Contains(string(o.folded), string(l.folded)) {
		score = max(score, 0.6+0.3*float64(len(l.folded))/float64(len(o.folded)))
	}
	return max(score, 0.95*l.overlap(o))
}

// overlap is the share of words that both have, where nearly the same word
// counts for most of one.
func (l likeness) overlap(o likeness) float64 {
	if len(l.tokens) == 0 || len(o.tokens) == 0 {
		return 0
	}
	common := 0.0
	for _, t := range l.tokens {
		best := 0.0
		for _, u := range o.tokens {
			switch {
			case t == u:
				best = 1
			case len(t) >= 4 && len(u) >= 4 && (strings.HasPrefix(t, u) || strings.HasPrefix(u, t)):
				best = max(best, 0.8)
			case len(t) >= 5 && len(u) >= 5 && distance([]rune(t), []rune(u)) == 1:
				best = max(best, 0.8)
			}
		}
		common += best
	}
	return 2 * common / float64(len(l.tokens)+max(len(l.tokens), len(o.tokens)))
}

// distance is how many characters must be put in, taken out, changed or
// swapped with their neighbour to make b of a (optimal string alignment).
func distance(a, b []rune) int {
	var rows [3][nearRunes*2 + 1]int // of words cut to nearRunes; tokens may be longer
	if len(b) > nearRunes*2 || len(a) > nearRunes*2 {
		return max(len(a), len(b))
	}
	before, last, row := rows[0][:len(b)+1], rows[1][:len(b)+1], rows[2][:len(b)+1]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
