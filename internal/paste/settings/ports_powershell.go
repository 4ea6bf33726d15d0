package settings

import (
	"bytes"
	"strings"

	"sockeye/internal/paste/form"
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

func (t *tcpSetting) Read(line []byte, into *form.Builder) form.Verdict {
	words := strings.Fields(string(line[:min(len(line), 400)]))
	if len(words) == 0 {
		return form.Skipped
	}
	if len(words) >= 2 && words[1] == ":" {
		return t.pair(words[0], words[2:])
	}
	if tcpSettingBegins(line) {
		t.columns = words
		return form.Skipped
	}
	if len(bytes.Trim(line, "- \t")) == 0 {
		return form.Skipped
	}
	return t.row(words)
}

// pair reads "name : value". A message has a sentence behind its colon.
func (t *tcpSetting) pair(name string, value []string) form.Verdict {
	if len(value) > 1 {
		return form.Foreign
	}
	if len(value) == 1 {
		t.keep(name, value[0])
	}
	return form.Row
}

// row reads a row of the table: numbers stand where the ranges do. "Automatic" has
// no range, and stands alone.
func (t *tcpSetting) row(words []string) form.Verdict {
	if len(words) > len(t.columns) {
		return form.Foreign
	}
	below := t.columns[len(t.columns)-len(words):]
	for i, word := range words {
		if strings.HasPrefix(below[i], "DynamicPortRange") && !form.IsNumber([]byte(word)) && len(words) > 1 {
			return form.Foreign
		}
	}
	if len(words) == 1 && len(t.columns) > 1 && !form.IsAlphanumeric([]byte(words[0])) {
		return form.Foreign
	}
	for i, word := range words {
		t.keep(below[i], word)
	}
	return form.Row
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
	if n, ok := form.Decimal([]byte(value)); ok && n > 0 && n <= 65535 && *to == "" {
		*to = value
	}
}

func (t *tcpSetting) Close(into *form.Builder) {
	into.OS("windows")
	if t.start != "" && t.number != "" {
		into.Setting("windows.dynamicport.ipv4.tcp", t.start+" "+t.number)
	}
}
