package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slowest is where a command counts as slow and is run less often.
const slowest = 5 * time.Second

// command is one line of the comparison.
type command struct {
	name    string
	args    []string
	heavy   bool                              // looks at every descriptor of every process
	nothing bool                              // finds nothing, and says so by exit code 3
	check   func(out io.Reader) (seen, error) // nil: its output is not looked into
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
func execute(ctx context.Context, c command, out *os.File) (sample, error) {
	args := c.args
	var s sample
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = dieWithUs()
	cmd.Stdout = out
	complaints, err := memoryFile("stderr")
	if err != nil {
		return s, err
	}
	defer func() { _ = complaints.Close() }()
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
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = usage.Maxrss << 10 // kilobytes, getrusage(2)
	}
	// doctor's verdict is 0 to 2; the others have nothing to say but 0 and 1.
	if s.code < 0 || s.code > 2 && (!c.nothing || s.code != 3) {
		line, _ := bufio.NewReader(rewound(complaints)).ReadString('\n')
		return s, fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), s.code, strings.TrimSpace(line))
	}
	return s, nil
}

// looked runs the command once and has its output checked.
func looked(ctx context.Context, c command) (sample, seen, error) {
	saw := seen{-1, -1}
	out, err := memoryFile("stdout")
	if err != nil {
		return sample{}, saw, err
	}
	defer func() { _ = out.Close() }()
	s, err := execute(ctx, c, out)
	if err == nil && c.check != nil {
		saw, err = c.check(rewound(out))
	}
	return s, saw, err
}

// compare measures the commands in turns (A B C A B C …), so that a noisy moment
// hits all of them. A first run of each fills the caches and is looked into; of
// a slow command that run counts.
func compare(ctx context.Context, commands []command, o options) ([]*measured, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
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
		if c.heavy && !o.slow {
			m.left = "left out (-slow=false)"
			continue
		}
		progress("first look: %s", c.name)
		var first sample
		if first, m.seen, err = looked(ctx, m.command); err != nil {
			return nil, err
		}
		if m.slow = first.wall > slowest; m.slow {
			m.runs = append(m.runs, first)
		}
	}
	rounds := max(o.runs, o.slowRuns)
	for round := range rounds {
		progress("round %d of %d", round+1, rounds)
		for _, m := range all {
			if m.left != "" || m.slow && round+1 >= o.slowRuns || !m.slow && round >= o.runs {
				continue
			}
			s, err := execute(ctx, m.command, null)
			if err != nil {
				return nil, err
			}
			m.runs = append(m.runs, s)
		}
	}
	return all, nil
}

// memoryFile is a file without a disk.
func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// rewound reads a file from its beginning, piece by piece: memory that this
// process takes would count as that of the commands, whose peak begins with the
// image they were started from.
func rewound(f *os.File) io.Reader { return io.NewSectionReader(f, 0, 1<<40) }

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
