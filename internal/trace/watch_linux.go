//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"sockeye/internal/host"
)

// Watch begins a window of watching. Where another process shares its memory
// under o.Share that is used, and nothing is attached; else it attaches a tracer
// of its own, without sharing it.
func Watch(ctx context.Context, o Options) (Memory, error) {
	if o.Share != "" {
		m, err := Open(o)
		if err == nil {
			return m, nil
		}
	}
	o.Share = ""
	t, err := Attach(ctx, o)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Shared is the memory of another process that is tracing.
type Shared struct {
	*memory
	maps   tracerMaps
	before *counts
	opened time.Time
}

// Open finds the memory that another process shares under o.Share. It fails with
// ErrNotShared when there is none, or none that may be trusted.
func Open(o Options) (*Shared, error) {
	s := &Shared{}
	if err := borrow(o.Share, &s.maps); err != nil {
		return nil, err
	}
	var err error
	if s.memory, err = newMemory(&s.maps, o); err == nil {
		s.opened = time.Now()
		s.before, err = s.count()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNotShared, err), s.Close())
	}
	return s, nil
}

// Activity is what was counted since Open. It is Cut when the tracer has ended
// meanwhile: nobody has counted since.
func (s *Shared) Activity() (*host.Activity, error) {
	now, err := s.count()
	if err != nil {
		return nil, err
	}
	a := s.activity(now, s.before)
	a.Window = time.Since(s.opened)
	a.Cut = stillShared(s.options.Share, &s.maps) != nil
	return a, nil
}

// Close lets go of the memory; its owner keeps it.
func (s *Shared) Close() error {
	var err error
	if s.memory != nil {
		err = s.unmap()
	}
	return errors.Join(err, s.maps.Close())
}

// observer tells the namer of processes that open connections, soon enough that
// most of them still live: their stacks are named later.
type observer struct {
	memory *memory
	stop   chan struct{}
	done   sync.WaitGroup
}

// glance is how often new processes are looked for.
const glance = 100 * time.Millisecond

func observe(m *memory) *observer {
	o := &observer{memory: m, stop: make(chan struct{})}
	o.done.Go(o.run)
	return o
}

func (o *observer) run() {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	next := firstFlow
	for {
		select {
		case <-o.stop:
			return
		case <-tick.C:
		}
		used, err := o.memory.flowsUsed()
		if err != nil || used <= next {
			continue
		}
		fresh := make([]tracerFlow, used-next)
		if readArray(o.memory.flows, next, fresh) != nil {
			continue
		}
		next = used
		for i := range fresh {
			if pid := int32(fresh[i].Key.Pid); pid != 0 && pid != int32(os.Getpid()) {
				o.memory.options.Namer.Observe(pid)
			}
		}
	}
}

func (o *observer) end() {
	close(o.stop)
	o.done.Wait()
}
