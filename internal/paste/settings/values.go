package settings

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// Values reads bare values below the command, or the file's name, that says what
// they are: "cat /proc/sys/fs/file-nr", "sysctl -n net.core.somaxconn",
// "conntrack -C", "ls /proc/812/fd | wc -l", "netstat -an | grep -c TIME_WAIT".
type Values struct {
	Items []ValueOf // those to come, in order
	first []byte    // the line that says so; nil when the file's name does
	rows  int
}

// ValueOf says what the next line is. One of the fields is set.
type ValueOf struct {
	setting string    // sysctl's name
	state   tcp.State // so many sockets are in it
	fds     int32     // open descriptors of that pid
	Kind    ValueKind
}

type ValueKind uint8

const (
	ValueSetting ValueKind = iota
	ValueState
	ValueFDs
	ValueConntrack
	ValueULimit
	ValueHostName
	ValueUptime
)

func valuesBegin(line []byte) bool {
	if len(line) == 0 || len(line) > 600 {
		return false
	}
	command, ok := form.Typed(line)
	return ok && len(valuesOf(command)) > 0
}

// valuesOf tells what a command prints, as far as that are bare values.
func valuesOf(command string) []ValueOf {
	words := strings.FieldsFunc(command, func(r rune) bool { return r == ' ' || r == '\t' || r == '|' || r == ';' || r == '"' || r == '\'' })
	if len(words) == 0 || !form.Prints(command) {
		return nil
	}
	if v, ok := countOf(command, words); ok {
		return []ValueOf{v}
	}
	switch program := form.ProgramOf(command); {
	case program == "conntrack" && strings.Contains(command, "-C"):
		return []ValueOf{{Kind: ValueConntrack}}
	case program == "ulimit" && (strings.HasSuffix(command, "-n") || strings.HasSuffix(command, "-Sn") || strings.HasSuffix(command, "-nS")):
		return []ValueOf{{Kind: ValueULimit}}
	case program == "hostname" && len(words) == 1:
		return []ValueOf{{Kind: ValueHostName}}
	case program == "sysctl" && (strings.Contains(command, " -n") || strings.Contains(command, " --values")):
		return settingsOf(words, func(word string) bool { return hasSettingRoot([]byte(word+".")) && strings.Contains(word, ".") })
	case program == "cat" || program == "more" || program == "less" || program == "head" || program == "tail":
		if len(words) == 2 && words[1] == "/proc/uptime" {
			return []ValueOf{{Kind: ValueUptime}}
		}
		return settingsOf(words, func(word string) bool { return strings.HasPrefix(word, "/proc/sys/") })
	}
	return nil
}

func settingsOf(words []string, is func(string) bool) (all []ValueOf) {
	for _, word := range words {
		if is(word) && !strings.ContainsAny(word, "*{?[$") && len(all) < 64 {
			all = append(all, ValueOf{setting: SysctlName([]byte(word))})
		}
	}
	return all
}

// countOf understands commands that print a number of lines only.
func countOf(command string, words []string) (v ValueOf, ok bool) {
	counts := strings.Contains(command, "wc -l") || strings.Contains(command, "grep -c") || strings.Contains(command, "-ic ") ||
		strings.Contains(command, "find /c") || strings.Contains(command, "Measure-Object")
	if !counts {
		return v, false
	}
	if rest, found := strings.CutPrefix(words[len(words)-min(len(words), 3)], "/proc/"); found && strings.Contains(command, "ls ") {
		pid, tail, _ := strings.Cut(rest, "/")
		if n, err := strconv.ParseInt(pid, 10, 32); err == nil && n > 0 && strings.TrimSuffix(tail, "/") == "fd" {
			return ValueOf{Kind: ValueFDs, fds: int32(n)}, true
		}
	}
	if !strings.Contains(command, "netstat") && !strings.Contains(command, "ss ") && !strings.Contains(command, "lsof ") {
		return v, false
	}
	if strings.Contains(command, "grep -v") || strings.Contains(command, "find /v") {
		return v, false // all but those
	}
	for _, word := range words {
		if len(word) < 4 || word == "close" {
			continue
		}
		s, isState := form.StateOf([]byte(strings.ToUpper(word)))
		if !isState {
			continue
		}
		if ok {
			return ValueOf{}, false // two states: whose number is it?
		}
		v, ok = ValueOf{Kind: ValueState, state: s}, true
	}
	return v, ok
}

func (t *Values) Read(line []byte, into *form.Builder) form.Verdict {
	if t.Items == nil && t.first == nil {
		command, _ := form.Typed(line)
		t.first, t.Items = bytes.Clone(line), valuesOf(command)
		return form.Skipped
	}
	line = bytes.Trim(line, " \t|") // pages put a listing into the cells of a table
	if len(t.Items) == 0 {
		return form.Foreign
	}
	item := t.Items[0]
	if len(line) == 0 {
		return form.Skipped
	}
	if bytes.HasPrefix(line, []byte("cat: ")) || bytes.HasPrefix(line, []byte("sysctl: ")) || bytes.HasPrefix(line, []byte("head: ")) {
		t.Items = t.Items[1:]
		return form.Skipped
	}
	if !item.keep(string(line[:min(len(line), 4096)]), into) {
		t.Items = nil
		return form.Foreign
	}
	t.Items = t.Items[1:]
	t.rows++
	return form.Row
}

func (t *Values) Close(into *form.Builder) {
	if t.first != nil {
		command, _ := form.Typed(t.first)
		into.Command(command)
	}
}

// Refused: a command without its values is no part.
func (t *Values) Refused() [][]byte {
	if t.rows == 0 && t.first != nil {
		return [][]byte{t.first}
	}
	return nil
}

// keep gives the value to whom it is about; false when it is none.
func (v *ValueOf) keep(text string, into *form.Builder) bool {
	number, isNumber := form.Decimal([]byte(text))
	switch v.Kind {
	case ValueSetting:
		if !form.IsNumbers([]byte(text)) && !isTextSetting(v.setting) {
			return false
		}
		into.KeepSetting(v.setting, text, false)
		return true
	case ValueState:
		if isNumber {
			into.Counted[v.state] = max(into.Counted[v.state], number)
		}
	case ValueFDs:
		if isNumber {
			into.Process(v.fds, "").FDs = &number
		}
	case ValueConntrack:
		if isNumber {
			into.ConntrackIs(host.Some(number))
		}
	case ValueULimit:
		if isNumber {
			into.Setting(shellLimit, text)
		}
		return isNumber || text == "unlimited"
	case ValueHostName:
		if strings.ContainsAny(text, " \t:/") {
			return false
		}
		into.MachineName(text)
		return true
	case ValueUptime:
		first, _, two := strings.Cut(text, " ")
		seconds, err := strconv.ParseFloat(first, 64)
		if err != nil || !two || seconds < 0 || seconds > maxUptime.Seconds() {
			return false
		}
		into.Machine.Uptime = time.Duration(seconds * float64(time.Second))
		return true
	}
	return isNumber
}

// isTextSetting: settings whose value is no number. Others that are words are
// none: they are the next line of somebody's prose.
func isTextSetting(name string) bool {
	switch name {
	case "kernel.hostname", "kernel.osrelease", "kernel.ostype", "kern.ostype", "kern.osrelease", "kern.hostname", "kern.version":
		return true
	}
	return strings.HasSuffix(name, "congestion_control") || strings.HasSuffix(name, "default_qdisc")
}
