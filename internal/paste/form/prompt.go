package form

import "bytes"

// Prompted returns the command of a line that is a shell's prompt and what was
// typed after it: "$ netstat -an", "root@web:~# ss -tan", "C:\>netstat -ano",
// "PS C:\Users\x> Get-NetTCPConnection".
func Prompted(line []byte) (command string, ok bool) {
	at := bytes.IndexAny(line, "$#>%")
	if at < 0 || at > 120 {
		return "", false
	}
	before, after := bytes.TrimSpace(line[:at]), bytes.TrimSpace(line[at+1:])
	if len(after) == 0 || len(after) > 400 || !isPrompt(before, line[at]) {
		return "", false
	}
	return string(after), true
}

func isPrompt(before []byte, sign byte) bool {
	switch {
	case len(before) == 0:
		return sign != '>' // that is a quote
	case sign == '>':
		return bytes.Contains(before, []byte(`:\`)) || bytes.HasPrefix(before, []byte("PS ")) || string(before) == "PS"
	}
	return bytes.IndexByte(before, '@') >= 0 || bytes.HasSuffix(before, []byte("]")) || !bytes.ContainsAny(before, " \t")
}

// IsCut tells whether a line says that lines were left out here.
func IsCut(line []byte) bool {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 80 {
		return false
	}
	if dots := bytes.Trim(line, "[](){}<> "); len(bytes.Trim(dots, ".… \t")) == 0 {
		return len(dots) > 1
	}
	low := bytes.ToLower(line)
	for _, word := range []string{"truncated", "snip", "very long list", "omitted", "output cut", "more lines", "many more", "--more--", "省略", "截断"} {
		if bytes.Contains(low, []byte(word)) {
			return true
		}
	}
	return pager(low)
}

// pager: "-- More  --", where Windows' more stopped and was left.
func pager(low []byte) bool {
	rest, ok := bytes.CutPrefix(low, []byte("-- more"))
	return ok && bytes.HasSuffix(rest, []byte("--"))
}
