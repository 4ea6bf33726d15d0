package paste

import (
	"bytes"
	"strings"
)

// tcpSetting reads PowerShell's Get-NetTCPSetting, as a list or, when these two
// columns were selected, as a table. Every template has the same range.
type tcpSetting struct {
	columns []string
	start   string
	number  string
}

const (
	rangeStart  = "DynamicPortRangeStartPort"
	rangeNumber = "DynamicPortRangeNumberOfPorts"
)

func tcpSettingBegins(line []byte) bool {
	return bytes.HasPrefix(line, []byte("SettingName ")) || bytes.HasPrefix(line, []byte("DynamicPortRange"))
}

func (t *tcpSetting) read(line []byte, into *builder) verdict {
	words := strings.Fields(string(line[:min(len(line), 400)]))
	if len(words) == 0 {
		return skipped
	}
	if len(words) >= 2 && words[1] == ":" {
		return t.pair(words[0], words[2:])
	}
	if tcpSettingBegins(line) {
		t.columns = words
		return skipped
	}
	if len(bytes.Trim(line, "- \t")) == 0 {
		return skipped
	}
	return t.row(words)
}

// pair reads "name : value". A message has a sentence behind its colon.
func (t *tcpSetting) pair(name string, value []string) verdict {
	if len(value) > 1 {
		return foreign
	}
	if len(value) == 1 {
		t.keep(name, value[0])
	}
	return row
}

// row reads a row of the table: numbers stand where the ranges do. "Automatic" has
// no range, and stands alone.
func (t *tcpSetting) row(words []string) verdict {
	if len(words) > len(t.columns) {
		return foreign
	}
	below := t.columns[len(t.columns)-len(words):]
	for i, word := range words {
		if strings.HasPrefix(below[i], "DynamicPortRange") && !number([]byte(word)) && len(words) > 1 {
			return foreign
		}
	}
	if len(words) == 1 && len(t.columns) > 1 && !isAlphanumeric([]byte(words[0])) {
		return foreign
	}
	for i, word := range words {
		t.keep(below[i], word)
	}
	return row
}

// keep keeps what is told first.
func (t *tcpSetting) keep(name, value string) {
	to := &t.start
	switch name {
	case rangeStart:
	case rangeNumber:
		to = &t.number
	default:
		return
	}
	if n, ok := decimal([]byte(value)); ok && n > 0 && n <= 65535 && *to == "" {
		*to = value
	}
}

func (t *tcpSetting) close(into *builder) {
	into.os("windows")
	if t.start != "" && t.number != "" {
		into.setting("windows.dynamicport.ipv4.tcp", t.start+" "+t.number)
	}
}
