//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"sockeye/internal/host"
)

//go:generate go tool bpf2go -go-package trace -strip llvm-strip -type flow_key -type flow -type life -type bucket -type failure_key -type failure -type sampling -type losses -type overview -type event -type ending -target amd64,arm64 tracer bpf/tracer.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Sizes of what is remembered. A flow takes 616 bytes; the last eighth is kept
// for those that give up their address (bpf/flows.h).
const (
	places    = 8 // of a bucket: PLACES of bpf/tracer.h
	flowCount = 1 << 14
	flowIdle  = 10 * time.Second
	ringSize  = 8 << 20
)

// Tracer watches until it is closed. While it is attached every system call of the
// machine takes about a hundred nanoseconds longer (BenchmarkSyscall), and a
// connection some microseconds ('make bench'). Its
// methods may be called from any goroutine; Close comes after all others.
type Tracer struct {
	*memory
	objects tracerObjects
	ring    *ringbuf.Reader // nil: no events were asked for
	share   *share          // nil: not shared
	watch   *observer       // nil: nobody names stacks

	onDone  func() bool // withdraws the end by context
	closing sync.Once
	mu      sync.Mutex  // guards what follows
	links   []link.Link // nil once detached
	ended   time.Time
}

// Attach begins to watch. When ctx ends it stops watching and sharing by itself,
// whatever its user is waiting for; Close must be called in any case. It fails with ctx's error, with ErrNotSupported (see
// there), or with what went wrong. A memory that could not be shared is no
// failure: NotShared tells why.
func Attach(ctx context.Context, o Options) (*Tracer, error) {
	spec, err := loadTracer()
	if err != nil {
		return nil, err
	}
	if o.Lives <= 0 {
		o.Lives = DefaultLives
	}
	return attach(ctx, spec, o, sizes{lives: o.Lives, flows: flowCount, idle: flowIdle})
}

// sizes are how many connections and flows are kept, and how long a flow keeps
// its row when all are taken and it opens nothing.
type sizes struct {
	lives, flows int
	idle         time.Duration
}

func attach(ctx context.Context, spec *ebpf.CollectionSpec, o Options, size sizes) (*Tracer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := configure(spec, o, size); err != nil {
		return nil, err
	}
	t := &Tracer{}
	if err := spec.LoadAndAssign(&t.objects, nil); err != nil {
		return nil, lacking(spec, err)
	}
	began := monotonic()
	if err := t.objects.About.Put(uint32(0), tracerOverview{Attached: uint64(began), Flows: firstFlow}); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the tracer: %w", err), t.Close())
	}
	for _, program := range t.programs() {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return nil, errors.Join(lacking(spec, err), t.Close())
		}
		t.links = append(t.links, l)
	}
	var err error
	if t.memory, err = newMemory(&t.objects.tracerMaps, o); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if o.Events != 0 {
		if t.ring, err = ringbuf.NewReader(t.objects.Events); err != nil {
			return nil, errors.Join(fmt.Errorf("opening the stream of events: %w", err), t.Close())
		}
	}
	if o.Namer != nil && !o.NoStacks {
		t.watch = observe(t.memory)
	}
	if o.Share != "" {
		t.share = offer(o.Share, &t.objects.tracerMaps)
	}
	t.onDone = context.AfterFunc(ctx, func() { _ = errors.Join(t.Detach(), t.unshare()) }) // Close tells what is left to tell
	return t, nil
}

// configure sets the sizes of the maps and what the programs leave out.
func configure(spec *ebpf.CollectionSpec, o Options, size sizes) error {
	lives := uint32(1) << bits.Len32(uint32(max(size.lives, 64)-1))
	buckets, flows := lives/places, uint32(size.flows)
	spec.Maps[tracerMapBuckets].MaxEntries = buckets
	spec.Maps[tracerMapLives].MaxEntries = lives
	spec.Maps[tracerMapFlows].MaxEntries = flows
	spec.Maps[tracerMapFlowNumbers].MaxEntries = flows
	if o.Events != 0 {
		spec.Maps[tracerMapEvents].MaxEntries = ringSize
	}
	for name, value := range map[string]any{
		tracerVarStreaming:  uint8(o.Events),
		tracerVarTakeStacks: flag(!o.NoStacks),
		tracerVarLastBucket: buckets - 1,
		tracerVarIdleNs:     uint64(size.idle),
		tracerVarFlowCount:  flows,
		tracerVarFlowLimit:  flows - flows/8,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("preparing the tracer: %w", err)
		}
	}
	return nil
}

func flag(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

func (t *Tracer) programs() []*ebpf.Program {
	// The one that sees accept() first: what is established is then sure to get its opener.
	return []*ebpf.Program{t.objects.SyscallReturn, t.objects.StateChange, t.objects.StateChangeAgain}
}

// NotShared tells why others cannot use this memory: nil when they can, or when
// nobody asked for it.
func (t *Tracer) NotShared() error {
	if t.share == nil {
		return nil
	}
	return t.share.err()
}

// Detach takes the programs out of the kernel's way; what is remembered stays
// readable until Close.
func (t *Tracer) Detach() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links == nil {
		return nil
	}
	var errs []error
	for _, l := range t.links {
		errs = append(errs, l.Close())
	}
	t.links = nil
	t.ended = time.Now()
	return errors.Join(errs...)
}

func (t *Tracer) unshare() error {
	if t.share == nil {
		return nil
	}
	return t.share.withdraw()
}

// Close ends everything. Nothing of the Tracer is left in the kernel, unless
// another process is using its memory. A second call does nothing.
func (t *Tracer) Close() (err error) {
	t.closing.Do(func() {
		if t.onDone != nil {
			t.onDone()
		}
		errs := []error{t.Detach(), t.unshare()}
		if t.watch != nil {
			t.watch.end()
		}
		if t.ring != nil {
			errs = append(errs, t.ring.Close())
		}
		if t.memory != nil {
			errs = append(errs, t.unmap())
		}
		err = errors.Join(append(errs, t.objects.Close())...)
	})
	return err
}

// Activity is what was counted since Attach, until now or until Detach.
func (t *Tracer) Activity() (*host.Activity, error) {
	now, err := t.count()
	if err != nil {
		return nil, err
	}
	missed, err := t.missed()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	end := t.ended
	t.mu.Unlock()
	if end.IsZero() {
		end = time.Now()
	}
	a := t.activity(now, nil)
	a.Window = end.Sub(t.since)
	a.Lost += missed
	return a, nil
}

// missed returns how many returning calls the kernel kept from the program.
// What one of the two state programs missed the other has seen (bpf/tracer.bpf.c);
// the third misses nothing as long as nobody preempts a program at a tracepoint.
func (t *Tracer) missed() (uint64, error) {
	stats, err := t.objects.SyscallReturn.Stats()
	if err != nil {
		return 0, fmt.Errorf("reading the losses: %w", err)
	}
	return stats.RecursionMisses, nil
}
