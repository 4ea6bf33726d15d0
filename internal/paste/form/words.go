package form

import "bytes"

// Span is where a word stands in a line, in bytes: [from, to).
type Span struct{ From, To int }

// CutWords finds the words of a line, divided by blanks and tabs, as many as
// there is room for, and returns how many they are.
func CutWords(line []byte, words []Span) int {
	n, from := 0, -1
	for i, c := range line {
		blank := c == ' ' || c == '\t'
		switch {
		case blank && from >= 0:
			words[n] = Span{from, i}
			if n++; n == len(words) {
				return n
			}
			from = -1
		case !blank && from < 0:
			from = i
		}
	}
	if from >= 0 {
		words[n] = Span{from, len(line)}
		n++
	}
	return n
}

// CutFields finds the fields of a line that a character divides, without the
// blanks and quotes around them. A divider within quotes divides nothing.
func CutFields(line []byte, divider byte, fields []Span) int {
	n, from, quoted := 0, 0, false
	for i := 0; i <= len(line); i++ {
		if i < len(line) {
			if line[i] == '"' {
				quoted = !quoted
			}
			if quoted || line[i] != divider {
				continue
			}
		}
		f := Span{from, i}
		for f.From < f.To && (line[f.From] == ' ' || line[f.From] == '"' || line[f.From] == '\t') {
			f.From++
		}
		for f.From < f.To && (line[f.To-1] == ' ' || line[f.To-1] == '"' || line[f.To-1] == '\t') {
			f.To--
		}
		fields[n] = f
		if n++; n == len(fields) {
			return n
		}
		from = i + 1
	}
	return n
}

// IsStateWord: capitals, digits and underscores, as states are written.
func IsStateWord(w []byte) bool {
	for _, c := range w {
		if (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(w) > 2 && len(w) < 24 && w[0] >= 'A'
}

// FirstByte is the first character that is not blank, 0 when there is none.
func FirstByte(line []byte) byte {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != 0xc2 && c != 0xa0 {
			return c
		}
	}
	return 0
}

// HasWords: the line begins with these words, whatever blanks come before.
func HasWords(line []byte, words string) bool {
	return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte(words))
}

// RowWords are the words of a line, cut at blanks, without allocating.
type RowWords struct {
	N    int
	Word [24][]byte
	End  [24]int // where each word ends in the line
}

// Cut cuts a line into at most limit words (and never more than there is room
// for); what comes after them is not looked at.
func (c *RowWords) Cut(line []byte, limit int) {
	c.N = 0
	limit = min(limit, len(c.Word))
	for i := 0; i < len(line) && c.N < limit; {
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		from := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		if i > from {
			c.Word[c.N], c.End[c.N] = line[from:i], i
			c.N++
		}
	}
}

// NextWord returns the first word and what comes behind it.
func NextWord(text []byte) (word, rest []byte) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	from := i
	for i < len(text) && text[i] != ' ' && text[i] != '\t' {
		i++
	}
	return text[from:i], text[i:]
}

// IsAlphanumeric: nothing but ASCII letters and digits.
func IsAlphanumeric(word []byte) bool {
	for _, c := range word {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// IsASCIILetter: a to z, in either case.
func IsASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
