package knowledge

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// longestWords bounds what is looked up, in bytes: a message with its address
// and exception fits, a log does not (that is for Mentions).
const longestWords = 1024

// index finds entries by what people write. Of two entries with the same word
// the first wins: kinds have an order, and ids and aliases come before what
// remains of them without a prefix, and before titles.
type index struct {
	exact   map[string]*Entry // as written: IP_LOCAL_PORT_RANGE is an option, ip_local_port_range a sysctl
	words   map[string]*Entry // folded
	numbers map[int]*Entry    // errno, WSA and event numbers, without sign
	phrases phrases
}

// optionPrefix tells a socket option from a sysctl of the same letters, whose
// files could not lie side by side where case does not count.
const optionPrefix = "sockopt-"

func indexOf(entries []*Entry) index {
	x := index{exact: map[string]*Entry{}, words: map[string]*Entry{}, numbers: map[int]*Entry{}, phrases: newPhrases()}
	add := func(word string, e *Entry) {
		if x.exact[word] == nil {
			x.exact[word] = e
		}
		if f := fold(word); f != "" && x.words[f] == nil {
			x.words[f] = e
		}
	}
	number := func(n int, e *Entry) {
		if x.numbers[n] == nil {
			x.numbers[n] = e
		}
	}
	for _, e := range entries {
		for _, w := range e.names() {
			if n, err := strconv.Atoi(w); err == nil {
				number(max(n, -n), e)
				continue
			}
			add(w, e)
			if e.Kind != KindTerm && !slices.Contains(e.asked, w) { // words of the trade stand in every text
				x.phrases.add(w, e)
			}
		}
		if e.Error != nil {
			for _, n := range e.Error.Number {
				number(n, e)
			}
		}
	}
	for _, e := range entries {
		if option, ok := strings.CutPrefix(e.ID, optionPrefix); ok {
			add(option, e)
		}
		if short, ok := strings.CutPrefix(e.ID, "tcp_"); ok && strings.Contains(short, "_") { // tw_reuse
			add(short, e)
			x.phrases.add(short, e)
		}
		for _, w := range e.names() {
			if last := unprefixed(w); last != w && e.Kind != KindTerm {
				add(last, e)
				x.phrases.add(last, e)
			}
		}
	}
	for _, e := range entries {
		add(e.Title, e)
	}
	return x
}

// names are the id and the aliases.
func (e *Entry) names() []string { return append([]string{e.ID}, e.Aliases...) }

// Lookup finds the entry that words mean: a state, an error by name, number or
// message, a setting with or without its path and value, a finding, folklore.
// Case, dashes, underscores and blanks do not matter. The word may be written
// in any language that the book exists in.
func (b *Book) Lookup(words string) (e *Entry, ok bool) {
	if len(words) > longestWords {
		return nil, false
	}
	if e, ok := b.exactly(words); ok {
		return e, true
	}
	// "why do I have so many TIME_WAIT": a sentence that names one thing.
	if found := b.Mentions(words); len(found) == 1 {
		return found[0].Entry, true
	}
	return nil, false
}

// LookupEach finds the entries that the words of a list name, each by itself and in
// its order: "TIME_WAIT CLOSE_WAIT", "tcp_tw_reuse=1, tcp_fin_timeout = 30". Unknown
// are the words that name nothing; values and the small words of a question are
// neither found nor unknown.
func (b *Book) LookupEach(words string) (found []*Entry, unknown []string) {
	if len(words) > longestWords {
		return nil, []string{words}
	}
	list := strings.FieldsFunc(words, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("=,;，；、", r) })
	for i := 0; i < len(list); {
		e, n := b.named(list[i:])
		switch {
		case e == nil && small(list[i]):
		case e == nil:
			unknown = append(unknown, list[i])
		default:
			if !slices.Contains(found, e) {
				found = append(found, e)
			}
			for e.Kind == KindSetting && i+n < len(list) && isValue(list[i+n]) { // also of one that is named again
				n++
			}
		}
		i += n
	}
	return found, unknown
}

// named finds the longest name that a list begins with, and how many words it has;
// none has one.
func (b *Book) named(list []string) (e *Entry, n int) {
	for n = min(longestPhrase, len(list)); n > 1; n-- {
		f := fold(strings.Join(list[:n], " "))
		if e := b.catalogue().index.words[f]; e != nil {
			return e, n
		}
		for _, other := range b.others() {
			if e := other.catalogue().index.words[f]; e != nil {
				own, _ := b.Entry(e.Kind, e.ID)
				return own, n
			}
		}
	}
	if small(list[0]) {
		return nil, 1
	}
	e, _ = b.exactly(list[0])
	return e, 1
}

// small words join or announce others.
func small(w string) bool {
	w = strings.ToLower(strings.Trim(w, "?!.,:;()？！。：（）"))
	return w == "" || fillers[w] || numberWords[w] || joins[w]
}

var joins = setOf("and or vs versus with und oder et ou 和 与 或 跟 及 以及 还是")

// isValue: a number, as settings take them.
func isValue(w string) bool {
	_, err := strconv.Atoi(w)
	return err == nil
}

// exactly is Lookup of a name, not of a sentence around one.
func (b *Book) exactly(words string) (e *Entry, ok bool) {
	if e := b.catalogue().index.find(words); e != nil {
		return e, true
	}
	for _, other := range b.others() {
		if e := other.catalogue().index.find(words); e != nil {
			return b.Entry(e.Kind, e.ID)
		}
	}
	return nil, false
}

func (x *index) find(words string) *Entry {
	for _, form := range forms(words) {
		if e := x.exact[form]; e != nil && form != "" {
			return e
		}
		if e := x.words[fold(form)]; e != nil {
			return e
		}
	}
	if n, ok := numberIn(words); ok {
		return x.numbers[n]
	}
	return nil
}

// others are the books in the other languages, opened once.
func (b *Book) others() []*Book {
	b.shelf.othersOnce.Do(func() {
		for _, l := range languages {
			if l == b.lang {
				continue
			}
			if o, err := Open(l); err == nil {
				b.shelf.others = append(b.shelf.others, o)
			}
		}
	})
	return b.shelf.others
}
