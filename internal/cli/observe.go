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
	"sockeye/internal/trace"
)

// observe looks at the machine once, or twice with connects watched in between:
// the watch begins before the first look and ends before the second, so that
// nothing falls between them. A long window is told on progress, unless that is nil.
func observe(ctx context.Context, o doctorOptions, progress io.Writer) (*diagnose.Input, error) {
	opt := collect.Options{NetNS: o.netns, SocketsBy: o.socketsBy}
	if o.sample == 0 {
		now, err := collect.Take(ctx, opt)
		return &diagnose.Input{Now: now}, err
	}
	w := watching(ctx, o.noTrace)
	defer w.stop()
	before, err := collect.Take(ctx, opt)
	if err != nil {
		return nil, err
	}
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
	w.stop()
	seen, unseen := collect.Describe(ctx, w.pids()) // at once: they may end
	now, err := collect.Take(ctx, opt)
	if err != nil {
		return nil, err
	}
	for pid, p := range seen {
		if now.Processes[pid] == nil && now.Namespace(p.NetNS) != nil {
			now.Processes[pid] = p
		}
	}
	now.BlindSpots = append(now.BlindSpots, unseen...)
	if w.err != nil {
		now.BlindSpots = append(now.BlindSpots, host.BlindSpot{Code: "no-trace", Err: w.err.Error(), Count: 1})
	}
	return &diagnose.Input{Before: before, Now: now, Seen: w.seen}, nil
}

// watch is the tracer while the window is open, or why there is none.
type watch struct {
	watcher *trace.Watcher
	seen    *host.Activity // set by stop
	err     error
}

func watching(ctx context.Context, off bool) *watch {
	if off {
		return &watch{}
	}
	w, err := trace.Watch(ctx)
	return &watch{watcher: w, err: err}
}

// stop ends the watch; a second call does nothing.
func (w *watch) stop() {
	if w.watcher == nil {
		return
	}
	w.seen, w.err = w.watcher.Stop()
	w.watcher = nil
}

// pids lists the processes that were seen, the busiest first.
func (w *watch) pids() []int32 {
	if w.seen == nil {
		return nil
	}
	did := map[int32]uint64{}
	for _, c := range w.seen.Outgoing {
		did[c.PID] += c.Opened
	}
	for _, f := range w.seen.Failures {
		did[f.PID] += f.Count
	}
	return slices.SortedFunc(maps.Keys(did), func(a, b int32) int {
		return cmp.Or(cmp.Compare(did[b], did[a]), cmp.Compare(a, b))
	})
}
