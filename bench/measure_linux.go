package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// slowest is where a command counts as slow and is run less often.
const slowest = 5 * time.Second

// command is one line of the comparison.
type command struct {
	name  string
	args  []string
	check func(out []byte) seen // nil: its output is not looked into
}

// seen is what a command's output told.
type seen struct {
	sockets int // of those that are being measured; -1: it does not tell
	owned   int // of those, with their process; -1: it does not tell
}

// measured is a command with its runs.
type measured struct {
	command
	runs []sample
	seen seen
	slow bool
	left string // why it was not measured
}

// execute runs the command once. Its output goes to the file: a pipe would need
// a reader, and that would compete for the processors.
func execute(ctx context.Context, args []string, out *os.File) (sample, error) {
	var s sample
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = dieWithUs()
	cmd.Stdout = out
	complaints, err := memoryFile("stderr")
	if err != nil {
		return s, err
	}
	defer complaints.Close()
	cmd.Stderr = complaints
	begin := time.Now()
	err = cmd.Run()
	s.wall = time.Since(begin)
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return s, err
	}
	s.code = cmd.ProcessState.ExitCode()
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*unixRusage); ok {
		s.peak = usage.Maxrss << 10 // kilobytes, getrusage(2)
	}
	// doctor's verdict is 0 to 2; the others have nothing to say but 0 and 1.
	if s.code < 0 || s.code > 2 {
		text, _ := contents(complaints)
		return s, fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), s.code, firstLine(text))
	}
	return s, nil
}

// looked runs the command once and keeps what it printed.
func looked(ctx context.Context, args []string) (sample, []byte, error) {
	out, err := memoryFile("stdout")
	if err != nil {
		return sample{}, nil, err
	}
	defer out.Close()
	s, err := execute(ctx, args, out)
	if err != nil {
		return s, nil, err
	}
	text, err := contents(out)
	return s, text, err
}

// compare measures the commands in turns (A B C A B C …), so that a noisy moment
// hits all of them. A first run of each fills the caches and is looked into; of
// a slow command that run counts.
func compare(ctx context.Context, commands []command, o options) ([]*measured, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	all := make([]*measured, 0, len(commands))
	for _, c := range commands {
		m := &measured{command: c, seen: seen{-1, -1}}
		all = append(all, m)
		path, err := exec.LookPath(c.args[0])
		if err != nil {
			m.left = "not installed"
			continue
		}
		m.args = append([]string{path}, c.args[1:]...)
		if !o.slow && known[c.args[0]+" "+c.args[len(c.args)-1]] {
			m.left = "slow, left out"
			continue
		}
		progress("first look: %s", c.name)
		first, text, err := looked(ctx, m.args)
		if err != nil {
			return nil, err
		}
		if c.check != nil {
			m.seen = c.check(text)
		}
		if m.slow = first.wall > slowest; m.slow {
			m.runs = append(m.runs, first)
		}
	}
	for round := range max(o.runs, o.slowRuns) {
		for _, m := range all {
			if m.left != "" || m.slow && round+1 >= o.slowRuns || !m.slow && round >= o.runs {
				continue
			}
			progress("run %d: %s", round+1, m.name)
			s, err := execute(ctx, m.args, null)
			if err != nil {
				return nil, err
			}
			m.runs = append(m.runs, s)
		}
	}
	return all, nil
}

// known are the commands that read every descriptor of every process, or worse:
// slow wherever there are many.
var known = map[string]bool{"ss -tanp": true, "netstat -tanp": true, "lsof -iTCP": true}

// memoryFile is a file without a disk.
func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// contents maps nothing and keeps nothing: what a large output takes here would
// be counted as the memory of the next command, which starts as our image.
func contents(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	return b[:n], err
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}

// procNumber returns the number that follows word in a file under /proc.
func procNumber(path string, words ...string) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	for _, w := range words {
		i := 0
		for i < len(fields) && fields[i] != w {
			i++
		}
		if fields = fields[min(i+1, len(fields)):]; len(fields) == 0 {
			return 0, fmt.Errorf("%s: no %q", path, w)
		}
	}
	return strconv.ParseUint(fields[0], 10, 64)
}

// progress tells a person who waits what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
