package settings

import (
	"bytes"
	"strconv"
	"strings"

	"sockeye/internal/paste/form"
)

// shellLimit is the setting that holds what "ulimit -n" prints: how many files
// the programs of that shell may open. Of running services it says nothing.
const shellLimit = "ulimit.open-files"

// limits reads /proc/PID/limits and prlimit. The pid is in the command or in the
// name of the file.
type limits struct{}

func limitsBegin(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Limit ")) && bytes.Contains(line, []byte(" Soft Limit ")) ||
		bytes.HasPrefix(line, []byte("RESOURCE ")) && bytes.Contains(line, []byte(" SOFT ")) ||
		bytes.HasPrefix(line, []byte("Max open files ")) || bytes.HasPrefix(line, []byte("NOFILE "))
}

func (*limits) Read(line []byte, into *form.Builder) form.Verdict {
	if limitsBegin(line) && line[0] != 'M' && line[0] != 'N' {
		return form.Skipped
	}
	var name []byte
	switch {
	case bytes.HasPrefix(line, []byte("Max ")) && len(line) > 26:
		name, line = line[:26], line[26:]
	case bytes.HasPrefix(line, []byte("NOFILE ")):
		at := bytes.Index(line, []byte("files"))
		if at < 0 {
			return form.Bad
		}
		name, line = line[:at], line[at+len("files"):]
	default:
		if words := bytes.Fields(line[:min(len(line), 200)]); len(words) > 4 && form.IsStateWord(words[0]) { // another of prlimit's
			return form.Row
		}
		return form.Foreign
	}
	if !bytes.HasPrefix(name, []byte("Max open files")) && !bytes.HasPrefix(name, []byte("NOFILE")) {
		return form.Row
	}
	soft, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	n, ok := form.Decimal(soft)
	if !ok {
		return form.Skipped // unlimited
	}
	command, ok := form.Typed(into.Prose)
	if !ok {
		command = into.LastCommand()
	}
	if pid := pidIn(command); pid > 0 {
		into.Process(pid, "").FDLimit = &n
	} else {
		into.Setting(shellLimit, string(soft))
	}
	return form.Row
}

func (*limits) Close(into *form.Builder) { into.OS("linux") }

// pidIn finds the process that a command is about: "/proc/812/limits",
// "prlimit -p 812", "prlimit --pid=812". 0: none, or the shell itself.
func pidIn(command string) int32 {
	if _, rest, ok := strings.Cut(command, "/proc/"); ok {
		return LeadingPID(rest)
	}
	for _, option := range []string{"--pid", "-p"} {
		if _, rest, ok := strings.Cut(command, option); ok {
			return LeadingPID(strings.TrimLeft(rest, " ="))
		}
	}
	return 0
}

// LeadingPID is the pid that a text begins with, 0 when it begins with none.
func LeadingPID(text string) int32 {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// ulimit reads what "ulimit -a" prints in bash ("open files  (-n) 1024"), zsh
// ("-n: file descriptors  1024") and dash ("nofiles(descriptors) 1024").
type ulimit struct{}

func ulimitBegins(line []byte) bool {
	_, _, ok := ulimitRow(line)
	return ok
}

// ulimitRow cuts a line into the option's letter and its value.
func ulimitRow(line []byte) (option byte, value []byte, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) < 8 || len(line) > 100 {
		return 0, nil, false
	}
	value = line[bytes.LastIndexAny(line, " \t")+1:]
	if _, number := form.Decimal(value); !number && string(value) != "unlimited" && string(value) != "hard" {
		return 0, nil, false
	}
	if line[0] == '-' && line[2] == ':' && line[3] == ' ' {
		return line[1], value, true
	}
	end := bytes.LastIndexByte(line, ')')
	if end < 3 {
		return 0, nil, false
	}
	if line[end-2] == '-' && (line[end-3] == '(' || line[end-3] == ' ') {
		return line[end-1], value, true
	}
	switch open := bytes.IndexByte(line, '('); string(line[:max(open, 0)]) {
	case "nofiles", "nofile", "openfiles":
		return 'n', value, true
	case "time", "file", "data", "stack", "coredump", "memory", "locked memory", "process", "processes", "vmemory", "locks", "rtprio":
		return 't', value, true
	}
	return 0, nil, false
}

func (*ulimit) Read(line []byte, into *form.Builder) form.Verdict {
	option, value, ok := ulimitRow(line)
	if !ok {
		return form.Foreign
	}
	if _, number := form.Decimal(value); option == 'n' && number {
		into.Setting(shellLimit, string(value))
	}
	return form.Row
}

func (*ulimit) Close(*form.Builder) {}
