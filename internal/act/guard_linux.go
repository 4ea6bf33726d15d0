package act

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// NewGuard looks at who started this process. It fails with ErrElsewhere where
// /proc cannot tell.
func NewGuard() (*Guard, error) {
	if err := ownProc(); err != nil {
		return nil, err
	}
	line := ancestors(os.Getppid())
	environments := [][]string{os.Environ()}
	for _, pid := range line {
		environments = append(environments, environ(pid)) // sudo keeps nothing of it in ours
	}
	g := newGuard(int32(os.Getpid()), line, environments)
	for _, uid := range append(usersOf(line), uint32(os.Getuid())) {
		g.users[uid] = true
	}
	parents := map[int32]kin{}
	for _, pid := range line {
		parents[pid] = kinOf(pid)
	}
	var inside bool
	g.viewers, inside = viewers(line, parents, environments, everybody)
	g.inside = g.inside || inside
	return g, nil
}

// everybody is the table of processes, as far as it may be read.
func everybody() map[int32]kin {
	table := map[int32]kin{}
	entries, _ := os.ReadDir("/proc") // as far as it goes
	for _, e := range entries {
		if pid, err := strconv.ParseInt(e.Name(), 10, 32); err == nil {
			table[int32(pid)] = kinOf(int32(pid))
		}
	}
	return table
}

// kinOf is a process's parent and name; zero for one that has ended.
func kinOf(pid int32) kin {
	text, err := readSome("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	stat, err2 := parseStat(text)
	if err != nil || err2 != nil {
		return kin{}
	}
	_, name, _ := bytes.Cut(text[:max(0, bytes.LastIndexByte(text, ')'))], []byte{'('})
	return kin{stat.ppid, string(name)}
}

// ownProc makes sure that the numbers under /proc are those of this process's own
// pid namespace: "unshare --pid" without "--mount-proc" keeps those of the host.
func ownProc() error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	if self != strconv.Itoa(os.Getpid()) {
		return ErrElsewhere
	}
	return nil
}

// ancestors lists a process and who started it, and so on, up to and without
// process 1. A parent that has ended was replaced by one that adopts orphans.
func ancestors(pid int) (line []int32) {
	const most = 1024 // nobody nests deeper, and numbers may be reused meanwhile
	for pid > 1 && len(line) < most {
		line = append(line, int32(pid))
		stat, err := statOf(int32(pid))
		if err != nil {
			break
		}
		pid = int(stat.ppid)
	}
	return line
}

func statOf(pid int32) (statLine, error) {
	text, err := readSome("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return statLine{}, err
	}
	return parseStat(text)
}

var errMalformed = errors.New("malformed /proc/PID/stat")

// parseStat: the name stands in parentheses and may hold anything; after the last
// ')' come numbers only (proc_pid_stat, fs/proc/array.c, v6.18).
func parseStat(text []byte) (s statLine, err error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the first is field 3
	if len(fields) < 20 {
		return s, errMalformed
	}
	ppid, err1 := strconv.ParseInt(fields[4-3], 10, 32)
	flags, err2 := strconv.ParseUint(fields[9-3], 10, 64)
	start, err3 := strconv.ParseUint(fields[22-3], 10, 64)
	threads, err4 := strconv.ParseUint(fields[20-3], 10, 64)
	return statLine{fields[0][0], int32(ppid), flags, threads, start}, errors.Join(err1, err2, err3, err4)
}

// kernelThread: PF_KTHREAD of include/linux/sched.h, v6.18.
func kernelThread(pid int32) bool {
	const pfKthread = 0x00200000
	s, err := statOf(pid)
	return err == nil && s.flags&pfKthread != 0
}

// environ reads what a process was started with; nil when that may not be seen.
func environ(pid int32) []string {
	text, _ := readSome("/proc/" + strconv.Itoa(int(pid)) + "/environ") // as far as it goes
	return strings.Split(string(text), "\x00")
}

// readSome reads a file of /proc, of a long one the begin.
func readSome(name string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// usersOf are the users of these processes: a tmux that sudo runs in belongs to
// another one than sudo. Of one that keeps its memory to itself it is root.
func usersOf(pids []int32) (users []uint32) {
	for _, pid := range pids {
		if info, err := os.Stat("/proc/" + strconv.Itoa(int(pid))); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				users = append(users, st.Uid)
			}
		}
	}
	return users
}
