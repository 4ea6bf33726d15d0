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
			if e.Kind != KindTerm { // words of the trade stand in every text
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
		case e.Kind == KindSetting && !slices.Contains(found, e):
			found = append(found, e)
			for i+n < len(list) && isValue(list[i+n]) {
				n++
			}
		case !slices.Contains(found, e):
			found = append(found, e)
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

// forms are ways to read words, the most literal first: as they stand, without
// a value, without a path, without the words of a question.
func forms(words string) []string {
	words = strings.Trim(strings.TrimSpace(words), "`'\"“”‘’「」")
	out := []string{words, unprefixed(words)}
	name := words
	if strings.Count(words, "=") == 1 { // of several assignments none is meant alone
		name, _, _ = strings.Cut(words, "=")
	}
	name = strings.TrimSpace(name)
	out = append(out, name, unprefixed(name))
	var kept []string
	for _, w := range strings.Fields(name) {
		if !fillers[strings.ToLower(strings.Trim(w, "?!.,:;()？！。，："))] {
			kept = append(kept, w)
		}
	}
	plain := strings.Join(kept, " ")
	for _, q := range hanFillers {
		plain = strings.ReplaceAll(plain, q, "")
	}
	out = append(out, plain, unprefixed(plain))
	if i := strings.LastIndexByte(plain, ' '); i > 0 { // "tcp_fin_timeout 30"
		if _, err := strconv.Atoi(strings.TrimSpace(plain[i:])); err == nil {
			out = append(out, plain[:i], unprefixed(plain[:i]))
		}
	}
	return out
}

// fillers are what a question has around the thing that is asked for.
var fillers = setOf(`what is are was does do mean means meaning why how the a an of in on my i so many much too
	state states status error errors code setting option sysctl sysctl.conf registry value key parameter -w -n -p set show explain
	message exception socketexception socket: error: tcp windows linux macos freebsd`)

var hanFillers = []string{"是什么意思", "什么意思", "是什么", "怎么办", "怎么解决", "为什么", "状态", "错误码", "错误", "报错", "参数", "注册表", "事件", "的", "？"}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// unprefixed is the last part of a path: of net.ipv4.tcp_tw_reuse, of
// /proc/sys/net/ipv4/tcp_tw_reuse, of HKLM\…\Parameters\MaxUserPort.
func unprefixed(w string) string {
	w = strings.TrimSpace(w)
	if i := strings.LastIndexAny(w, `/\`); i >= 0 {
		if strings.ContainsAny(w[:i], " \t") { // a sentence, and perhaps of several paths
			return w
		}
		w = w[i+1:]
	}
	if !strings.ContainsAny(w, " \t") { // a sentence has full stops
		if i := strings.LastIndexByte(w, '.'); i >= 0 && i < len(w)-1 {
			w = w[i+1:]
		}
	}
	return w
}

// fold leaves letters and digits, in lower case: TIME_WAIT, time-wait and
// TimeWait become one word. Full-width forms become ASCII.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// numberWords may stand beside the number of an error or event.
var numberWords = setOf(`errno error err code winerror wsa wsaerror wsagetlasterror os event eventid id no nr number
	socketexception oserror exception socket status windows linux macos darwin freebsd unix tcpip hresult errorcode
	what is does mean 错误 错误码 错误代码 代码 事件 事件id 什么意思`)

// numberIn reads words that are a number and nothing that contradicts an
// error's: "10055", "errno 99", "[WinError 10048]", "os error 49", "-4091",
// "SocketException (10013)", "0x80072747".
func numberIn(words string) (n int, ok bool) {
	for _, w := range strings.FieldsFunc(words, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		w = strings.ToLower(w)
		if numberWords[w] {
			continue
		}
		v, err := strconv.ParseUint(w, 0, 32)
		if err != nil && strings.HasPrefix(w, "errno") { // errno99
			v, err = strconv.ParseUint(w[len("errno"):], 10, 32)
		}
		if err != nil || ok {
			return 0, false
		}
		if v>>16 == hresultWin32 && strings.HasPrefix(w, "0x") {
			v &= 0xffff
		}
		n, ok = int(v), true
	}
	return n, ok
}

// hresultWin32 is the upper half of an HRESULT that wraps a Windows error:
// 0x80072747 is 10055.
const hresultWin32 = 0x8007

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
