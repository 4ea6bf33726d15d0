package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
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
	Close() error
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
connection that its program aborted with SO_LINGER 0. TIME_WAIT is shown when it begins;
how it ends happens to no socket any more. Ctrl-C ends the trace.

While it runs it remembers who opened and closed each connection: 'sockeye list',
'count' and 'doctor' then tell that of TIME_WAIT and of other sockets without an owner.

--lives prints one line for each connection when it ends. --failures prints only calls
that failed, and connections that failed or ended with an error. --top prints a table
each second: who opens how many connections to where, how many of them fail, which side
closes them, and the line of code that most of the sampled stacks lead to. CONN50 and
CONN99 say what half, and 99 of 100, of the connects took at most, LIFE50 how long half
of the connections lived at most; all three are exact to a factor of two.

On a terminal lines are aligned, and narrow terminals get fewer columns; into a pipe go
tab-separated lines with every column. An unknown value is "-", and null in ndjson.

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
  sudo sockeye trace --lives process java --wide     one line per connection of a program
  sudo sockeye trace state syn-sent and age '>' 1s   slow and failing connects
  sudo sockeye trace --top                           who opens most, live
  sudo sockeye trace --duration 10s --format ndjson | jq -r 'select(.closer == "peer") | .raddr'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runTrace(cmd, app, attach, o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.lives, "lives", false, "one line per finished connection: opener, bytes, duration, who closed")
	f.BoolVar(&o.failures, "failures", false, "only what failed")
	f.BoolVar(&o.top, "top", false, "a table of processes and destinations each second, busiest first")
	f.DurationVar(&o.duration, "duration", 0, "end after this time; 0 goes on until Ctrl-C")
	f.IntVar(&o.count, "count", 0, "end after N lines (--top: tables); 0 goes on until Ctrl-C")
	f.StringVar(&o.format, "format", "text", "text or ndjson")
	f.StringVar(&o.netns, "netns", "all", "network namespaces: all, self, a NAME under /run/netns, or a PID")
	f.BoolVar(&o.wide, "wide", false, "more: namespace, cookie, thread, container, line of code; in ndjson whole stacks")
	f.BoolVar(&o.noStacks, "no-stacks", false, "do not find out the line of code: the cheapest way to trace")
	f.BoolVar(&o.noHeader, "no-header", false, "leave out the header")
	cmd.MarkFlagsMutuallyExclusive("lives", "failures", "top")
	return cmd
}

func (o *traceOptions) check() error {
	switch {
	case o.duration < 0:
		return usage(fmt.Errorf("--duration %v is out of range", o.duration), "take 0 (until Ctrl-C) or more, such as 10s")
	case o.count < 0:
		return usage(fmt.Errorf("--count %d is out of range", o.count), "take 0 (until Ctrl-C) or more")
	case o.format != "text" && o.format != "ndjson":
		return usage(fmt.Errorf("unknown format %q", o.format), "--format takes text or ndjson: a stream has no end that a json document could close")
	}
	return checkNetNS(o.netns)
}

// prepare reads what was asked for, before anything is attached.
func (o *traceOptions) prepare(cmd *cobra.Command, app App, args []string) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if o.lang, err = language(cmd, app); err != nil {
		return err
	}
	if o.expr, err = parseFilter(args, o.lang); err != nil {
		return err
	}
	words := []string{"recvq", "sendq", "user", "uid", "inode", "dev", "fwmark", "autobound"}
	of := "events"
	if o.top {
		words, of = append(words, "state", "age", "closer", "cookie"), "flows"
	}
	for _, w := range words {
		if filter.Uses(o.expr, w) {
			return usage(fmt.Errorf("%s is not known of %s, so that no filter can ask for it", w, of), "see 'sockeye trace --help'")
		}
	}
	return nil
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

func runTrace(cmd *cobra.Command, app App, attach newTracerFunc, o traceOptions, args []string) (err error) {
	if err := o.prepare(cmd, app, args); err != nil {
		return err
	}
	defer keepFromPipeDeath()()
	t, err := attach(cmd.Context(), tracerOptions{Events: o.events(), StacksOff: o.noStacks, NetNS: o.netns})
	if err != nil {
		return traceError(err)
	}
	defer func() {
		if closeErr := t.Close(); err == nil && closeErr != nil {
			err = failed(fmt.Errorf("ending the trace: %w", closeErr), "")
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
		return s.printed, failed(fmt.Errorf("reading events: %w", err), "")
	}
	return s.printed, nil
}

func (o *traceOptions) greet(app App, t tracer) {
	label := "note: "
	if o.lang == "zh" {
		label = "注意："
	}
	for _, n := range t.Notes() {
		fmt.Fprintln(app.Stderr, label+host.Printable(oneLine(n)))
	}
	switch {
	case !app.StderrTTY:
	case o.lang == "zh":
		fmt.Fprintln(app.Stderr, "正在跟踪 TCP；按 Ctrl-C 结束")
	default:
		fmt.Fprintln(app.Stderr, "tracing TCP; Ctrl-C ends it")
	}
}

// tellLosses says how much of what happened is missing in what was printed.
func (o *traceOptions) tellLosses(app App, lost uint64) {
	n := knowledge.Number(lost)
	switch {
	case lost == 0:
	case o.top && o.lang == "zh":
		fmt.Fprintf(app.Stderr, "有 %s 个事件没有计数的空间：以上数字只是下限\n", n)
	case o.top:
		fmt.Fprintf(app.Stderr, "the counts had no room for %s events: what is shown above is at least so\n", n)
	case o.lang == "zh":
		fmt.Fprintf(app.Stderr, "丢失了 %s 个事件：产生得比读取得快，以上输出不完整\n", n)
	case lost == 1:
		fmt.Fprintln(app.Stderr, "1 event was lost: more came than could be read, so the lines above are not all")
	default:
		fmt.Fprintf(app.Stderr, "%s events were lost: more came than could be read, so the lines above are not all\n", n)
	}
}

// nothing is the end of a trace that printed no line.
func (o *traceOptions) nothing() error {
	what, zh := "no event was seen", "没有看到任何事件"
	switch {
	case o.lives:
		what, zh = "no connection ended", "没有连接结束"
	case o.failures:
		what, zh = "nothing failed", "没有任何失败"
	case o.top:
		what, zh = "no connection was opened, and none ended", "没有连接打开，也没有连接结束"
	}
	if text := o.expr.String(); text != "" {
		what += " that matches: " + text
		if o.lives || o.failures {
			what = map[bool]string{true: "no connection ended that matches: ", false: "nothing failed that matches: "}[o.lives] + text
		}
		zh += "（筛选条件：" + text + "）"
	}
	if o.lang == "zh" {
		what = zh
	}
	return &exit{code: exitNothing, err: errors.New(what)}
}

// traceError explains why nothing can be traced.
func traceError(err error) error {
	switch {
	case errors.Is(err, trace.ErrNoPrivilege):
		return failed(err, "run it as root: sudo sockeye trace")
	case errors.Is(err, trace.ErrNotSupported):
		return failed(err, "list, count and doctor work without it; only who opened, and what failed, stays unknown")
	case errors.Is(err, collect.ErrUnknownNetNS), errors.Is(err, collect.ErrNotPermitted), errors.Is(err, context.Canceled):
		return examineError(err)
	}
	return failed(fmt.Errorf("attaching the tracer: %w", err), "")
}
