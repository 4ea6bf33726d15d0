package paste

import "bytes"

// What people write into what a program printed: a remark behind a value, and "# "
// before each line.

// remarks are how a remark begins.
var remarks = [][]byte{[]byte("("), []byte("\uff08"), []byte("<"), []byte("//"), []byte("--"), []byte("#"), []byte(";")} // \uff08 is the wide bracket of Chinese

// isRemark: what somebody wrote behind a row.
func isRemark(word []byte) bool {
	for _, mark := range remarks {
		if bytes.HasPrefix(word, mark) {
			return true
		}
	}
	return false
}

// unremarked is a text without what somebody wrote behind it: "2   <-- why?",
// "FIN_WAIT2 504 (closed by us)". It is cut only where what remains is whole. Marks
// that stand within texts too need a blank before them, and ";" also divides counts.
func unremarked(text []byte, whole func(before []byte) bool) []byte {
	for i, mark := range remarks {
		at := bytes.Index(text, mark)
		if at <= 0 || i > 2 && text[at-1] != ' ' && text[at-1] != '\t' {
			continue
		}
		if before := bytes.TrimSpace(text[:at]); whole(before) && (mark[0] != ';' || isNumbers(before)) {
			text = before
		}
	}
	return text
}

// hasComment: articles and scripts show what a command prints as comments:
// "# LISTEN 0 128 0.0.0.0:80 0.0.0.0:*".
func hasComment(line []byte) bool {
	return len(line) > 2 && line[0] == '#' && (line[1] == ' ' || line[1] == '\t')
}

// uncommented is a line without the mark that hasComment found.
func uncommented(line []byte) []byte { return line[2:] }
