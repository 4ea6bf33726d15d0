package knowledge

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Mention is an entry that a text speaks of.
type Mention struct {
	Entry *Entry `json:"entry"`
	Count int    `json:"count"`
	At    int    `json:"at"` // byte offset of the first
}

// Mentions finds the states, errors, settings, findings and folklore that a
// prose text names, in the order in which they first appear. It matches whole
// words, of overlapping names the longest. A state whose name is an English
// word (LISTEN, CLOSED) counts only in capitals, a number only behind a word
// like errno. The time is linear in the text, for texts of megabytes.
func (b *Book) Mentions(text string) []Mention {
	if strings.TrimSpace(text) == "" { // a table alone: the catalogues need not be read
		return nil
	}
	var reading sync.WaitGroup
	for _, o := range b.others() { // each language is read on a core of its own
		reading.Go(func() { o.catalogue() })
	}
	x := &b.catalogue().index
	reading.Wait()
	var foreign []*index
	for _, o := range b.others() {
		foreign = append(foreign, &o.catalogue().index)
	}
	var out []Mention
	place := map[*Entry]int{}
	note := func(e *Entry, at int) {
		if i, ok := place[e]; ok {
			out[i].Count++
			return
		}
		place[e] = len(out)
		out = append(out, Mention{Entry: e, Count: 1, At: at})
	}
	announced := false // the word before means that a number is an error's
	for at := 0; at < len(text); {
		c := text[at]
		if c < utf8.RuneSelf && !wordByte(c) {
			at++
			continue
		}
		e, end := x.phrases.match(text, at)
		for _, f := range foreign {
			if o, far := f.phrases.match(text, at); far > end {
				if own, ok := b.Entry(o.Kind, o.ID); ok {
					e, end = own, far
				}
			}
		}
		if e != nil {
			note(e, at)
			at, announced = end, false
			continue
		}
		if c >= utf8.RuneSelf {
			_, n := utf8.DecodeRuneInString(text[at:])
			at += n
			continue
		}
		end = wordEnd(text, at)
		word := text[at:end]
		if announced && c <= '9' && len(word) <= 10 {
			if n, ok := numberIn(word); ok && x.numbers[n] != nil {
				note(x.numbers[n], at)
			}
		}
		announced = announces(word)
		at = end
	}
	return out
}

// announces tells whether the next number is that of an error.
func announces(word string) bool {
	for _, w := range [...]string{"errno", "winerror", "wsaerror", "wsagetlasterror", "socketexception", "oserror"} {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func wordEnd(s string, at int) int {
	for at < len(s) && wordByte(s[at]) {
		at++
	}
	return at
}

// phrases is a tree of names by their words, and beside it a list of names with
// letters that are not ASCII: Chinese has no blanks to cut words at.
type phrases struct {
	root  *phraseNode
	runes map[rune][]runePhrase // by the first one
}

type phraseNode struct {
	next  map[string]*phraseNode // by lower-case word
	entry *Entry
	shout bool // counts in capitals only
}

type runePhrase struct {
	text  string // lower case
	entry *Entry
}

// Bounds of a name's words, in bytes and in number.
const (
	longestWord   = 40
	longestPhrase = 24
)

func newPhrases() phrases {
	return phrases{root: &phraseNode{}, runes: map[rune][]runePhrase{}}
}

func (p phrases) add(name string, e *Entry) {
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf && unicode.IsLetter(r) }) {
		low := strings.ToLower(strings.TrimSpace(name))
		first, _ := utf8.DecodeRuneInString(low)
		p.runes[first] = append(p.runes[first], runePhrase{low, e})
		return
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r >= utf8.RuneSelf || !wordByte(byte(r)) })
	if len(words) == 0 || len(words) > longestPhrase {
		return
	}
	n := p.root
	for _, w := range words {
		if len(w) > longestWord {
			return
		}
		if n.next == nil {
			n.next = map[string]*phraseNode{}
		}
		if n.next[w] == nil {
			n.next[w] = &phraseNode{}
		}
		n = n.next[w]
	}
	if n.entry == nil {
		n.entry, n.shout = e, len(words) == 1 && everyday(name)
	}
}

// everyday names are English words as well: one word of nothing but letters
// without the look of a name (no capital inside).
func everyday(name string) bool {
	for i, r := range name {
		if !unicode.IsLetter(r) || i > 0 && unicode.IsUpper(r) && name != strings.ToUpper(name) {
			return false
		}
	}
	return true
}

// match finds the longest name that begins at a word's or a letter's start.
func (p phrases) match(s string, start int) (e *Entry, end int) {
	if first, _ := utf8.DecodeRuneInString(s[start:]); len(p.runes) > 0 {
		for _, ph := range p.runes[unicode.ToLower(first)] {
			if far := start + len(ph.text); far > end && far <= len(s) && strings.EqualFold(s[start:far], ph.text) {
				e, end = ph.entry, far
			}
		}
	}
	if !wordByte(s[start]) || start > 0 && s[start-1] == '_' {
		return e, end
	}
	var low [longestWord]byte
	n := p.root
	for at, words := start, 0; words < longestPhrase; words++ {
		far := wordEnd(s, at)
		if far == at || far-at > longestWord {
			break
		}
		for i := at; i < far; i++ {
			c := s[i]
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			low[i-at] = c
		}
		if n = n.next[string(low[:far-at])]; n == nil {
			break
		}
		whole := far == len(s) || s[far] != '_'
		if n.entry != nil && whole && far > end && (!n.shout || s[start:far] == strings.ToUpper(s[start:far])) {
			e, end = n.entry, far
		}
		at = joint(s, far)
		if at < 0 {
			break
		}
	}
	return e, end
}

// joint steps over what may stand between the words of a name, two characters
// at most (": ", " ("), and is -1 where the name cannot go on.
func joint(s string, at int) int {
	for range 2 {
		if at >= len(s) || !strings.ContainsRune("-_. :/()[]'\\,", rune(s[at])) {
			return -1
		}
		if at++; at < len(s) && wordByte(s[at]) {
			return at
		}
	}
	return -1
}
