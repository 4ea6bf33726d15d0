package filter

import (
	"strconv"
	"strings"
)

// A line of code is printed in several ways, each of which selects it:
//
//	github.com/acme/shop/dao.(*Store).Query (/src/shop/dao/store.go:88)   CSV
//	dao.(*Store).Query (dao/store.go:88)                                  doctor
//	dao.(*Store).Query (store.go:88)                                      list, count, trace
//	dao.(*Sto…(store.go:88)                                               where there is little room

// cut stands where a table had no room for the rest.
const cut = "…"

// partsOf are the pieces that a printed line of code must have one after the
// other; what is no such line is one piece. Folders may be missing behind the
// parenthesis of the file.
func partsOf(value string) []string {
	if strings.HasPrefix(value, "(") {
		value = "(" + cut + value[1:]
	}
	value = strings.ReplaceAll(value, " (", " ("+cut)
	value = strings.ReplaceAll(value, cut+"(", cut+"("+cut)
	return strings.Split(value, cut)
}

// isPlace compares a line of code, or what hides it: "[jit]", which a name that
// merely has these letters must not select.
func (e name) isPlace(function, file string, line int) bool {
	switch {
	case file == "" && strings.HasPrefix(function, "["):
		return strings.HasPrefix(e.value, "[") && e.is(function)
	case len(e.parts) > 1:
		return e.inPrinted(function, file, line)
	case e.op == has || e.op == hasNot:
		return e.is(function) || e.is(file) || strings.Contains(e.value, ":") && e.is(withLine(file, line))
	}
	if isFunction(function, e.value) || isFile(file, line, e.value) {
		return true
	}
	inside, closed := strings.CutSuffix(e.value, ")")
	at := strings.LastIndex(inside, " (")
	return closed && at >= 0 && isFunction(function, inside[:at]) && isFile(file, line, inside[at+len(" ("):])
}

// inPrinted looks for the pieces in the longest spelling.
func (e name) inPrinted(function, file string, line int) bool {
	text := function + " (" + withLine(file, line) + ")"
	if file == "" {
		text = function
	}
	if e.op == has || e.op == hasNot {
		text = strings.ToLower(text)
	}
	for _, part := range e.parts {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

func withLine(file string, line int) string {
	if file == "" || line <= 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// isFunction reports whether value is the function, folders of its import path
// left out or not. What stands in brackets (a receiver, type arguments) may hold
// slashes of its own.
func isFunction(function, value string) bool {
	path := function
	if i := strings.IndexAny(path, "([<"); i >= 0 {
		path = path[:i]
	}
	from := len(function) - len(value)
	return isTail(function, value) && from <= len(path)
}

// isFile reports whether value is the file, folders left out or not, or its line.
func isFile(file string, line int, value string) bool {
	if isTail(file, value) {
		return true
	}
	at := strings.LastIndexByte(value, ':')
	return at >= 0 && line > 0 && value[at+1:] == strconv.Itoa(line) && isTail(file, value[:at])
}

// isTail reports whether value is the last elements of a path, or all of it.
func isTail(path, value string) bool {
	from := len(path) - len(value)
	return value != "" && strings.HasSuffix(path, value) && (from == 0 || path[from-1] == '/')
}
