package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"sockeye/internal/collect"
	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/symbol"
	"sockeye/internal/trace"
)

// observe looks at the machine once, or twice with TCP watched in between: the
// watch begins before the first look and ends after the second, so that nothing
// falls between them. A single glance uses what a running tracer remembers. A
// long window is told on progress, unless that is nil.
func observe(ctx context.Context, o doctorOptions, progress io.Writer) (*diagnose.Input, error) {
	opt := collect.Options{NetNS: o.netns, SocketsBy: o.socketsBy}
	if o.sample == 0 {
		now, err := collect.Take(ctx, opt)
		if err == nil && !o.noTrace {
			recall(now)
		}
		if err == nil {
			asAsked(now, o.netns, collect.Inspect)
		}
		return &diagnose.Input{Now: now, Named: o.named()}, err
	}
	w := watching(ctx, o.noTrace)
	defer w.stop()
	before, err := collect.Take(ctx, opt)
	if err != nil {
		return nil, err
	}
	w.remind(before)
	if progress != nil {
		fmt.Fprintf(progress, "watching for %v (Ctrl-C ends it early)…", o.sample)
	}
	select {
	case <-time.After(o.sample):
	case <-ctx.Done(): // Ctrl-C: the window ends now, and what it showed is told
		ctx = context.WithoutCancel(ctx)
	}
	if progress != nil {
		fmt.Fprint(progress, "\r\x1b[K")
	}
	seen, unseen := collect.Describe(ctx, workers(w.activity(), before)) // at once: they may end
	now, err := collect.Take(ctx, opt)
	if err != nil {
		return nil, err
	}
	asAsked(now, o.netns, collect.Inspect)
	w.remind(now)
	activity := w.activity()
	for pid, p := range seen {
		if now.Processes[pid] == nil && now.Namespace(p.NetNS) != nil {
			now.Processes[pid] = p
		}
	}
	now.BlindSpots = append(now.BlindSpots, unseen...)
	if w.err != nil {
		now.BlindSpots = append(now.BlindSpots, host.BlindSpot{Code: "no-trace", Err: w.err.Error(), Count: 1})
	}
	return &diagnose.Input{Before: before, Now: now, Seen: activity, Named: o.named()}, nil
}

// named reports whether one namespace was asked for.
func (o doctorOptions) named() bool { return o.netns != "" && o.netns != "all" }

// watch is the tracer while the window is open, or why there is none.
type watch struct {
	memory  trace.Memory // nil: nobody watches
	symbols *symbol.Namer
	err     error
}

// windowLives is how many connections a window remembers: with two hundred
// thousand opened in one, the oldest TIME_WAIT give way.
const windowLives = 1 << 17

// watching uses the memory of a tracer that runs already, else attaches one.
func watching(ctx context.Context, off bool) *watch {
	if off {
		return &watch{}
	}
	w := &watch{symbols: symbol.New(symbol.Options{})}
	opt := tracing(w.symbols)
	opt.Lives = windowLives
	w.memory, w.err = trace.Watch(context.WithoutCancel(ctx), opt) // Ctrl-C ends the window after a last look
	return w
}

// stop ends the watch; a second call does nothing.
func (w *watch) stop() {
	if w.memory != nil {
		_ = w.memory.Close() // what it said has been read, and the kernel cleans up behind a process
		w.memory = nil
	}
	if w.symbols != nil {
		_ = w.symbols.Close()
		w.symbols = nil
	}
}

// remind gives a look what is remembered.
func (w *watch) remind(sn *host.Snapshot) {
	if w.memory != nil {
		remember(sn, w.memory)
	}
}

// activity is what was counted until now; nil without a tracer.
func (w *watch) activity() *host.Activity {
	if w.memory == nil {
		return nil
	}
	a, err := w.memory.Activity()
	if err != nil {
		w.err = err
		return nil
	}
	return a
}

// workers lists the processes that were seen in the namespaces that were looked
// into, the busiest first.
func workers(seen *host.Activity, look *host.Snapshot) []int32 {
	if seen == nil {
		return nil
	}
	did := map[int32]uint64{}
	count := func(netns uint64, pid int32, n uint64) {
		if look.Namespace(netns) != nil {
			did[pid] += n
		}
	}
	for _, flows := range [][]host.Flow{seen.Outgoing, seen.Incoming} {
		for _, f := range flows {
			count(f.NetNS, f.PID, f.Opened)
		}
	}
	for _, f := range seen.Failures {
		count(f.NetNS, f.PID, f.Count)
	}
	delete(did, 0) // of connections that nobody accepted
	return slices.SortedFunc(maps.Keys(did), func(a, b int32) int {
		return cmp.Or(cmp.Compare(did[b], did[a]), cmp.Compare(a, b))
	})
}
