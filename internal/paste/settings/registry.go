package settings

import (
	"bytes"
	"strconv"
	"strings"

	"sockeye/internal/paste/form"
)

// registry reads exports of the Windows registry (.reg), reg query, and what
// PowerShell's Get-ItemProperty lists. Only numbers are kept, and the host's name.
type registry struct {
	key     string // the key that values belong to, in lower case; "" unknown
	inKey   bool
	held    [][]byte
	values  int
	sure    bool
	waiting bool // a value goes on in the next line
}

func registryBegins(line []byte) bool {
	if len(line) < 8 {
		return false
	}
	switch line[0] {
	case 'W':
		return bytes.HasPrefix(line, []byte("Windows Registry Editor"))
	case 'R':
		return bytes.HasPrefix(line, []byte("REGEDIT4"))
	case '!':
		return bytes.HasPrefix(line, []byte("! REG.EXE"))
	case '[', 'H':
		_, ok := registryKey(line)
		return ok
	case ' ', '\t':
		if _, ok := registryKey(line); ok {
			return true
		}
		_, _, ok := registryValue(line)
		return ok
	case '"', 'M', 'T', 'K', 'S', 'E', 'A':
		_, _, ok := registryValue(line)
		return ok
	}
	return false
}

// registryKey reads "[HKEY_LOCAL_MACHINE\…]", with brackets or without.
func registryKey(line []byte) (key string, ok bool) {
	line = bytes.TrimSpace(line)
	line = bytes.TrimSuffix(bytes.TrimPrefix(line, []byte("[")), []byte("]"))
	if !bytes.HasPrefix(line, []byte("HKEY_")) && !bytes.HasPrefix(line, []byte(`HKLM\`)) || len(line) > 1000 {
		return "", false
	}
	// A sentence that begins with a key goes on after it; names of keys hold
	// blanks, but no commas and no full stops before one.
	if bytes.ContainsAny(line, ",;") || bytes.IndexByte(line, '\\') < 0 || bytes.Contains(line, []byte(". ")) || bytes.IndexFunc(line, func(r rune) bool { return r >= 0x80 }) >= 0 {
		return "", false
	}
	return strings.ToLower(string(line)), true
}

// registryValue reads `"Name"=dword:0000001e`, "    Name    REG_DWORD    0x1e"
// and, for names that are known, "Name : 30".
func registryValue(line []byte) (name, value string, ok bool) {
	if len(line) > 2000 {
		return "", "", false
	}
	line = bytes.TrimSpace(line)
	if len(line) > 3 && line[0] == '"' {
		end := bytes.Index(line[1:], []byte(`"=`))
		if end < 1 {
			return "", "", false
		}
		return string(line[1 : end+1]), regData(line[end+3:]), true
	}
	if at := bytes.Index(line, []byte("REG_")); at > 0 {
		name := bytes.TrimSpace(line[:at])
		kind, data, _ := bytes.Cut(line[at:], []byte(" "))
		if tab := bytes.IndexByte(line[at:], '\t'); tab > 0 && tab < len(kind) {
			kind, data = line[at:at+tab], line[at+tab:]
		}
		data = bytes.TrimSpace(data)
		if len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return "", "", false
		}
		switch string(kind) {
		case "REG_DWORD", "REG_QWORD":
			n, err := strconv.ParseUint(string(data), 0, 64)
			if err != nil {
				return string(name), "", false
			}
			return string(name), strconv.FormatUint(n, 10), true
		case "REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ", "REG_BINARY", "REG_NONE", "REG_FULL_RESOURCE_DESCRIPTOR":
			return string(name), string(data), true
		}
		return "", "", false
	}
	before, after, found := bytes.Cut(line, []byte(" : "))
	known := tcpipValue(string(bytes.TrimSpace(before)))
	if !found || known == "" {
		return "", "", false
	}
	n, number := form.Decimal(bytes.TrimSpace(after))
	return known, strconv.FormatUint(n, 10), number
}

// bareValue reads "MaxUserPort = 65534" below a key, as people write it down.
func bareValue(line []byte) (name, value string, ok bool) {
	before, after, found := bytes.Cut(line[:min(len(line), 200)], []byte("="))
	if !found || bytes.ContainsAny(bytes.TrimSpace(before), " \t") {
		return "", "", false
	}
	known := tcpipValue(string(bytes.TrimSpace(before)))
	if known == "" {
		return "", "", false
	}
	after = bytes.TrimSpace(after)
	if bytes.HasPrefix(after, []byte("dword:")) {
		value = regData(after)
		return known, value, value != ""
	}
	n, err := strconv.ParseUint(string(after), 0, 64) // 65534, 0xfffe
	if err != nil {
		return "", "", false
	}
	return known, strconv.FormatUint(n, 10), true
}

// regData reads what follows the equals sign in an export.
func regData(data []byte) string {
	if hex, ok := bytes.CutPrefix(data, []byte("dword:")); ok {
		if n, ok := form.Hexadecimal(bytes.TrimSpace(hex)); ok {
			return strconv.FormatUint(n, 10)
		}
		return ""
	}
	return strings.Trim(string(data), `"`)
}

func (t *registry) Read(line []byte, into *form.Builder) form.Verdict {
	if !t.sure {
		t.held = append(t.held, bytes.Clone(line))
		if len(t.held) > 200 { // a whole tree of keys, and no prose
			t.sure, t.held = true, nil
		}
	}
	trimmed := bytes.TrimSpace(line)
	if t.waiting {
		t.waiting = bytes.HasSuffix(trimmed, []byte(`\`))
		return form.Row
	}
	switch {
	case len(trimmed) == 0, bytes.HasPrefix(line, []byte("! REG")), bytes.HasPrefix(line, []byte("Windows Registry")),
		bytes.HasPrefix(line, []byte("REGEDIT4")), bytes.HasPrefix(line, []byte("PS")) && bytes.Contains(line, []byte(" : ")),
		bytes.HasPrefix(line, []byte("End of search")), trimmed[0] == ';':
		return form.Skipped
	}
	if key, ok := registryKey(line); ok {
		t.key, t.inKey = key, true
		return form.Skipped
	}
	name, value, ok := registryValue(line)
	if !ok && name == "" && t.inKey {
		name, value, ok = bareValue(trimmed)
	}
	if !ok {
		if !t.sure {
			t.held = t.held[:len(t.held)-1]
		}
		if name != "" {
			return form.Bad
		}
		return form.Foreign
	}
	t.values++
	t.sure, t.held = true, nil
	t.waiting = bytes.HasSuffix(trimmed, []byte(`,\`))
	t.keep(name, value, into)
	return form.Row
}

func (t *registry) keep(name, value string, into *form.Builder) {
	into.OS("windows")
	if t.inKey && (strings.Contains(t.key, `\interfaces`) || !strings.Contains(t.key, "tcpip") && !strings.Contains(t.key, "afd")) {
		return // of one interface, or about something else
	}
	if strings.EqualFold(name, "hostname") {
		into.MachineName(value)
		return
	}
	if known := tcpipValue(name); known != "" {
		name = known
	} else if !t.inKey || !form.IsAlphanumeric([]byte(name)) {
		return
	}
	if _, number := form.Decimal([]byte(value)); number && len(name) < 64 && len(into.NS.Settings) < form.SettingsMax {
		into.Setting("windows."+name, value)
	}
}

// Refused: a key without values may stand in anybody's prose.
func (t *registry) Refused() [][]byte {
	if t.values == 0 {
		return t.held
	}
	return nil
}

func (t *registry) Close(*form.Builder) {}

// tcpipValue returns the usual spelling of a value under Tcpip\Parameters that
// matters here, "" for others. The registry does not care about case.
func tcpipValue(name string) string {
	for _, known := range []string{"MaxUserPort", "TcpTimedWaitDelay", "TcpNumConnections", "MaxFreeTcbs", "MaxFreeTWTcbs", "MaxHashTableSize",
		"StrictTimeWaitSeqCheck", "KeepAliveTime", "KeepAliveInterval", "TcpMaxDataRetransmissions", "TcpMaxConnectRetransmissions",
		"TcpMaxConnectResponseRetransmissions", "SynAttackProtect", "TcpFinWait2Delay", "EnableDynamicBacklog", "MinimumDynamicBacklog",
		"MaximumDynamicBacklog", "DynamicBacklogGrowthDelta", "AutoReusePortRangeStartPort", "AutoReusePortRangeNumberOfPorts"} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return ""
}
