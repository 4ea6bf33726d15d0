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
func (n namer) Stack(c trace.Call) *host.Stack { return n.StackAt(c.PID, c.Name, c.At, c.Addrs) }

// tracing is what every use of the tracer here has in common. In a pid namespace
// of its own the kernel's numbers name other processes: nobody's code is named then.
func tracing(symbols *symbol.Namer) trace.Options {
	o := trace.Options{Share: trace.BPFFS}
	if collect.SeesAllProcesses() {
		o.Namer = namer{symbols}
	} else {
		o.NoStacks = true
	}
	return o
}

// kernelTracer is the tracer of the trace command.
type kernelTracer struct {
	*trace.Tracer
	symbols   *symbol.Namer
	netns     uint64 // 0: all of them
	listeners listeners
}

// attach attaches the kernel's tracer, and shares what it remembers.
func attach(ctx context.Context, o tracerOptions) (tracer, error) {
	t := &kernelTracer{symbols: symbol.New(symbol.Options{})}
	opt := tracing(t.symbols)
	opt.Events, opt.NoStacks = o.Events, opt.NoStacks || o.StacksOff
	inode, one, err := collect.NetNSOf(o.NetNS)
	if err == nil {
		if one {
			t.netns = inode
		}
		t.Tracer, err = trace.Attach(ctx, opt)
	}
	if err == nil && o.Events&(trace.Changes|trace.Ends) != 0 {
		// After Attach: a listener of later is told by its event.
		t.listeners, err = findListeners(ctx, o.NetNS)
		if err != nil {
			err = errors.Join(err, t.Tracer.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.symbols.Close())
	}
	return t, nil
}

// Events implements tracer.
func (t *kernelTracer) Events(ctx context.Context, f func(*host.Event), flush func()) error {
	return t.Tracer.Events(ctx, func(e *host.Event) {
		if t.netns == 0 || e.NetNS == t.netns {
			t.listeners.complete(e)
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

// Shortages implements tracer.
func (t *kernelTracer) Shortages() []shortage {
	a, err := t.Tracer.Activity()
	if err != nil {
		return nil // closed: it was asked before
	}
	return []shortage{
		{a.Forgotten, "%s connections found no room in the memory, or gave way before their time: their opener is not known", "%s 条连接在记忆中没有位置或被提前清除：不知道是由谁打开的"},
		{a.Folded, "%s connections are counted without their address, for want of room", "%s 条连接因空间不足只计数、未记地址"},
		{a.Sampled.NoRoom, "%s stacks found no room: their lines of code are not known", "%s 个调用栈没有位置：不知道对应的代码行"},
	}
}

// Notes implements tracer.
func (t *kernelTracer) Notes() []string {
	var notes []string
	if !collect.SeesAllProcesses() {
		notes = append(notes, "the kernel counts processes differently from the container that this runs in: pids are the host's, and no line of code can be named")
	}
	switch err := t.NotShared(); {
	case errors.Is(err, trace.ErrNoBPFFS):
		notes = append(notes, err.Error()+" (mount -t bpf bpf "+trace.BPFFS+")")
	case err != nil:
		notes = append(notes, fmt.Sprintf("other sockeye processes cannot use what this one remembers: %v", err))
	}
	return notes
}

// Close implements tracer.
func (t *kernelTracer) Close() error { return errors.Join(t.Tracer.Close(), t.symbols.Close()) }

// recall fills a snapshot's memory from the tracer that runs on this machine.
func recall(sn *host.Snapshot) {
	symbols := symbol.New(symbol.Options{})
	defer symbols.Close()
	m, err := trace.Open(tracing(symbols))
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
