package viewer

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// record reads one socket in several lines, "key : value": Format-List, CurrPorts'
// text, Tcpvcon's blocks, and JSON with a key on each line.
type record struct {
	seen
	windows bool
	values  sighting
	kept    [columns][]byte // the memory behind values
	has     bool            // values has something
	json    bool
	idle    int

	colon    int // where the last line that told something had its colon
	indented bool
}

func (r *record) Read(line []byte, into *form.Builder) form.Verdict {
	text := bytes.TrimSpace(line)
	r.hold(line)
	if name, protocol, ok := tcpvconHead(text); ok {
		v := r.end(into)
		r.keep(protocolColumn, protocol)
		r.keep(processColumn, name)
		return atLeastSkipped(v)
	}
	if len(text) == 0 || ruler(text) || len(bytes.Trim(text, "{}[],")) == 0 {
		if r.json = r.json || len(text) > 0 && (text[0] == '{' || text[0] == '}'); r.json && !bytes.ContainsAny(text, "{}") {
			return form.Skipped
		}
		return atLeastSkipped(r.end(into))
	}
	key, value, ok := keyValue(text)
	if !ok {
		if text[0] == '"' && r.patient() {
			return form.Skipped // an element of a list
		}
		return form.Foreign
	}
	c := columnOf(key)
	if c == otherColumn {
		if text[0] != '"' && !r.belongs(line, value) || !r.patient() {
			return form.Foreign
		}
		return form.Skipped
	}
	r.idle, r.colon, r.indented = 0, bytes.IndexByte(line, ':'), isBlank(line[0])
	if len(value) == 0 {
		return form.Skipped
	}
	v := form.Skipped
	if r.values[c] != nil {
		v = atLeastSkipped(r.end(into)) // nothing stands between the records
	}
	r.keep(c, value)
	return v
}

// belongs tells whether a line with a name that is not known is one of the record's:
// the colons stand below one another. Where blanks were lost, a blank before the colon
// and no sentence behind it are enough; messages, too, are written "word: sentence".
func (r *record) belongs(line, value []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon == r.colon && isBlank(line[0]) == r.indented {
		return true
	}
	words := len(bytes.Fields(value))
	plain := words < 2 || form.IsDigit(value[0]) || value[0] == '{' || bytes.Contains(value, []byte(`:\`))
	return plain && (isBlank(line[colon-1]) || isBlank(line[0]))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (r *record) patient() bool {
	r.idle++
	return r.idle < form.RecordPatience
}

func (r *record) keep(c column, value []byte) {
	r.kept[c] = append(r.kept[c][:0], value[:min(len(value), 1024)]...)
	r.values[c], r.has = r.kept[c], true
}

// end gives what was gathered. Without a local end it is a record of something
// else, a process perhaps.
func (r *record) end(into *form.Builder) form.Verdict {
	defer func() { r.values, r.has = sighting{}, false }()
	switch {
	case !r.has:
		return form.Foreign
	case r.values[localColumn] == nil && r.values[localPortColumn] == nil:
		if r.values[processColumn] != nil && r.values[pidColumn] != nil && r.values[protocolColumn] == nil {
			r.begin(into)
			r.process(&r.values, into)
			return form.Row
		}
		return form.Foreign
	case !r.values.plausible() && !r.values.portless():
		return form.Bad
	}
	if r.windows {
		into.OS("windows")
	}
	return r.give(&r.values, into)
}

// Refused: a record that is not ended yet may be the first.
func (r *record) Refused() [][]byte {
	if r.values[localColumn] != nil || r.values[localPortColumn] != nil || r.values[processColumn] != nil && r.values[pidColumn] != nil {
		return nil
	}
	return r.seen.Refused()
}

func atLeastSkipped(v form.Verdict) form.Verdict {
	if v == form.Foreign {
		return form.Skipped
	}
	return v
}

func (r *record) Close(into *form.Builder) {
	r.end(into)
	r.done(into)
	if r.windows {
		form.DropDoubleBound(into, r.from)
	}
}

// keyValue cuts "key : value", "key: value" and "\"key\":  value,".
func keyValue(text []byte) (key, value []byte, ok bool) {
	if text[0] == '"' {
		end := bytes.IndexByte(text[1:], '"')
		if end < 0 {
			return nil, nil, false
		}
		key, value = text[1:1+end], bytes.TrimSpace(text[2+end:])
		if len(value) == 0 || value[0] != ':' {
			return nil, nil, false
		}
		value = bytes.TrimRight(bytes.TrimSpace(value[1:]), ",")
		if bytes.Equal(value, []byte("null")) {
			value = value[:0]
		}
		return key, bytes.Trim(value, `"`), true
	}
	at := bytes.IndexByte(text, ':')
	if at <= 0 || at > 60 {
		return nil, nil, false
	}
	key = bytes.TrimSpace(text[:at])
	for _, c := range key {
		if c >= '0' && c <= '9' || c == '/' || c == '.' {
			return nil, nil, false
		}
	}
	return key, bytes.TrimSpace(text[at+1:]), true
}

// recordBegins: CurrPorts' "Process Name      : x.exe", or any record that
// begins with an end or an owner.
func recordBegins(line []byte) bool { return recordColumn(line) == processColumn }

// recordColumn is what a line "key   : value" tells; the blank before the colon
// is what logs do not have.
func recordColumn(line []byte) column {
	at := bytes.IndexByte(line, ':')
	if at < 3 || at > 60 || line[at-1] != ' ' || line[0] == ' ' || line[0] >= '0' && line[0] <= '9' {
		return otherColumn
	}
	key, _, ok := keyValue(bytes.TrimSpace(line))
	if !ok {
		return otherColumn
	}
	return columnOf(key)
}

func powershellListBegins(line []byte) bool {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '"' || line[0] == '\t') {
		return jsonKeyBegins(line)
	}
	switch recordColumn(line) {
	case localColumn, localPortColumn, remoteColumn, remotePortColumn:
		return true
	case stateColumn: // Format-List * has it first
		_, value, _ := keyValue(bytes.TrimSpace(line))
		_, ok := stateOf(value)
		return ok
	case pidColumn:
		return bytes.HasPrefix(line, []byte("Owning"))
	}
	return false
}

// jsonKeyBegins: a line of JSON with a key of its own, and one of ours.
func jsonKeyBegins(line []byte) bool {
	text := bytes.TrimLeft(line, " \t")
	if len(text) < 8 || text[0] != '"' || len(text) > 200 {
		return false
	}
	key, value, ok := keyValue(text)
	if !ok || len(value) > 0 && (value[0] == '{' || value[0] == '[') {
		return false
	}
	switch columnOf(key) {
	case localColumn, localPortColumn, remoteColumn, remotePortColumn:
		return true
	case pidColumn:
		return bytes.HasPrefix(key, []byte("Owning"))
	case stateColumn:
		_, word := stateOf(value)
		n, number := form.SmallNumber(value, 100)
		return word || number && n > 0
	}
	return false
}

func tcpvconBegins(line []byte) bool {
	_, _, ok := tcpvconHead(line)
	return ok
}

// tcpvconHead cuts "[TCP] C:\x\y.exe".
func tcpvconHead(line []byte) (name, protocol []byte, ok bool) {
	if len(line) < 7 || line[0] != '[' || line[1] != 'T' && line[1] != 'U' {
		return nil, nil, false
	}
	end := bytes.IndexByte(line, ']')
	if end < 4 || end > 7 || !isProtocol(line[1:end]) {
		return nil, nil, false
	}
	name = bytes.TrimSpace(line[end+1:])
	return name, line[1:end], len(name) > 0
}
