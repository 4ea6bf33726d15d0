package paste

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// jsonBegins: JSON of sockets with whole objects on a line.
func jsonBegins(line []byte) bool {
	if len(line) < 20 || line[0] != '[' && line[0] != '{' && line[0] != ' ' && line[0] != ',' {
		return false
	}
	head := bytes.TrimLeft(line[:min(len(line), 4096)], " [,")
	if !bytes.HasPrefix(head, []byte("{")) {
		return false
	}
	return bytes.Contains(head, []byte(`LocalPort"`)) || bytes.Contains(head, []byte(`local_port"`)) || bytes.Contains(head, []byte(`localPort"`))
}

// jsonRows reads objects that stand on one line each, or all on one.
type jsonRows struct{ seen }

func (j *jsonRows) read(line []byte, into *builder) verdict {
	j.hold(line)
	text := bytes.TrimLeft(line, " [,")
	if len(bytes.Trim(text, "]} ")) == 0 {
		return skipped
	}
	if text[0] != '{' {
		return foreign
	}
	said := foreign
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			if said == foreign {
				return bad
			}
			// A line ends with the list's end, unless it was longer than lines are kept.
			if len(line) >= lineMax {
				into.cannot("paste-cut", j.by)
			}
			return said
		}
		var s sighting
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if c := columnOf([]byte(key)); c != otherColumn && s[c] == nil {
				s[c] = jsonWord(object[key])
			}
		}
		v := bad
		if object["OwningProcess"] != nil {
			into.os("windows")
		}
		if s.plausible() {
			v = j.give(&s, into)
		}
		if said == foreign || v == bad {
			said = v
		}
		rest := bytes.TrimLeft(text[decoder.InputOffset():], " ,")
		if len(rest) == 0 || rest[0] != '{' {
			return said
		}
		text = rest
		decoder = json.NewDecoder(bytes.NewReader(text))
	}
}

// jsonWord writes a value as text; null and what is not one value are nothing.
func jsonWord(value any) []byte {
	switch v := value.(type) {
	case string:
		return []byte(v)
	case float64:
		return strconv.AppendFloat(nil, v, 'f', -1, 64)
	}
	return nil
}

func (j *jsonRows) close(into *builder) {
	if j.numbers != nil && j.rows > 0 {
		dropDoubleBound(into, j.from)
	}
	j.done(into)
}
