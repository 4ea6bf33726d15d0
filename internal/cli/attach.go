package cli

import (
	"context"
	"errors"
	"fmt"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/symbol"
	"sockeye/internal/trace"
)

// namer finds the line of code of a call by its addresses.
type namer struct{ *symbol.Namer }

// Stack implements trace.Namer.
func (n namer) Stack(c trace.Call) *host.Stack { return n.Namer.Stack(c.PID, c.Addrs) }

// kernelTracer is the tracer of the trace command.
type kernelTracer struct {
	*trace.Tracer
	symbols *symbol.Namer
	netns   uint64 // 0: all of them
}

// attach attaches the kernel's tracer, and shares what it remembers.
func attach(ctx context.Context, o tracerOptions) (tracer, error) {
	t := &kernelTracer{symbols: symbol.New(symbol.Options{})}
	inode, one, err := collect.NetNSOf(o.NetNS)
	if err == nil {
		if one {
			t.netns = inode
		}
		t.Tracer, err = trace.Attach(ctx, trace.Options{
			Events: o.Events, NoStacks: o.StacksOff, Namer: namer{t.symbols}, Share: trace.BPFFS,
		})
	}
	if err != nil {
		return nil, errors.Join(err, t.symbols.Close())
	}
	return t, nil
}

// Events implements tracer.
func (t *kernelTracer) Events(ctx context.Context, f func(*host.Event), flush func()) error {
	if t.netns == 0 {
		return t.Tracer.Events(ctx, f, flush)
	}
	return t.Tracer.Events(ctx, func(e *host.Event) {
		if e.NetNS == t.netns {
			f(e)
		}
	}, flush)
}

// Activity implements tracer.
func (t *kernelTracer) Activity() (*host.Activity, error) {
	a, err := t.Tracer.Activity()
	if err != nil || t.netns == 0 {
		return a, err
	}
	return a.In(t.netns), nil
}

// Lost implements tracer.
func (t *kernelTracer) Lost() uint64 {
	n, err := t.LostEvents()
	if err != nil {
		return 0 // closed: it was asked before
	}
	return n
}

// Notes implements tracer.
func (t *kernelTracer) Notes() []string {
	err := t.NotShared()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, trace.ErrNoBPFFS):
		return []string{err.Error() + " (mount -t bpf bpf " + trace.BPFFS + ")"}
	}
	return []string{fmt.Sprintf("other sockeye processes cannot use what this one remembers: %v", err)}
}

// Close implements tracer.
func (t *kernelTracer) Close() error { return errors.Join(t.Tracer.Close(), t.symbols.Close()) }

// recall fills a snapshot's memory from the tracer that runs on this machine.
func recall(sn *host.Snapshot) {
	symbols := symbol.New(symbol.Options{})
	defer symbols.Close()
	m, err := trace.Open(trace.Options{Namer: namer{symbols}, Share: trace.BPFFS})
	if err != nil {
		return // nobody traces; who asks for what only a tracer knows is told so
	}
	defer m.Close()
	remember(sn, m)
}

// remember gives a snapshot what a tracer remembers.
func remember(sn *host.Snapshot, m trace.Memory) {
	lives, err := m.Lives()
	if err != nil {
		sn.BlindSpots = append(sn.BlindSpots, host.BlindSpot{Code: "no-trace", Err: err.Error(), Count: 1})
		return
	}
	sn.Remember(lives, m.Since())
}
