package collect

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"sockeye/internal/host"
)

// parseCounters reads /proc/net/netstat and /proc/net/snmp: pairs of lines, the
// names of the columns and their values, both led by "TcpExt:". Names are
// nstat's, prefix and column joined. procfs knows these files too, but only
// columns that it has a field for; kernels add some every year, and a counter
// that is missing cannot be told from one that never moved. Values that are no
// unsigned number (Tcp MaxConn is -1) are left out.
func parseCounters(data []byte, into host.Counters) {
	var names []byte
	for line := range bytes.Lines(data) {
		if names == nil {
			names = line
			continue
		}
		prefix, columns, ok1 := bytes.Cut(names, []byte(":"))
		again, values, ok2 := bytes.Cut(line, []byte(":"))
		if !ok1 || !ok2 || !bytes.Equal(prefix, again) {
			names = line // out of step: this one may be the names
			continue
		}
		names = nil
		value := strings.Fields(string(values))
		for i, column := range strings.Fields(string(columns)) {
			if i == len(value) {
				break
			}
			if n, err := strconv.ParseUint(value[i], 10, 64); err == nil {
				into[string(prefix)+column] = n
			}
		}
	}
}

// columns reads a file of /proc/net/stat: a line of names, then one line of
// hexadecimal numbers for every CPU. It returns the lines' values under a name,
// nil when the kernel has no such column. procfs reads nf_conntrack alone of
// these files, and by position.
func columns(data []byte, name string) []uint64 {
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	at := -1
	for i, column := range strings.Fields(string(head)) {
		if column == name {
			at = i
			break
		}
	}
	if at < 0 {
		return nil
	}
	var out []uint64
	for line := range bytes.Lines(rest) {
		if fields := strings.Fields(string(line)); at < len(fields) {
			if n, err := strconv.ParseUint(fields[at], 16, 64); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// total adds up a counter that is kept for each CPU.
func total(perCPU []uint64) host.Opt {
	if len(perCPU) == 0 {
		return host.Opt{}
	}
	var n uint64
	for _, v := range perCPU {
		n += v
	}
	return host.Some(n)
}

// procStat is what is used of /proc/PID/stat.
type procStat struct {
	name  string // comm, as it is
	ppid  int32
	start uint64 // field 22: clock ticks after boot
}

var errMalformed = errors.New("malformed")

// parseStat reads /proc/PID/stat. The name stands in parentheses, is not escaped
// and may hold parentheses, blanks and newlines; after it come numbers only, so
// the last ')' ends it (proc_pid_stat, fs/proc/array.c, v6.18).
func parseStat(data []byte) (procStat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return procStat{}, errMalformed
	}
	fields := strings.Fields(string(data[end+1:])) // the first is field 3
	if len(fields) < 20 {
		return procStat{}, errMalformed
	}
	ppid, err1 := strconv.ParseInt(fields[4-3], 10, 32)
	start, err2 := strconv.ParseUint(fields[22-3], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return procStat{}, err
	}
	return procStat{name: string(data[open+1 : end]), ppid: int32(ppid), start: start}, nil
}

// statusLine returns what follows "key:" in /proc/PID/status, where the name of
// the process is escaped and every line is one field.
func statusLine(data []byte, key string) []string {
	for line := range bytes.Lines(data) {
		if name, rest, ok := bytes.Cut(line, []byte(":")); ok && string(name) == key {
			return strings.Fields(string(rest))
		}
	}
	return nil
}

// parseUsers reads /etc/passwd: the first name of each uid.
func parseUsers(data []byte) map[uint32]string {
	users := map[uint32]string{}
	for line := range bytes.Lines(data) {
		f := bytes.SplitN(line, []byte(":"), 4)
		if len(f) < 4 || len(f[0]) == 0 || f[0][0] == '#' || f[0][0] == '+' || f[0][0] == '-' {
			continue
		}
		uid, err := strconv.ParseUint(string(f[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, known := users[uint32(uid)]; !known {
			users[uint32(uid)] = string(f[0])
		}
	}
	return users
}

// fileLimits finds the soft and the hard limit of "Max open files" in
// /proc/PID/limits; ok is false when the soft one is absent or unlimited, hard is 0
// when it is. procfs puts all sixteen lines through a regular expression, which
// takes three times as long, and fdPressure asks for every process.
func fileLimits(data []byte) (soft, hard uint64, ok bool) {
	_, rest, found := bytes.Cut(data, []byte("\nMax open files"))
	if !found {
		return 0, 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return 0, 0, false
	}
	soft, err := strconv.ParseUint(string(fields[0]), 10, 64)
	if len(fields) > 1 {
		if n, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
			hard = n
		}
	}
	return soft, hard, err == nil
}

// mappedLibraries lists the files that /proc/PID/maps names and whose base name
// has ".so" in it, each once, in order. A last line without its newline may be
// cut off and is left out.
func mappedLibraries(data []byte) []string {
	var out []string
	last := ""
	seen := map[string]bool{}
	for line := range bytes.Lines(data) {
		if line[len(line)-1] != '\n' {
			break
		}
		slash := bytes.IndexByte(line, '/')
		if slash < 0 {
			continue
		}
		path := line[slash : len(line)-1]
		if string(path) == last || !bytes.Contains(path[bytes.LastIndexByte(path, '/'):], []byte(".so")) {
			continue
		}
		last = string(path)
		if !seen[last] {
			seen[last] = true
			out = append(out, last)
		}
	}
	return out
}

// splitCmdline takes the NUL-separated arguments apart. Programs that rewrite
// their title leave NULs behind it, which are no arguments.
func splitCmdline(data []byte) []string {
	data = bytes.TrimRight(data, "\x00")
	if len(data) == 0 {
		return nil
	}
	return strings.SplitN(string(data), "\x00", maxArgs+1)[:min(maxArgs, bytes.Count(data, []byte{0})+1)]
}

const (
	maxArgs    = 64
	maxCmdline = 4 << 10 // bytes
)

// unescapeMount undoes the octal escapes of blanks, tabs, newlines and
// backslashes in mountinfo (mangle_path, fs/seq_file.c, v6.18).
func unescapeMount(path string) string {
	if !strings.Contains(path, `\`) {
		return path
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+3 < len(path) {
			if n, err := strconv.ParseUint(path[i+1:i+4], 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, path[i])
	}
	return string(out)
}
