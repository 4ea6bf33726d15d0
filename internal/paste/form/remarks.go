package form

import "bytes"

// What people write into what a program printed: a remark behind a value, and "# "
// before each line.

// remarks are how a remark begins.
var remarks = [][]byte{[]byte("("), []byte("\uff08"), []byte("<"), []byte("//"), []byte("--"), []byte("#"), []byte(";")} // \uff08 is the wide bracket of Chinese

// IsRemark: what somebody wrote behind a row.
func IsRemark(word []byte) bool {
	for _, mark := range remarks {
		if bytes.HasPrefix(word, mark) {
			return true
		}
	}
	return false
}

// Unremarked is a text without what somebody wrote behind it: "2   <-- why?",
// "FIN_WAIT2 504 (closed by us)". It is cut only where what remains is whole. Marks
// that stand within texts too need a blank before them, and ";" also divides counts.
func Unremarked(text []byte, whole func(before []byte) bool) []byte {
	for i, mark := range remarks {
		at := bytes.Index(text, mark)
		if at <= 0 || i > 2 && text[at-1] != ' ' && text[at-1] != '\t' {
			continue
		}
		if before := bytes.TrimSpace(text[:at]); whole(before) && (mark[0] != ';' || IsNumbers(before)) {
			text = before
		}
	}
	return text
}

// HasComment: articles and scripts show what a command prints as comments:
// "# LISTEN 0 128 0.0.0.0:80 0.0.0.0:*".
func HasComment(line []byte) bool {
	return len(line) > 2 && line[0] == '#' && (line[1] == ' ' || line[1] == '\t')
}

// Uncommented is a line without the mark that HasComment found.
func Uncommented(line []byte) []byte { return line[2:] }
