package symbol

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sockeye/internal/host"
)

// Namer names addresses. It is safe for concurrent use. Its memory is bounded
// (Options): what was not asked for longest is forgotten first.
type Namer struct {
	opts  Options
	now   func() time.Time
	bytes atomic.Int64 // of all objects' tables and names

	observing chan struct{} // one place for each process that is being read

	mu      sync.Mutex // guards what follows
	procs   map[int32]*process
	objects map[fileID]*object
	swept   time.Time
	closed  bool
}

const (
	// patience is how long a file may take to answer. The first look into an
	// executable of hundreds of megabytes takes a good part of a second, and
	// several on a machine that is busy.
	patience = 5 * time.Second

	// rereadEvery keeps stacks with stray addresses from reading a process's
	// mappings each time.
	rereadEvery = time.Second

	sweepEvery    = 10 * time.Second
	maxObserving  = 32  // processes that are read at the same time
	maxProcessObj = 512 // files of one process
)

// New returns a Namer.
func New(opts Options) *Namer {
	return &Namer{
		opts: opts.withDefaults(), now: time.Now,
		observing: make(chan struct{}, maxObserving),
		procs:     map[int32]*process{}, objects: map[fileID]*object{},
	}
}

// Observe remembers where the code of a process lies, and holds its files open,
// so that it can be named when the process has ended. It reads the process only
// when that is new, or runs another program than before.
func (n *Namer) Observe(pid int32) { _, _ = n.observe(pid, false) }

// Stack names the addresses of a process: its present ones, or those that it
// had when it was last observed. The first address is that of an instruction,
// the others are return addresses. It returns nil only for no addresses.
//
// A number that another process got meanwhile must be observed before, or the
// addresses are taken for those of its predecessor.
func (n *Namer) Stack(pid int32, addrs []uint64) *host.Stack {
	if len(addrs) == 0 {
		return nil
	}
	p := n.known(pid)
	fresh := p == nil
	if fresh {
		var err error
		if p, err = n.observe(pid, false); err != nil {
			return bare(addrs, whyNot(err))
		}
	}
	places, lacking := n.locate(p, addrs)
	// What is in no mapping may have been mapped since (dlopen, code made at run
	// time); an object that was closed to make room can be opened again.
	if lacking && !fresh && p.mayReread(n.now()) {
		if again, err := n.observe(pid, true); err == nil {
			p = again
			places, _ = n.locate(p, addrs)
		}
	}
	n.makeRoom()
	return assemble(places, p.runtime)
}

func whyNot(err error) host.Gap {
	if errors.Is(err, errEnded) {
		return host.GapProcessEnded
	}
	return host.GapUnreadable
}

// locate names each address by itself; lacking: some lie in no mapping, or in a
// file that was closed.
func (n *Namer) locate(p *process, addrs []uint64) (places []place, lacking bool) {
	now := n.now().UnixNano()
	wait := patience
	places = make([]place, 0, len(addrs))
	for i, addr := range addrs {
		if addr == 0 {
			continue // the kernel fills up with zeros
		}
		// A return address may be the first of the next line, or function.
		at := addr
		if i > 0 {
			at--
		}
		where := place{addr: addr}
		m := findMapping(p.maps, at)
		switch {
		case m == nil:
			lacking = true
		case m.kernel():
			where.kind, where.module = placeKernel, m.path
		case m.anonymous():
			where.kind = placeJIT
		default:
			where.kind, where.module, where.program = placeFile, m.path, m.path == p.exe
			where.runtime = m.runtime
			if m.object == nil {
				where.unusable = true
				break
			}
			m.object.used.Store(now)
			calls, err := m.object.at(at-m.start+m.offset, wait)
			switch {
			case errors.Is(err, errNotELF):
				where.kind = placeJIT // .NET's double mappings, memfd
			case errors.Is(err, errSlow):
				where.unusable, wait = true, time.Millisecond // one wait per stack is enough
			case err != nil:
				where.unusable = true
				lacking = lacking || errors.Is(err, errClosed)
			}
			where.calls = calls
		}
		places = append(places, where)
	}
	return places, lacking
}

// known returns a process that was observed, nil if it was not.
func (n *Namer) known(pid int32) *process {
	now := n.now()
	n.mu.Lock()
	p := n.procs[pid]
	if p != nil {
		p.used.Store(now.UnixNano())
	}
	victims := n.sweep(now)
	n.mu.Unlock()
	closeAll(victims)
	return p
}

// observe reads a process if it is new, or runs another program than when it
// was observed last, or if again is set.
func (n *Namer) observe(pid int32, again bool) (*process, error) {
	p := n.known(pid)
	if p != nil && !again {
		g, err := readGeneration(n.opts.Root, pid)
		if err != nil || g == p.generation {
			return p, nil // what ended keeps its names
		}
	}
	select {
	case n.observing <- struct{}{}:
	default:
		return nil, errSlow
	}
	lock := make(chan struct{}, 1)
	fresh, err := whileBusy(lock, patience, func() (*process, error) {
		defer func() { <-n.observing }()
		var fresh *process
		err := guarded(func() (err error) {
			fresh, err = n.readProcess(pid)
			return err
		})
		return fresh, err
	})
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.procs[pid] = fresh
		n.dropOldest()
	}
	return fresh, nil
}

// Close closes all files. Nothing is named afterwards.
func (n *Namer) Close() error {
	n.mu.Lock()
	n.closed = true
	var all []*object
	for _, o := range n.objects {
		all = append(all, o)
	}
	clear(n.objects)
	clear(n.procs)
	n.mu.Unlock()
	closeAll(all)
	return nil
}
