package paste

import (
	"bytes"
	"strings"
)

var settingKinds = []kind{
	{name: "system settings", begins: settingsBegin, open: func() reader { return &settings{} }},
	{name: "values", begins: valuesBegin, open: func() reader { return &values{} }},
	{name: "limits of a process", begins: limitsBegin, open: func() reader { return &limits{} }},
	{name: "ulimit", begins: ulimitBegins, open: func() reader { return &ulimit{} }},
	{name: "Windows registry", begins: registryBegins, open: func() reader { return &registry{} }},
	{name: "netsh tcp global", begins: tcpGlobalsBegin, open: func() reader { return &tcpGlobals{} }},
	{name: "netsh port ranges", begins: portRangesBegin, open: func() reader { return &portRanges{} }},
	{name: "Get-NetTCPSetting", begins: tcpSettingBegins, open: func() reader { return &tcpSetting{} }},
	{name: "about the machine", begins: aboutBegins, open: func() reader { return &about{} }},
	{name: "ip neigh", begins: neighBegins, open: func() reader { return &neigh{} }},
}

// settings reads lines of names and values: what sysctl prints, sysctl.conf, and
// what grep prints of files under /proc/sys. Articles are full of such lines,
// too: there they are advice, and say nothing of a machine. So the first lines
// are held back until it is clear what they are (see advised).
type settings struct {
	held   [][]byte // every line so far, until the text is sure
	found  []setting
	sure   bool
	conf   bool // a configuration file: what the system says of itself counts more
	plain  bool // written as programs write it: "name = value", "name: value"
	orders bool // the line after them is an order to apply them
	before string
	asked  bool
}

type setting struct{ name, value string }

// enough lines to be no advice.
const settingsEnough = 40

func settingsBegin(line []byte) bool {
	name, value, form := settingLine(line)
	if form == noSetting {
		return false
	}
	if form == pathForm {
		return true
	}
	switch string(name[:bytes.IndexAny(name, "./")]) {
	case "net", "fs", "kernel", "vm":
		return form != colonForm || isNumbers(value)
	case "kern":
		return true
	}
	return false
}

func (t *settings) read(line []byte, into *builder) verdict {
	first := t.held == nil && !t.sure
	if first {
		t.begin(into)
	}
	name, value, form := settingLine(line)
	switch {
	case form != noSetting:
		t.plain = t.plain || form == spacedForm || form == colonForm || form == pathForm
		t.add(line, setting{sysctlName(name), string(value)}, into)
		return row
	case isSettingsNoise(line):
		t.add(line, setting{}, into)
		return skipped
	}
	t.orders = bytes.Contains(line, []byte("sysctl -p")) || bytes.Contains(line, []byte("sysctl --system")) ||
		bytes.Contains(line, []byte("生效")) || bytes.Contains(line, []byte("take effect"))
	return foreign
}

// begin looks at what stands before the first line.
func (t *settings) begin(into *builder) {
	t.before = string(into.prose)
	command, ok := typed(into.prose)
	t.sure = ok && prints(command)
	t.asked = t.sure
	t.conf = strings.Contains(t.before, "sysctl.conf") || strings.Contains(t.before, "sysctl.d/") || into.configuration
	if into.configuration {
		t.sure = true
	}
}

func (t *settings) add(line []byte, s setting, into *builder) {
	if t.sure {
		t.keep(s, into)
		return
	}
	t.held = append(t.held, bytes.Clone(line))
	if s.name != "" {
		t.found = append(t.found, s)
	}
	if len(t.found) > settingsEnough || len(t.held) > 4*settingsEnough {
		t.sure = true
		t.release(into)
	}
}

func (t *settings) release(into *builder) {
	for _, s := range t.found {
		t.keep(s, into)
	}
	t.held, t.found = nil, nil
}

func (t *settings) keep(s setting, into *builder) {
	if s.name != "" {
		into.keepSetting(s.name, s.value, t.conf)
	}
}

// refused gives the lines back when they are what somebody advises or did.
func (t *settings) refused() [][]byte {
	if !t.sure && (t.orders || advised(t.before, t.plain)) {
		return t.held
	}
	return nil
}

func (t *settings) close(into *builder) { t.release(into) }

// settingForm is how a name and its value are joined.
type settingForm uint8

const (
	noSetting  settingForm = iota
	tightForm              // name=value: a configuration file, or advice
	spacedForm             // name = value: sysctl of Linux, and configuration files
	colonForm              // name: value: sysctl of BSD
	pathForm               // /proc/sys/…:value: grep
	blankForm              // name value
)

// settingLine cuts a line into a setting's name and its value.
func settingLine(line []byte) (name, value []byte, form settingForm) {
	line = bytes.TrimSpace(line)
	if len(line) < 8 || len(line) > 4096 {
		return nil, nil, noSetting
	}
	if rest, ok := bytes.CutPrefix(line, []byte("/proc/sys/")); ok {
		end := bytes.IndexAny(rest, ":= \t")
		if end < 3 || !isSettingName(rest[:end]) {
			return nil, nil, noSetting
		}
		value = bytes.TrimLeft(rest[end:], " \t")
		value = bytes.TrimSpace(bytes.TrimLeft(value, ":="))
		return line[:len("/proc/sys/")+end], value, pathForm
	}
	end := 0
	for end < len(line) && isSettingByte(line[end]) {
		end++
	}
	name = line[:end]
	if end == len(line) || end > 160 || !isSettingName(name) || !hasSettingRoot(name) {
		return nil, nil, noSetting
	}
	rest := bytes.TrimLeft(line[end:], " \t")
	if len(rest) == 0 {
		return nil, nil, noSetting
	}
	blank := len(rest) < len(line)-end
	switch {
	case rest[0] == '=' && blank:
		form = spacedForm
	case rest[0] == '=':
		form = tightForm
	case rest[0] == ':' && len(rest) > 1 && rest[1] == ' ' || rest[0] == ':' && len(rest) == 1:
		form = colonForm
	case blank:
		return name, rest, blankOr(isNumbers(rest))
	default:
		return nil, nil, noSetting
	}
	value = bytes.TrimSpace(rest[1:])
	if at := bytes.Index(value, []byte(" #")); at >= 0 {
		value = bytes.TrimSpace(value[:at])
	}
	value = unremarked(value, isNumbers)
	if !isSettingValue(value) {
		return nil, nil, noSetting
	}
	return name, value, form
}

func blankOr(is bool) settingForm {
	if is {
		return blankForm
	}
	return noSetting
}

func isSettingByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' || c == '/' || c == '%' || c == '@'
}

// isSettingName: two parts at least, none of them empty.
func isSettingName(name []byte) bool {
	return bytes.IndexAny(name, "./") > 0 && name[len(name)-1] != '.' && name[len(name)-1] != '/'
}

// hasSettingRoot: loggers, too, write "net.something.Name: text", so a name below
// net must go on as the kernels' do.
func hasSettingRoot(name []byte) bool {
	end := bytes.IndexAny(name, "./")
	rest := name[end+1:]
	switch string(name[:end]) {
	case "net":
		next := rest
		if at := bytes.IndexAny(rest, "./"); at >= 0 {
			next = rest[:at]
		}
		switch string(next) {
		case "ipv4", "ipv6", "core", "netfilter", "unix", "inet", "inet6", "link", "local", "mptcp", "bridge", "sctp",
			"nf_conntrack_max", "isr", "route", "bpf", "pf", "wlan", "key", "raw", "mpls", "vrf", "smc", "iw_cm", "necp", "soflow":
			return true
		}
		return false
	case "fs", "kernel", "vm", "kern", "hw", "dev", "debug", "security", "user", "abi", "crypto", "sunrpc", "machdep", "vfs", "compat", "kstat", "p1003_1b":
		return true
	}
	return false
}

// isSettingValue: a number is not followed by a sentence.
func isSettingValue(value []byte) bool {
	if len(value) == 0 || value[0] < '0' || value[0] > '9' || bytes.IndexByte(value, ' ') < 0 {
		return true
	}
	return isNumbers(value)
}

// isNumbers: digits, blanks and what joins ranges.
func isNumbers(value []byte) bool {
	return len(value) > 0 && len(bytes.Trim(value, "0123456789")) < len(value) && len(bytes.TrimLeft(value, "-0123456789 \t,.")) == 0
}

// isSettingsNoise: blank lines, comments, and what sysctl complains of.
func isSettingsNoise(line []byte) bool {
	line = bytes.TrimSpace(line)
	switch {
	case len(line) == 0:
		return true
	case line[0] == '#' || line[0] == ';':
		command, ok := typed(line)
		return !ok || command == ""
	}
	for _, begin := range []string{"sysctl: ", "* Applying ", "cat: /proc/sys", "grep: /proc/sys"} {
		if bytes.HasPrefix(line, []byte(begin)) {
			return true
		}
	}
	if bytes.HasPrefix(line, []byte("error: ")) {
		return bytes.Contains(line, []byte(" key")) // an older sysctl's
	}
	return len(bytes.Trim(line, "-")) == 0 // grep's
}

// sysctlName makes a name with dots of a path and of the forms with slashes. What
// stands between slashes may hold dots: an interface's name.
func sysctlName(name []byte) string {
	text := strings.TrimPrefix(string(name), "/proc/sys/")
	if dot, slash := strings.IndexByte(text, '.'), strings.IndexByte(text, '/'); slash > 0 && (dot < 0 || slash < dot) {
		return strings.NewReplacer("/", ".", ".", "/").Replace(text)
	}
	return text
}
