package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// holderArg is the first argument of a process that holds sockets.
const holderArg = "hold"

// options are what the flags choose.
type options struct {
	sockeye  string
	sockets  int
	runs     int
	slowRuns int
	slow     bool
	quiet    bool
	million  string // auto, yes or no
	most     int    // TIME_WAIT of the large case
	limit    time.Duration
}

// millionMemory is what the large case needs: two sockets with their files for
// each of a million connections, about 4 KiB each, and the processes.
const millionMemory = 12 << 30

// The namespaces belong to this thread, and so does the signal with which the
// children die: it must be the first thread, the one that /proc/self shows, and
// last as long as the process. Only init is sure to run on it.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 && os.Args[1] == holderArg {
		os.Exit(hold(os.Args[2:]))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.StringVar(&o.sockeye, "sockeye", "bin/sockeye", "the binary to measure")
	flag.IntVar(&o.sockets, "sockets", 200_000, "sockets that the processes hold; 0 leaves the case out")
	flag.IntVar(&o.runs, "runs", 7, "runs of each fast command")
	flag.IntVar(&o.slowRuns, "slow-runs", 2, "runs of each command that takes more than 5 s")
	flag.BoolVar(&o.slow, "slow", true, "run the commands that take more than 5 s")
	flag.BoolVar(&o.quiet, "quiet", true, "measure doctor where nothing is going on")
	flag.StringVar(&o.million, "million", "auto", "the TIME_WAIT case: yes, no, or auto (yes with 12 GiB free)")
	flag.IntVar(&o.most, "time-wait", 1_000_000, "size of the TIME_WAIT case; a tenth of it is measured first")
	flag.DurationVar(&o.limit, "limit", 30*time.Minute, "give up after this time")
	flag.Parse()
	if flag.NArg() > 0 || o.sockets < 0 || o.runs < 1 || o.slowRuns < 1 || o.most < 10 {
		flag.Usage()
		return errors.New("bad arguments")
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces, and reads who owns what")
	}
	var err error
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
	if o.sockets > 0 {
		g, err := heldCase(ctx, out, o)
		if err != nil {
			return fmt.Errorf("held sockets: %w", err)
		}
		goals = append(goals, g...)
		_ = out.Flush() // it keeps its error for the last
	}
	if o.quiet {
		g, err := quietCase(ctx, out, o)
		if err != nil {
			return fmt.Errorf("quiet machine: %w", err)
		}
		goals = append(goals, g...)
		_ = out.Flush() // it keeps its error for the last
	}
	if wanted, why := o.wantsMillion(); wanted {
		g, err := timeWaitCase(ctx, out, o)
		if ctx.Err() != nil {
			return fmt.Errorf("TIME_WAIT: %w", err)
		}
		if err != nil { // what was measured before is worth printing
			fmt.Fprintf(out, "\n%s in TIME_WAIT: not measured: %v\n", thousands(o.most), err)
			g = []goal{{thousands(o.most) + " in TIME_WAIT: works", "not measured", false}}
		}
		goals = append(goals, g...)
	} else {
		fmt.Fprintf(out, "\n%s in TIME_WAIT: left out (%s)\n", thousands(o.most), why)
	}
	printGoals(out, goals)
	return out.Flush()
}

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

// privateNamespace puts this thread, and with it every child it starts, into a
// network namespace of its own with nothing but loopback.
func privateNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("new network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// dieWithUs are the attributes of every child: it ends when this process does,
// however that ends.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
