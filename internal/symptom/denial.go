package symptom

import "bytes"

// A line may speak of an error without having it: a counter that is 0, a command
// that looks for it, prose that explains it.

var (
	deniers = map[string]bool{"0": true, "no": true, "zero": true, "without": true, "avoid": true, "avoids": true, "prevent": true, "prevents": true, "preventing": true,
		"fix": true, "fixes": true, "fixed": true, "never": true, "if": true, "any": true, "handle": true, "handles": true, "simulate": true, "simulated": true, "ignore": true, "ignoring": true}

	// prose stands before what is only talked of.
	prose = [][]byte{[]byte("if you "), []byte("when you "), []byte("you may "), []byte("you might "), []byte("such as "), []byte("e.g. "), []byte("for example"),
		[]byte("errors like"), []byte("error like"), []byte("grep "), []byte("findstr "), []byte("select-string "), []byte("known as "), []byte("look for "), []byte("search for "),
		[]byte("如果"), []byte("例如"), []byte("比如")}

	// explains stands behind it.
	explains = [][]byte{[]byte(" means "), []byte(" indicates that "), []byte(" usually "), []byte(" is usually"), []byte(" indicates "), []byte(" occurs when"), []byte(" happens when"), []byte(" can be caused"), []byte(" is caused by"), []byte(" errors can "), []byte(" error can ")}
)

// quotes and brackets between a word and what it is said of.
const quotes = " \t\"'`*_([{:“”‘’「『"

func denied(low []byte, found []evidence) bool {
	start, end := found[0].start, 0
	for _, e := range found {
		end = max(end, e.end)
	}
	before := low[max(0, start-64):start]
	for _, p := range prose {
		if at := bytes.Index(before, p); at >= 0 && !bytes.Contains(before[at:], []byte(": ")) {
			return true
		}
	}
	if aside(low[:start]) {
		return true
	}
	behind := bytes.TrimLeft(low[end:min(len(low), end+48)], "\"'`)*_")
	for _, p := range explains {
		if bytes.HasPrefix(behind, p) {
			return true
		}
	}
	if word := bytes.TrimLeft(low[found[0].end:], " "); bytes.HasPrefix(word, []byte("error ")) && bytes.Contains(low[found[0].end:min(len(low), found[0].end+160)], []byte(" indicates that ")) {
		return true // "the ETIMEDOUT error with syscall: connect indicates that …"
	}
	if trimmed := bytes.TrimRight(before, " "); bytes.HasSuffix(trimmed, []byte(":")) { // a list of changes
		word := string(wordBefore(bytes.TrimRight(trimmed, ":")))
		return word == "fix" || word == "fixes" || word == "fixed" || zero(behind)
	}
	return deniers[string(wordBefore(before))] || zero(behind)
}

// aside tells whether what stands before an error makes it one that is only spoken of:
// "If the log says …", "* ECONNREFUSED: …".
func aside(before []byte) bool {
	text := bytes.TrimLeft(before, " \t#>*-•")
	for _, begin := range [][]byte{[]byte("if "), []byte("when "), []byte("whenever ")} {
		if bytes.HasPrefix(text, begin) {
			return !lived(text[len(begin):])
		}
	}
	bullet := bytes.TrimLeft(before, " \t")
	return len(bytes.Trim(text, " `\"'")) == 0 && len(bullet) > 1 && (bullet[0] == '*' || bullet[0] == '-') && (bullet[1] == ' ' || bullet[1] == '\t')
}

// lived tells whether somebody has met with the error: "When we call X we get …". In
// "When we get …" it is still a condition.
func lived(clause []byte) bool {
	for _, words := range experience {
		if bytes.LastIndex(clause, words) >= clauseLeast {
			return true
		}
	}
	return false
}

// clauseLeast is how long "we call X" is at least, in bytes.
const clauseLeast = 6

var experience = [][]byte{[]byte(" i get"), []byte(" we get"), []byte(" i got"), []byte(" we got"), []byte(" i see"), []byte(" we see"), []byte(" we saw"), []byte(" i saw"), []byte(" i receive"), []byte(" we receive"),
	[]byte(" i am getting"), []byte(" i'm getting"), []byte(" we are getting"), []byte(" we're getting"), []byte(" i am seeing"), []byte(" we are seeing"), []byte(" i keep "), []byte(" we keep "),
	[]byte(" it fails with"), []byte(" it failed with"), []byte(" it crashes"), []byte(" it throws"), []byte(" it gives"), []byte(" it says"), []byte(" it shows"), []byte(" gives me "), []byte(" gives us ")}

// wordBefore is the last word, if nothing but quotes stands between.
func wordBefore(before []byte) []byte {
	trimmed := bytes.TrimRight(before, " \"'`*_(")
	at := len(trimmed)
	for at > 0 && alnum(trimmed[at-1]) {
		at--
	}
	if at > 0 && at < len(trimmed) && bytes.IndexByte([]byte(" \t\"'(=,:"), trimmed[at-1]) < 0 {
		return nil // "10.0", "-0"
	}
	return trimmed[at:]
}

// zero: " errors: 0", "=0", " count 0".
func zero(behind []byte) bool {
	rest := bytes.TrimLeft(behind, quotes)
	for _, word := range []string{"errors", "error", "count", "total", "events", "messages", "failures"} {
		if bytes.HasPrefix(rest, []byte(word)) {
			rest = bytes.TrimLeft(rest[len(word):], quotes)
			break
		}
	}
	if len(rest) == len(behind) && (len(rest) == 0 || rest[0] != '=') {
		return false
	}
	rest = bytes.TrimLeft(rest, " =:\"")
	return len(rest) > 0 && rest[0] == '0' && (len(rest) == 1 || !alnum(rest[1]) && rest[1] != '.')
}
