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
	opts     Options
	now      func() time.Time
	patience time.Duration
	bytes    atomic.Int64 // of all objects' tables and names

	observing chan struct{} // one place for each process that is being read

	mu      sync.Mutex // guards what follows
	procs   map[int32]history
	objects map[fileID]*object
	swept   time.Time
	closed  bool
}

const (
	// patience is how long one stack may take, all its addresses together.
	patience = 2 * time.Second

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
		opts: opts.withDefaults(), now: time.Now, patience: patience,
		observing: make(chan struct{}, maxObserving),
		procs:     map[int32]history{}, objects: map[fileID]*object{},
	}
}

// Observe remembers where the code of a process lies, and holds its files open,
// so that it can be named when the process has ended. It reads the process only
// when that is new, or runs another program than before.
func (n *Namer) Observe(pid int32) { _, _ = n.observe(pid, false, n.patience) }

// Stack names the addresses of a process: its present ones, or those that it
// had when it was last observed. The first address is that of an instruction,
// the others are return addresses. It returns nil only for no addresses.
//
// A number that another process got meanwhile must be observed before, or the
// addresses are taken for those of its predecessor: see StackAt.
func (n *Namer) Stack(pid int32, addrs []uint64) *host.Stack {
	return n.StackAt(pid, "", time.Time{}, addrs)
}

// StackAt names the addresses of a stack that was taken at a time (zero:
// unknown), when the process's first thread had a name (comm; "" unknown). When
// the number runs another program by now, or belongs to another process, the
// stack is named by the program that was observed at that time; without such an
// observation, or when two programs may have been the one, not at all
// (host.GapProcessEnded).
func (n *Namer) StackAt(pid int32, comm string, at time.Time, addrs []uint64) *host.Stack {
	if len(addrs) == 0 {
		return nil
	}
	end := endIn(n.patience)
	p, err := n.ran(pid, nameOf(comm), at, end)
	if err != nil {
		return bare(addrs, whyNot(err))
	}
	p.used.Store(n.now().UnixNano())
	places, lacking := n.locate(p, addrs, end)
	// What is in no mapping may have been mapped since (dlopen, code made at run
	// time); an object that was closed to make room can be opened again.
	if lacking && p.mayReread(n.now()) {
		again, err := n.observe(pid, true, end.wait())
		if err == nil && again.generation == p.generation {
			p = again
			places, _ = n.locate(p, addrs, end)
		}
	}
	n.makeRoom()
	return assemble(places, p.runtime)
}

// ran returns the program that a number ran at a time under a name.
func (n *Namer) ran(pid int32, comm name, at time.Time, end ending) (*process, error) {
	h := n.known(pid)
	p, sure := h.at(at, comm)
	if sure || p != nil && at.IsZero() && comm == (name{}) {
		return p, nil
	}
	now, err := n.observe(pid, false, end.wait())
	if err != nil {
		return nil, err
	}
	if h = n.known(pid); len(h) == 0 { // there was no room for it
		h = history{now}
	}
	if p, _ = h.at(at, comm); p == nil {
		return nil, errEnded
	}
	return p, nil
}

func whyNot(err error) host.Gap {
	if errors.Is(err, errEnded) {
		return host.GapProcessEnded
	}
	return host.GapUnreadable
}

// locate names each address by itself; lacking: some lie in no mapping, or in a
// file that was closed.
func (n *Namer) locate(p *process, addrs []uint64, end ending) (places []place, lacking bool) {
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
			m.object.used.Store(n.now().UnixNano())
			calls, err := m.object.at(at-m.start+m.offset, end.wait())
			switch {
			case errors.Is(err, errNotELF):
				where.kind = placeJIT // .NET's double mappings, memfd
			case err != nil:
				where.unusable = true
				lacking = lacking || errors.Is(err, errClosed)
			}
			where.calls = calls
			if n.bytes.Load() > 2*n.opts.Tables {
				n.makeRoom() // a stack may lead through many files
			}
		}
		places = append(places, where)
	}
	return places, lacking
}

// known returns what a number was observed to run.
func (n *Namer) known(pid int32) history {
	now := n.now()
	n.mu.Lock()
	h := n.procs[pid]
	if p := h.present(); p != nil {
		p.used.Store(now.UnixNano())
	}
	victims := n.sweep(now)
	n.mu.Unlock()
	closeAll(victims)
	return h
}

// observe reads a process if it is new, or runs another program than when it
// was observed last, or if again is set.
func (n *Namer) observe(pid int32, again bool, wait time.Duration) (*process, error) {
	if p := n.known(pid).present(); p != nil && !again {
		begin := n.now()
		s, err := statusOf(n.opts.Root, pid)
		if err != nil {
			return p, nil // what ended keeps its names
		}
		if s.generation == p.generation {
			p.life.confirm(begin, s.name)
			return p, nil
		}
	}
	select {
	case n.observing <- struct{}{}:
	default:
		return nil, errSlow
	}
	lock := make(chan struct{}, 1)
	fresh, err := whileBusy(lock, wait, func() (*process, error) {
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
		n.procs[pid] = n.procs[pid].with(fresh)
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
