package procnet

import (
	"bytes"
	"encoding/json"

	"sockeye/internal/paste/form"
)

// nstat reads nstat's table ("TcpExtListenOverflows    12    0.0"), its JSON, and
// /proc/net/snmp6, which has the same names and no rate.
type nstat struct {
	json []byte
	deep bool
}

func nstatBegins(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	switch line[0] {
	case '#':
		return bytes.HasPrefix(line, []byte("#kernel")) || bytes.Contains(line, []byte("sampling_interval="))
	case '{':
		return bytes.HasPrefix(line, []byte(`{"kernel":{"`)) || bytes.HasPrefix(line, []byte(`{ "kernel": {`))
	case 'I', 'T', 'U', 'M', ' ', '\t', '"':
		if nstatPretty(bytes.TrimSpace(line[:min(len(line), 40)])) {
			return true
		}
		_, _, ok := nstatRow(line)
		return ok
	}
	return false
}

// nstatPretty: the second line of the JSON when it is laid out on several.
func nstatPretty(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`"kernel": {`)) || bytes.HasPrefix(line, []byte(`"kernel":{`))
}

// nstatRow cuts "Name  value [rate]".
func nstatRow(line []byte) (name, value []byte, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) > 120 {
		return nil, nil, false
	}
	end := bytes.IndexAny(line, " \t")
	if end < 5 {
		return nil, nil, false
	}
	name = line[:end]
	switch {
	case bytes.HasPrefix(name, []byte("Tcp")), bytes.HasPrefix(name, []byte("Ip")), bytes.HasPrefix(name, []byte("Icmp")),
		bytes.HasPrefix(name, []byte("Udp")), bytes.HasPrefix(name, []byte("MPTcpExt")):
	default:
		return nil, nil, false
	}
	rest := bytes.Fields(line[end:])
	if len(rest) == 0 || len(rest) > 2 {
		return nil, nil, false
	}
	if _, ok := form.Decimal(rest[0]); !ok {
		return nil, nil, false
	}
	if len(rest) == 2 && len(bytes.Trim(rest[1], "0123456789.")) > 0 {
		return nil, nil, false
	}
	return name, rest[0], form.IsAlphanumeric(name)
}

func (t *nstat) Read(line []byte, into *form.Builder) form.Verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case t.deep:
		return t.more(trimmed)
	case len(trimmed) == 0, trimmed[0] == '#' && nstatBegins(trimmed):
		return form.Skipped
	case trimmed[0] == '{', nstatPretty(trimmed):
		t.deep = true
		if trimmed[0] != '{' {
			t.json = append(t.json, '{')
		}
		return t.more(trimmed)
	}
	name, value, ok := nstatRow(trimmed)
	if !ok {
		return form.Foreign
	}
	n, _ := form.Decimal(value)
	into.KeepCounter(string(name), n)
	return form.Row
}

// more collects JSON up to its last brace.
func (t *nstat) more(line []byte) form.Verdict {
	if len(t.json) > 256<<10 || bytes.HasSuffix(t.json, []byte("}}")) {
		return form.Foreign
	}
	t.json = append(t.json, bytes.ReplaceAll(line, []byte("} }"), []byte("}}"))...)
	return form.Row
}

func (t *nstat) Close(into *form.Builder) {
	into.OS("linux")
	if !t.deep {
		return
	}
	var all struct{ Kernel map[string]json.Number }
	if json.Unmarshal(t.json, &all) != nil {
		into.Cannot("paste-lines-bad", "nstat -j")
		return
	}
	for name, value := range all.Kernel {
		if n, ok := form.Decimal([]byte(value)); ok {
			into.KeepCounter(name, n)
		}
	}
}
