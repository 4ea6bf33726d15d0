package viewer

import (
	"bytes"
	"encoding/json"

	"sockeye/internal/paste/form"
)

// JSONBegins: JSON of sockets with whole objects on a line.
func JSONBegins(line []byte) bool {
	if len(line) < 20 || line[0] != '[' && line[0] != '{' && line[0] != ' ' && line[0] != ',' {
		return false
	}
	head := bytes.TrimLeft(line[:min(len(line), form.LineMax)], " [,")
	if !bytes.HasPrefix(head, []byte("{")) {
		return false
	}
	return bytes.Contains(head, []byte(`LocalPort"`)) || bytes.Contains(head, []byte(`local_port"`)) || bytes.Contains(head, []byte(`localPort"`))
}

// jsonRows reads objects that stand on one line each, or several on one.
type jsonRows struct {
	seen
	columns map[string]column // of the members' names that have been met
}

// jsonNames bounds how many names of members are remembered.
const jsonNames = 256

func (j *jsonRows) Read(line []byte, into *form.Builder) form.Verdict {
	j.hold(line)
	text := bytes.TrimLeft(line, " [,")
	if len(bytes.Trim(text, "]} ")) == 0 {
		return form.Skipped
	}
	if text[0] != '{' {
		return form.Foreign
	}
	said := form.Foreign
	for len(text) > 0 && text[0] == '{' {
		var s sighting
		windows := false
		rest, ok := jsonMembers(text, func(name, value []byte) {
			c := j.column(name)
			if c != otherColumn && s[c] == nil {
				s[c] = jsonWord(value)
			}
			windows = windows || c == pidColumn && string(name) == "OwningProcess" && s[c] != nil
		})
		if !ok {
			if said == form.Foreign {
				return form.Bad
			}
			// A line ends with the list's end, unless it was longer than lines are kept.
			if len(line) >= form.LineMax {
				into.Cannot("paste-cut", j.by)
			}
			return said
		}
		v := form.Bad
		if windows {
			into.OS("windows")
		}
		if s.plausible() {
			v = j.give(&s, into)
		}
		if said == form.Foreign || v == form.Bad {
			said = v
		}
		text = bytes.TrimLeft(rest, " ,")
	}
	return said
}

// column tells what a member is; the same names come with each row.
func (j *jsonRows) column(name []byte) column {
	if c, ok := j.columns[string(name)]; ok {
		return c
	}
	c := columnOf(name)
	if j.columns == nil {
		j.columns = map[string]column{}
	}
	if len(j.columns) < jsonNames {
		j.columns[string(name)] = c
	}
	return c
}

// jsonMembers shows the members of the object (RFC 8259) that text begins with, names
// and values as they are written and without their quotes, and returns what follows
// it; ok is false where it has no end. Values that hold others are nil.
func jsonMembers(text []byte, visit func(name, value []byte)) (rest []byte, ok bool) {
	text = jsonBlank(text[1:])
	if len(text) > 0 && text[0] == '}' {
		return text[1:], true
	}
	for {
		name, after, ok := jsonValue(text)
		after = jsonBlank(after)
		if !ok || len(text) == 0 || text[0] != '"' || len(after) == 0 || after[0] != ':' {
			return nil, false
		}
		value, after, ok := jsonValue(jsonBlank(after[1:]))
		if !ok {
			return nil, false
		}
		visit(name, value)
		after = jsonBlank(after)
		switch {
		case len(after) == 0:
			return nil, false
		case after[0] == '}':
			return after[1:], true
		case after[0] != ',':
			return nil, false
		}
		text = jsonBlank(after[1:])
	}
}

func jsonBlank(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// jsonValue cuts off the value that text begins with: what it is, without quotes,
// and what follows. What a value holds is not looked at, only where it ends.
func jsonValue(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 {
		return nil, nil, false
	}
	switch text[0] {
	case '"':
		end := jsonStringEnd(text)
		if end < 0 {
			return nil, nil, false
		}
		return text[1 : end-1], text[end:], true
	case '{', '[':
		depth := 0
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '"':
				end := jsonStringEnd(text[i:])
				if end < 0 {
					return nil, nil, false
				}
				i += end - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return nil, text[i+1:], true
				}
			}
		}
		return nil, nil, false
	}
	end := bytes.IndexAny(text, ",}] \t\r\n")
	if end <= 0 {
		return nil, nil, false
	}
	return text[:end], text[end:], true
}

// jsonStringEnd is where the string that text begins with is over; -1: nowhere.
func jsonStringEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// jsonWord is a value as a table would have it. null is nothing; what is escaped in
// a string is written out.
func jsonWord(value []byte) []byte {
	if bytes.IndexByte(value, '\\') >= 0 {
		var text string
		if err := json.Unmarshal(append(append([]byte{'"'}, value...), '"'), &text); err != nil {
			return nil
		}
		return []byte(text)
	}
	switch string(value) {
	case "null", "true", "false", "":
		return nil
	}
	return value
}

func (j *jsonRows) Close(into *form.Builder) {
	if j.numbers != nil && j.rows > 0 {
		form.DropDoubleBound(into, j.from)
	}
	j.done(into)
}
