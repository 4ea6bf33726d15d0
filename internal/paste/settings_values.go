package paste

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// values reads bare values below the command, or the file's name, that says what
// they are: "cat /proc/sys/fs/file-nr", "sysctl -n net.core.somaxconn",
// "conntrack -C", "ls /proc/812/fd | wc -l", "netstat -an | grep -c TIME_WAIT".
type values struct {
	items []valueOf // those to come, in order
	first []byte    // the line that says so; nil when the file's name does
	rows  int
}

// valueOf says what the next line is. One of the fields is set.
type valueOf struct {
	setting string    // sysctl's name
	state   tcp.State // so many sockets are in it
	fds     int32     // open descriptors of that pid
	kind    valueKind
}

type valueKind uint8

const (
	valueSetting valueKind = iota
	valueState
	valueFDs
	valueConntrack
	valueULimit
	valueHostName
	valueUptime
)

func valuesBegin(line []byte) bool {
	if len(line) == 0 || len(line) > 600 {
		return false
	}
	command, ok := typed(line)
	return ok && len(valuesOf(command)) > 0
}

// valuesOf tells what a command prints, as far as that are bare values.
func valuesOf(command string) []valueOf {
	words := strings.FieldsFunc(command, func(r rune) bool { return r == ' ' || r == '\t' || r == '|' || r == ';' || r == '"' || r == '\'' })
	if len(words) == 0 || !prints(command) {
		return nil
	}
	if v, ok := countOf(command, words); ok {
		return []valueOf{v}
	}
	switch program := programOf(command); {
	case program == "conntrack" && strings.Contains(command, "-C"):
		return []valueOf{{kind: valueConntrack}}
	case program == "ulimit" && (strings.HasSuffix(command, "-n") || strings.HasSuffix(command, "-Sn") || strings.HasSuffix(command, "-nS")):
		return []valueOf{{kind: valueULimit}}
	case program == "hostname" && len(words) == 1:
		return []valueOf{{kind: valueHostName}}
	case program == "sysctl" && (strings.Contains(command, " -n") || strings.Contains(command, " --values")):
		return settingsOf(words, func(word string) bool { return hasSettingRoot([]byte(word+".")) && strings.Contains(word, ".") })
	case program == "cat" || program == "more" || program == "less" || program == "head" || program == "tail":
		if len(words) == 2 && words[1] == "/proc/uptime" {
			return []valueOf{{kind: valueUptime}}
		}
		return settingsOf(words, func(word string) bool { return strings.HasPrefix(word, "/proc/sys/") })
	}
	return nil
}

func settingsOf(words []string, is func(string) bool) (all []valueOf) {
	for _, word := range words {
		if is(word) && !strings.ContainsAny(word, "*{?[$") && len(all) < 64 {
			all = append(all, valueOf{setting: sysctlName([]byte(word))})
		}
	}
	return all
}

// countOf understands commands that print a number of lines only.
func countOf(command string, words []string) (v valueOf, ok bool) {
	counts := strings.Contains(command, "wc -l") || strings.Contains(command, "grep -c") || strings.Contains(command, "-ic ") ||
		strings.Contains(command, "find /c") || strings.Contains(command, "Measure-Object")
	if !counts {
		return v, false
	}
	if rest, found := strings.CutPrefix(words[len(words)-min(len(words), 3)], "/proc/"); found && strings.Contains(command, "ls ") {
		pid, tail, _ := strings.Cut(rest, "/")
		if n, err := strconv.ParseInt(pid, 10, 32); err == nil && n > 0 && strings.TrimSuffix(tail, "/") == "fd" {
			return valueOf{kind: valueFDs, fds: int32(n)}, true
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
		s, isState := stateOf([]byte(strings.ToUpper(word)))
		if !isState {
			continue
		}
		if ok {
			return valueOf{}, false // two states: whose number is it?
		}
		v, ok = valueOf{kind: valueState, state: s}, true
	}
	return v, ok
}

func (t *values) read(line []byte, into *builder) verdict {
	if t.items == nil && t.first == nil {
		command, _ := typed(line)
		t.first, t.items = bytes.Clone(line), valuesOf(command)
		return skipped
	}
	line = bytes.Trim(line, " \t|") // pages put a listing into the cells of a table
	if len(t.items) == 0 {
		return foreign
	}
	item := t.items[0]
	if len(line) == 0 {
		return skipped
	}
	if bytes.HasPrefix(line, []byte("cat: ")) || bytes.HasPrefix(line, []byte("sysctl: ")) || bytes.HasPrefix(line, []byte("head: ")) {
		t.items = t.items[1:]
		return skipped
	}
	if !item.keep(string(line[:min(len(line), 4096)]), into) {
		t.items = nil
		return foreign
	}
	t.items = t.items[1:]
	t.rows++
	return row
}

func (t *values) close(into *builder) {
	if t.first != nil {
		command, _ := typed(t.first)
		into.command(command)
	}
}

// refused: a command without its values is no part.
func (t *values) refused() [][]byte {
	if t.rows == 0 && t.first != nil {
		return [][]byte{t.first}
	}
	return nil
}

// keep gives the value to whom it is about; false when it is none.
func (v *valueOf) keep(text string, into *builder) bool {
	number, isNumber := decimal([]byte(text))
	switch v.kind {
	case valueSetting:
		if !isNumbers([]byte(text)) && !isTextSetting(v.setting) {
			return false
		}
		into.keepSetting(v.setting, text, false)
		return true
	case valueState:
		if isNumber {
			into.counted[v.state] = max(into.counted[v.state], number)
		}
	case valueFDs:
		if isNumber {
			into.process(v.fds, "").FDs = &number
		}
	case valueConntrack:
		if isNumber {
			into.conntrackIs(host.Some(number))
		}
	case valueULimit:
		if isNumber {
			into.setting(shellLimit, text)
		}
		return isNumber || text == "unlimited"
	case valueHostName:
		if strings.ContainsAny(text, " \t:/") {
			return false
		}
		into.machineName(text)
		return true
	case valueUptime:
		first, _, two := strings.Cut(text, " ")
		seconds, err := strconv.ParseFloat(first, 64)
		if err != nil || !two || seconds < 0 || seconds > maxUptime.Seconds() {
			return false
		}
		into.machine.Uptime = time.Duration(seconds * float64(time.Second))
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
