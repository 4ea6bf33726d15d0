//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

//go:generate go tool bpf2go -go-package trace -strip llvm-strip -type endpoint -target amd64,arm64 activity bpf/activity.bpf.c -- -O2 -g -Wall -Werror

// Watcher counts in the kernel until it is stopped. While it is open every
// system call of the machine takes about a hundred nanoseconds longer: keep it
// short. Its methods may be called from any goroutine.
type Watcher struct {
	objects activityObjects
	began   time.Time
	onDone  func() bool // withdraws the end by context

	mu      sync.Mutex  // guards what follows
	links   []link.Link // nil once detached
	window  time.Duration
	stopped bool
}

// Watch starts counting. When ctx ends so does the counting, and Stop, which
// must be called in any case, returns what was seen until then. It fails with
// ctx's error, with ErrNotSupported (see there), or with what went wrong.
func Watch(ctx context.Context) (*Watcher, error) {
	spec, err := loadActivity()
	if err != nil {
		return nil, err
	}
	return watch(ctx, spec)
}

func watch(ctx context.Context, spec *ebpf.CollectionSpec) (*Watcher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &Watcher{}
	if err := spec.LoadAndAssign(&w.objects, nil); err != nil {
		return nil, lacking(spec, err)
	}
	for _, program := range w.programs() {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return nil, errors.Join(lacking(spec, err), w.detach(), w.objects.Close())
		}
		w.links = append(w.links, l)
	}
	w.began = time.Now()
	w.onDone = context.AfterFunc(ctx, func() { _ = w.detach() }) // nobody is left to be told
	return w, nil
}

// Stop ends the counting and returns what was counted. Nothing of the Watcher
// is left in the kernel afterwards. A second call fails with ErrStopped.
func (w *Watcher) Stop() (*host.Activity, error) {
	w.onDone()
	err := w.detach()

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, ErrStopped
	}
	w.stopped = true
	activity, readErr := w.read()
	if err := errors.Join(err, readErr, w.objects.Close()); err != nil {
		return nil, err
	}
	return activity, nil
}

// detach takes the programs out of the kernel's way; the counts remain.
func (w *Watcher) detach() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.links == nil {
		return nil
	}
	var errs []error
	for _, l := range w.links {
		errs = append(errs, l.Close())
	}
	w.links = nil
	w.window = time.Since(w.began)
	return errors.Join(errs...)
}

func (w *Watcher) programs() []*ebpf.Program {
	return []*ebpf.Program{w.objects.StateChange, w.objects.StateChangeAgain, w.objects.SyscallReturn}
}

func (w *Watcher) read() (*host.Activity, error) {
	connects, err := entries[activityConnectKey, activityConnectCount](w.objects.Connects)
	if err != nil {
		return nil, fmt.Errorf("reading the connects: %w", err)
	}
	failures, err := entries[activityFailureKey, activityFailureCount](w.objects.Failures)
	if err != nil {
		return nil, fmt.Errorf("reading the failures: %w", err)
	}
	lost, err := w.lost()
	if err != nil {
		return nil, err
	}
	return &host.Activity{
		Window:   w.window,
		By:       "tracepoint",
		Outgoing: decodeConnects(connects),
		Failures: decodeFailures(failures),
		Lost:     lost,
	}, nil
}

// lost returns how many events found no room in a map. What one of the two state
// programs missed is not lost (bpf/activity.bpf.c); the third misses nothing as
// long as the kernel lets nobody preempt a program at a tracepoint.
func (w *Watcher) lost() (uint64, error) {
	var perCPU []uint64
	if err := w.objects.Lost.Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("reading the losses: %w", err)
	}
	stats, err := w.objects.SyscallReturn.Stats()
	if err != nil {
		return 0, fmt.Errorf("reading the losses: %w", err)
	}
	sum := stats.RecursionMisses
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// entry is one key of a map and its value.
type entry[K, V any] struct {
	key   K
	value V
}

// entries reads a whole hash map; nobody may be writing to it.
func entries[K, V any](m *ebpf.Map) ([]entry[K, V], error) {
	// The kernel hands out whole buckets: a batch must hold the longest.
	const batch = 1024
	var (
		all    []entry[K, V]
		cursor ebpf.MapBatchCursor
		keys   = make([]K, batch)
		values = make([]V, batch)
	)
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, err
		}
		for i := range n {
			all = append(all, entry[K, V]{keys[i], values[i]})
		}
		if err != nil {
			return all, nil
		}
	}
}

// refusal says in one sentence why TCP cannot be watched. What the loader said
// of it is for programs: errors.Is and errors.As find it.
type refusal struct {
	reason error
	detail string // "" or what the reason is about
	cause  error
}

func (r *refusal) Error() string {
	if r.detail == "" {
		return r.reason.Error()
	}
	return r.reason.Error() + " (" + r.detail + ")"
}

func (r *refusal) Unwrap() []error { return []error{r.reason, r.cause} }

var errRefused = errors.New("the kernel refused to watch TCP")

// refused is any other reason; the kernel's errno is all that people can use.
func refused(err error) error {
	var number unix.Errno
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		return &refusal{errRefused, "its verifier took no program", err}
	case errors.As(err, &number):
		return &refusal{errRefused, number.Error(), err}
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}

// lacking tells why loading or attaching failed: what this machine or this user
// lacks, else what the kernel said.
func lacking(spec *ebpf.CollectionSpec, err error) error {
	if forbidden(err) {
		return &refusal{reason: ErrNoPrivilege, cause: err}
	}
	kernel, btfErr := btf.LoadKernelSpec()
	if errors.Is(btfErr, btf.ErrNotSupported) {
		return &refusal{reason: ErrNoBTF, cause: err}
	}
	if btfErr == nil {
		for _, program := range spec.Programs {
			_, typeErr := kernel.AnyTypeByName("btf_trace_" + program.AttachTo)
			if errors.Is(typeErr, btf.ErrNotFound) {
				return &refusal{ErrNoTracepoint, program.AttachTo, err}
			}
		}
	}
	// Last, because distributions backport: 5.12 brought the socket cookie to
	// tracing programs (kernel/trace/bpf_trace.c), the newest thing used.
	const version5_12 = 5<<16 | 12<<8
	if v, versionErr := features.LinuxVersionCode(); versionErr == nil && v < version5_12 {
		return &refusal{reason: ErrOldKernel, cause: err}
	}
	return refused(err)
}

// forbidden tells whether err is one of lacking rights. EACCES is none: with it
// the verifier refuses a program. The library probes the kernel on its way and
// may take EPERM for a missing feature: hence the second look, at a kind of map
// that has always needed CAP_BPF (kernel/bpf/syscall.c, map_create).
func forbidden(err error) bool {
	if errors.Is(err, unix.EPERM) {
		return true
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return errors.Is(err, unix.EPERM)
	}
	m.Close()
	return false
}
