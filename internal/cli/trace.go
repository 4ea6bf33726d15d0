package cli

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/host"
	"sockeye/internal/tcp/filter"
	"sockeye/internal/trace"
)

// tracer is the part of the kernel's tracer that the command needs.
type tracer interface {
	// Events calls f for everything that happens, in order, from one goroutine,
	// until ctx ends. f's Event is its own to keep. flush is called when everything
	// that was ready has been given (about 20 times a second): the moment to write
	// out buffered lines.
	Events(ctx context.Context, f func(*host.Event), flush func()) error
	// Activity is what was counted since the tracer was attached.
	Activity() (*host.Activity, error)
	Lost() uint64    // events that found no room in the stream so far
	Notes() []string // sentences on what is lacking
	// Shortages are what found no room so far, besides events and counts.
	Shortages() []shortage
	Close() error
}

// shortage is something that was lost for want of room, how often, in words.
type shortage struct {
	count  uint64
	en, zh string // with a %s for the number
}

// tracerOptions say what a tracer is for.
type tracerOptions struct {
	Events    trace.Events // which Events will give
	StacksOff bool
	NetNS     string // as collect.Options has it
}

// newTracerFunc attaches a tracer. Its error is one of trace.ErrNotSupported's
// kind, one of collect's about the namespace, or what went wrong.
type newTracerFunc func(context.Context, tracerOptions) (tracer, error)

type traceOptions struct {
	lives, failures, top     bool
	duration                 time.Duration
	count                    int
	format, netns            string
	wide, noStacks, noHeader bool
	lang                     string
	place                    placeFunc
	expr                     filter.Expr
}

func newTraceCmd(app App, attach newTracerFunc, place placeFunc) *cobra.Command {
	o := traceOptions{place: place}
	cmd := &cobra.Command{
		Use:   "trace [FILTER]",
		Short: "Show every open, close and failure of TCP connections as it happens",
		Long: `Trace watches TCP in the kernel and prints a line for every change of state and for
every socket call that fails, with the process that opened the connection, how long the
old state lasted (MS, milliseconds), who closed first, and the error. "linger RST" is a
connection that its program aborted with SO_LINGER 0. A state with a star (TIME_WAIT*,
FIN_WAIT_2*) is the last that is shown of a connection: its socket is gone, the kernel
keeps only a stub, and the end of a stub cannot be seen. Ctrl-C ends the trace.

While it runs it remembers who opened and closed each connection: 'sockeye list',
'count' and 'doctor' then tell that of TIME_WAIT and of other sockets without an owner.

--lives prints one line for each connection when its socket is gone; TIME_WAIT, and
FIN_WAIT_2 that nobody holds, go on without one. --failures prints only calls that
failed, and connections that failed or ended with an error.

--top prints a table each second, of what happened in that second: who opens how many
connections to where, how many of them fail, how they end, and the line of code that
most of the sampled stacks lead to. TRY/S are attempts: of outgoing connections (→) the
SYNs sent and the connects that failed before one; of incoming ones (←) those accepted,
and those that ended without that. FAIL/S are the attempts, and other calls, that failed.
ENDED says how most connections ended: local or peer (who sent the first FIN), local RST,
peer RST (who sent the RST), linger (local RST as SO_LINGER 0 asks), timeout. CONN50 and
CONN99 say what half, and 99 of 100, of the connects took at most, LIFE50 how long half
of the connections lived at most; all three are exact to a factor of two.

On a terminal lines are aligned: narrow ones get fewer columns, and --wide takes a second
line where one is too short. Into a pipe go tab-separated lines, always with the same
columns; --wide adds NETNS, COOKIE, TID and CONTAINER. An unknown value is "-", and null
in ndjson.

FILTER is that of 'sockeye list' with these differences:

  process, pid, unit, container, cgroup   of the opener (of a failed call: its caller)
  state X                                 what enters or leaves X; exclude X: all the others
  age OP DURATION                         how long the state that is left has lasted
  opener, closer, code                    as in list, and known for all that began since the start
  netns N                                 by number; to trace one namespace by name: --netns NAME

recvq, sendq, user, uid, inode, dev, fwmark and autobound are of sockets at rest; of
flows (--top) state, age, closer and cookie are not known either.`,
		Example: `  sudo sockeye trace                                 everything
  sudo sockeye trace dst 10.0.0.2:3306               what happens towards a database
  sudo sockeye trace --failures                      which connect() fails, with what, where in the code
  sudo sockeye trace --lives process java            one line per connection of a program
  sudo sockeye trace state syn-sent and age '>' 1s   slow and failing connects
  sudo sockeye trace --top                           who opens most, live
  sudo sockeye trace --duration 10s --format ndjson | jq -r 'select(.closer == "peer") | .raddr'`,
		Args: cobra.ArbitraryArgs,
		// In PreRunE, which comes before cobra's own check of --lives, --failures and --top.
		PreRunE: func(cmd *cobra.Command, args []string) error { return o.prepare(cmd, app, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTrace(cmd, app, attach, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.lives, "lives", false, "one line per finished connection: opener, bytes, duration, who closed")
	f.BoolVar(&o.failures, "failures", false, "only what failed")
	f.BoolVar(&o.top, "top", false, "a table of processes and destinations each second, busiest first")
	f.DurationVar(&o.duration, "duration", 0, "end after this time; 0 goes on until Ctrl-C")
	f.IntVar(&o.count, "count", 0, "end after N events (--top: tables); 0 goes on until Ctrl-C")
	f.StringVar(&o.format, "format", "text", "text or ndjson")
	f.StringVar(&o.netns, "netns", "all", "network namespaces: all, self, a NAME under /run/netns, or a PID")
	f.BoolVar(&o.wide, "wide", false, "more: namespace, cookie, thread, container, whole line of code; in ndjson whole stacks")
	f.BoolVar(&o.noStacks, "no-stacks", false, "do not find out the line of code: the cheapest way to trace")
	f.BoolVar(&o.noHeader, "no-header", false, "leave out the header")
	cmd.MarkFlagsMutuallyExclusive("lives", "failures", "top") // for the shell's completion
	return cmd
}

// events are the kinds that the kernel has to tell of.
func (o *traceOptions) events() trace.Events {
	switch {
	case o.top:
		return 0
	case o.lives:
		return trace.Ends
	case o.failures:
		return trace.Failures
	}
	return trace.Changes | trace.Failures
}

func runTrace(cmd *cobra.Command, app App, attach newTracerFunc, o traceOptions) (err error) {
	defer keepFromPipeDeath()()
	t, err := attach(cmd.Context(), tracerOptions{Events: o.events(), StacksOff: o.noStacks, NetNS: o.netns})
	if err != nil {
		return o.attachError(err)
	}
	defer func() {
		if closeErr := t.Close(); err == nil && closeErr != nil {
			err = failed(fmt.Errorf(o.say("ending the trace: %w", "结束跟踪时出错：%w"), closeErr), "")
		}
	}()
	o.greet(app, t)
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	if o.duration > 0 {
		ctx, stop = context.WithTimeout(ctx, o.duration)
		defer stop()
	}
	var printed int
	if o.top {
		printed, err = o.watch(ctx, app, t)
	} else {
		printed, err = o.follow(ctx, stop, app, t)
		o.tellLosses(app, t.Lost())
		o.tellShortages(app, t.Shortages())
	}
	if err == nil && printed == 0 && cmd.Context().Err() == nil {
		return o.nothing()
	}
	return err
}

// follow prints events until ctx ends, and stops it when enough were printed.
func (o *traceOptions) follow(ctx context.Context, stop context.CancelFunc, app App, t tracer) (printed int, err error) {
	s := &stream{traceOptions: o, stop: stop, out: bufio.NewWriterSize(app.Stdout, 1<<16)}
	s.matcher.Names, s.matcher.Socket = &s.names, &s.socket
	s.names.place = o.place
	s.render = o.renderer(app, s)
	err = t.Events(ctx, s.take, s.flush)
	s.flush()
	switch {
	case s.err != nil:
		return s.printed, written(s.err)
	case err != nil && ctx.Err() == nil:
		return s.printed, failed(fmt.Errorf(o.say("reading events: %w", "读取事件时出错：%w"), err), "")
	}
	return s.printed, nil
}
