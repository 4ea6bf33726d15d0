package paste

// span is where a word stands in a line, in bytes: [from, to).
type span struct{ from, to int }

// cutWords finds the words of a line, divided by blanks and tabs, as many as
// there is room for, and returns how many they are.
func cutWords(line []byte, words []span) int {
	n, from := 0, -1
	for i, c := range line {
		blank := c == ' ' || c == '\t'
		switch {
		case blank && from >= 0:
			words[n] = span{from, i}
			if n++; n == len(words) {
				return n
			}
			from = -1
		case !blank && from < 0:
			from = i
		}
	}
	if from >= 0 {
		words[n] = span{from, len(line)}
		n++
	}
	return n
}

// cutFields finds the fields of a line that a character divides, without the
// blanks and quotes around them. A divider within quotes divides nothing.
func cutFields(line []byte, divider byte, fields []span) int {
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
		f := span{from, i}
		for f.from < f.to && (line[f.from] == ' ' || line[f.from] == '"' || line[f.from] == '\t') {
			f.from++
		}
		for f.from < f.to && (line[f.to-1] == ' ' || line[f.to-1] == '"' || line[f.to-1] == '\t') {
			f.to--
		}
		fields[n] = f
		if n++; n == len(fields) {
			return n
		}
		from = i + 1
	}
	return n
}
