package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// options are what the command line chooses.
type options struct {
	sockeye                string
	tables, trace, explain bool // the parts
	limit                  time.Duration

	sockets  int
	runs     int
	slowRuns int
	slow     bool
	quiet    bool
	million  string // auto, yes or no
	most     int    // TIME_WAIT of the large case

	pairs int
	turn  time.Duration
	held  int // live sockets of the tracer's memory case, and as many in TIME_WAIT
}

const usage = `bench [tables] [trace] [explain] [flags]

  tables   list, count and doctor beside ss, netstat and lsof
  trace    what the tracer costs and remembers, beside bpftrace
  explain  reading saved tables of a million rows, and a log of a gigabyte
  Without any, all of them.

`

// parse reads the command line: flags and the names of parts in any order.
func parse(args []string, talk io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(talk)
	fs.Usage = func() { fmt.Fprint(talk, usage); fs.PrintDefaults() }
	fs.StringVar(&o.sockeye, "sockeye", "bin/sockeye", "the binary to measure")
	fs.DurationVar(&o.limit, "limit", 45*time.Minute, "give up after this time")
	fs.IntVar(&o.sockets, "sockets", 200_000, "tables: sockets that the processes hold; 0 leaves the case out")
	fs.IntVar(&o.runs, "runs", 7, "tables: runs of each fast command")
	fs.IntVar(&o.slowRuns, "slow-runs", 2, "tables: runs of each command that takes more than 5 s")
	fs.BoolVar(&o.slow, "slow", true, "tables: run the commands that take more than 5 s")
	fs.BoolVar(&o.quiet, "quiet", true, "tables: measure doctor where nothing is going on")
	fs.StringVar(&o.million, "million", "auto", "tables: the TIME_WAIT case: yes, no, or auto (yes with 12 GiB free)")
	fs.IntVar(&o.most, "time-wait", 1_000_000, "tables: size of the TIME_WAIT case; a tenth of it is measured first")
	fs.IntVar(&o.pairs, "pairs", 10, "trace: pairs of turns, with and without each tracer; 0 leaves the case out")
	fs.DurationVar(&o.turn, "turn", 2*time.Second, "trace: length of a turn")
	fs.IntVar(&o.held, "held", 100_000, "trace: live sockets of the memory case, and as many in TIME_WAIT; 0 leaves it out")
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return o, err
		}
		if fs.NArg() == 0 {
			break
		}
		switch fs.Arg(0) {
		case "tables":
			o.tables = true
		case "trace":
			o.trace = true
		case "explain":
			o.explain = true
		default:
			fs.Usage()
			return o, fmt.Errorf("unknown part %q", fs.Arg(0))
		}
		args = fs.Args()[1:]
	}
	if !o.tables && !o.trace && !o.explain {
		o.tables, o.trace, o.explain = true, true, true
	}
	if o.sockets < 0 || o.runs < 1 || o.slowRuns < 1 || o.most < 10 ||
		o.pairs < 0 || o.turn < 100*time.Millisecond || o.turn > time.Minute || o.held < 0 {
		fs.Usage()
		return o, errors.New("bad arguments")
	}
	return o, nil
}
