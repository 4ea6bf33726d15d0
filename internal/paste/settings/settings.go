package settings

import (
	"bytes"
	"strings"

	"sockeye/internal/paste/form"
)

var Kinds = []form.Kind{
	{Name: "launchctl limit", Begins: beginsLaunchctl, Open: func() form.Reader { return &launchctlLimits{} }},
	{Name: "system settings", Begins: settingsBegin, Open: func() form.Reader { return &settings{} }},
	{Name: "values", Begins: valuesBegin, Open: func() form.Reader { return &Values{} }},
	{Name: "limits of a process", Begins: limitsBegin, Open: func() form.Reader { return &limits{} }},
	{Name: "ulimit", Begins: ulimitBegins, Open: func() form.Reader { return &ulimit{} }},
	{Name: "Windows registry", Begins: registryBegins, Open: func() form.Reader { return &registry{} }},
	{Name: "netsh tcp global", Begins: tcpGlobalsBegin, Open: func() form.Reader { return &tcpGlobals{} }},
	{Name: "netsh port ranges", Begins: portRangesBegin, Open: func() form.Reader { return &portRanges{} }},
	{Name: "Get-NetTCPSetting", Begins: tcpSettingBegins, Open: func() form.Reader { return &tcpSetting{} }},
	{Name: "about the machine", Begins: aboutBegins, Open: func() form.Reader { return &about{} }},
	{Name: "ip neigh", Begins: neighBegins, Open: func() form.Reader { return &neigh{} }},
}

// settings reads lines of names and values: what sysctl prints, sysctl.conf, and
// what grep prints of files under /proc/sys. Articles are full of such lines,
// too: there they are advice, and say nothing of a machine. So the first lines
// are held back until it is clear what they are (see form.Advised).
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
	name, value, shape := settingLine(line)
	if shape == noSetting {
		return false
	}
	if shape == pathForm {
		return true
	}
	switch string(name[:bytes.IndexAny(name, "./")]) {
	case "net", "fs", "kernel", "vm":
		return shape != colonForm || form.IsNumbers(value)
	case "kern":
		return true
	}
	return false
}

func (t *settings) Read(line []byte, into *form.Builder) form.Verdict {
	first := t.held == nil && !t.sure
	if first {
		t.begin(into)
	}
	name, value, shape := settingLine(line)
	switch {
	case shape != noSetting:
		t.plain = t.plain || shape == spacedForm || shape == colonForm || shape == pathForm
		t.add(line, setting{SysctlName(name), string(value)}, into)
		return form.Row
	case isSettingsNoise(line):
		t.add(line, setting{}, into)
		return form.Skipped
	}
	t.orders = bytes.Contains(line, []byte("sysctl -p")) || bytes.Contains(line, []byte("sysctl --system")) ||
		bytes.Contains(line, []byte("生效")) || bytes.Contains(line, []byte("take effect"))
	return form.Foreign
}

// begin looks at what stands before the first line.
func (t *settings) begin(into *form.Builder) {
	t.before = string(into.Prose)
	command, ok := form.Typed(into.Prose)
	t.sure = ok && form.Prints(command)
	t.asked = t.sure
	t.conf = strings.Contains(t.before, "sysctl.conf") || strings.Contains(t.before, "sysctl.d/") || into.Configuration
	if into.Configuration {
		t.sure = true
	}
}

func (t *settings) add(line []byte, s setting, into *form.Builder) {
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

func (t *settings) release(into *form.Builder) {
	for _, s := range t.found {
		t.keep(s, into)
	}
	t.held, t.found = nil, nil
}

func (t *settings) keep(s setting, into *form.Builder) {
	if s.name != "" {
		into.KeepSetting(s.name, s.value, t.conf)
	}
}

// Refused gives the lines back when they are what somebody advises or did.
func (t *settings) Refused() [][]byte {
	if !t.sure && (t.orders || form.Advised(t.before, t.plain)) {
		return t.held
	}
	return nil
}

func (t *settings) Close(into *form.Builder) { t.release(into) }

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
func settingLine(line []byte) (name, value []byte, shape settingForm) {
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
		shape = spacedForm
	case rest[0] == '=':
		shape = tightForm
	case rest[0] == ':' && len(rest) > 1 && rest[1] == ' ' || rest[0] == ':' && len(rest) == 1:
		shape = colonForm
	case blank:
		return name, rest, blankOr(form.IsNumbers(rest))
	default:
		return nil, nil, noSetting
	}
	value = bytes.TrimSpace(rest[1:])
	if at := bytes.Index(value, []byte(" #")); at >= 0 {
		value = bytes.TrimSpace(value[:at])
	}
	value = form.Unremarked(value, form.IsNumbers)
	if !isSettingValue(value) {
		return nil, nil, noSetting
	}
	return name, value, shape
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
	return form.IsNumbers(value)
}

// isSettingsNoise: blank lines, comments, and what sysctl complains of.
func isSettingsNoise(line []byte) bool {
	line = bytes.TrimSpace(line)
	switch {
	case len(line) == 0:
		return true
	case line[0] == '#' || line[0] == ';':
		command, ok := form.Typed(line)
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

// SysctlName makes a name with dots of a path and of the forms with slashes. What
// stands between slashes may hold dots: an interface's name.
func SysctlName(name []byte) string {
	text := strings.TrimPrefix(string(name), "/proc/sys/")
	if dot, slash := strings.IndexByte(text, '.'), strings.IndexByte(text, '/'); slash > 0 && (dot < 0 || slash < dot) {
		return strings.NewReplacer("/", ".", ".", "/").Replace(text)
	}
	return text
}
