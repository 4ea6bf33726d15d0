package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The namespaces belong to this thread, and so does the signal with which the
// children die: it must be the first thread, the one that /proc/self shows, and
// last as long as the process. Only init is sure to run on it.
func init() { runtime.LockOSThread() }

func main() {
	if code, ok := child(os.Args); ok {
		os.Exit(code)
	}
	if err := run(); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// child is main of the processes that this program starts as copies of itself;
// ok is false when it is not one of them.
func child(args []string) (code int, ok bool) {
	if len(args) < 2 {
		return 0, false
	}
	switch args[1] {
	case holderArg:
		return hold(args[2:]), true
	case churnClientArg:
		return churnClient(args[2:]), true
	case churnServerArg:
		return churnServer(args[2:]), true
	}
	return 0, false
}

func run() error {
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces, and reads who owns what")
	}
	if o.sockeye, err = filepath.Abs(o.sockeye); err != nil {
		return err
	}
	if _, err := os.Stat(o.sockeye); err != nil {
		return fmt.Errorf("%w (build it first: make build)", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.limit)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()

	out := bufio.NewWriter(os.Stdout)
	defer func() { _ = out.Flush() }()
	var goals []goal
	head(out, o)
	for _, part := range []struct {
		wanted bool
		run    func(context.Context, *bufio.Writer, options) ([]goal, error)
	}{{o.tables, tables}, {o.trace, tracing}, {o.explain, explaining}} {
		if !part.wanted {
			continue
		}
		g, err := part.run(ctx, out, o)
		if err != nil {
			return err
		}
		goals = append(goals, g...)
	}
	printGoals(out, goals)
	return out.Flush()
}

// tables is the part that looks: at sockets held, at nothing, at TIME_WAIT.
func tables(ctx context.Context, out *bufio.Writer, o options) (goals []goal, err error) {
	for _, c := range []struct {
		name   string
		wanted bool
		run    func(context.Context, io.Writer, options) ([]goal, error)
	}{{"held sockets", o.sockets > 0, heldCase}, {"quiet machine", o.quiet, quietCase}} {
		if !c.wanted {
			continue
		}
		g, err := c.run(ctx, out, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		goals = append(goals, g...)
		_ = out.Flush() // it keeps its error for the last
	}
	if wanted, why := o.wantsMillion(); wanted {
		g, err := timeWaitCase(ctx, out, o)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("TIME_WAIT: %w", err)
		}
		if err != nil { // what was measured before is worth printing
			fmt.Fprintf(out, "\n%s in TIME_WAIT: not measured: %v\n", thousands(o.most), err)
			g = []goal{{thousands(o.most) + " in TIME_WAIT: works", "not measured", false}}
		}
		goals = append(goals, g...)
	} else {
		fmt.Fprintf(out, "\n%s in TIME_WAIT: left out (%s)\n", thousands(o.most), why)
	}
	return goals, nil
}

// millionMemory is what the large case needs: two sockets with their files for
// each of a million connections, about 4 KiB each, and the processes.
const millionMemory = 12 << 30

// wantsMillion decides the large case, and says why when it is left out.
func (o *options) wantsMillion() (bool, string) {
	switch o.million {
	case "yes", "true":
		return true, ""
	case "auto":
		free := memAvailable()
		return free >= millionMemory, fmt.Sprintf("%.1f GiB free, %d needed", float64(free)/(1<<30), millionMemory>>30)
	}
	return false, "-million=" + o.million
}

func memAvailable() uint64 {
	kb, _ := procNumber("/proc/meminfo", "MemAvailable:")
	return kb << 10
}

// dieWithUs are the attributes of every child: it ends when this process does,
// however that ends.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
