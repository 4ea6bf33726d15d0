package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// threads is how many read at once: the kernel's locks, not the processors,
// bound what more could do.
const threads = 2

// look is one Take under way.
type look struct {
	Options
	blind   *blindness
	sources []source // best first; the rest are for when it fails midway
	iter    *iterSource
	listed  int // namespaces listed so far: the order of the next

	mu       sync.Mutex // guards the four below
	visited  []visited
	owners   *owners
	ownersBy error // why iter could not tell the owners
	failed   error // of the first namespace that could not be read
}

// visited is a namespace that was read.
type visited struct {
	order int
	ns    *host.NetNS
	table *table
}

func take(ctx context.Context, o Options) (*host.Snapshot, error) {
	begin := time.Now()
	l := &look{Options: o, blind: &blindness{}}
	self, err := openOwn()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	all, err := findNamespaces(self)
	if err != nil {
		return nil, err
	}
	chosen, err := selectNamespaces(all, o.NetNS)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		l.blind.add("no-root", "", nil)
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	defer l.close()
	sn := &host.Snapshot{
		Machine: machine(), TakenAt: begin,
		Source:    host.Source{Kind: host.Live, SocketsBy: l.sources[0].name(), OwnersBy: "none"},
		Processes: make(map[int32]*host.Process), Sharers: make(map[uint64][]int32),
	}
	if err := l.read(ctx, sn, all, chosen); err != nil {
		return nil, err
	}
	if !o.SocketsOnly {
		sn.System = readSystem(l.blind)
	}
	sn.BlindSpots = l.blind.list()
	sn.Took = time.Since(begin)
	return sn, nil
}

// machine tells what is known without asking anybody for permission.
func machine() host.Machine {
	m := host.Machine{OS: "linux", InitialNetNS: initialNetNS()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Name, m.Kernel = unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Release[:])
	}
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) == nil {
		m.Uptime = time.Duration(t.Nano())
	}
	return m
}

// open finds out which sources work. Only a forced one that does not is an error.
func (l *look) open() error {
	openers := []struct {
		name string
		open func() (source, error)
	}{
		{"bpf-iter", func() (source, error) {
			s, err := openIter()
			if err != nil {
				return nil, err
			}
			l.iter = s
			return s, nil
		}},
		{"sock_diag", func() (source, error) { return openDiag() }},
		{"procfs", func() (source, error) { return openProc() }},
	}
	forced := l.SocketsBy != "" && l.SocketsBy != "auto"
	var errs []error
	for _, o := range openers {
		if forced && l.SocketsBy != o.name {
			continue
		}
		s, err := o.open()
		if err == nil {
			l.sources = append(l.sources, s)
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", o.name, err))
		if !errors.Is(err, errors.ErrUnsupported) && !forced {
			l.blind.add("source-fell-back", o.name, err) // nobody knows why
		}
	}
	switch {
	case len(l.sources) > 0:
		return nil
	case len(errs) == 0:
		return fmt.Errorf("no source of sockets is called %q", l.SocketsBy)
	}
	return errors.Join(errs...)
}

func (l *look) close() {
	for _, s := range l.sources {
		s.close()
	}
}

// read fills in everything that belongs to namespaces and processes.
func (l *look) read(ctx context.Context, sn *host.Snapshot, all, chosen []*namespace) error {
	// The links are walked before the tables are read: see walk.owners.
	var byLinks *walk
	var err error
	if !l.NoOwners && l.iter == nil {
		if byLinks, err = walkDescriptors(ctx, l.blind); err != nil {
			return err
		}
	}
	if err := l.visit(ctx, chosen, !l.NoOwners && l.iter != nil); err != nil {
		return err
	}
	if l.ownersBy != nil {
		if !errors.Is(l.ownersBy, errors.ErrUnsupported) {
			l.blind.add("source-fell-back", "owners", l.ownersBy)
		}
		// Sockets that no table shows are told only by a walk before the tables.
		l.visited = nil
		if byLinks, err = walkDescriptors(ctx, l.blind); err != nil {
			return err
		}
		if err := l.visit(ctx, chosen, false); err != nil {
			return err
		}
	}
	if l.owners != nil && (l.NetNS == "" || l.NetNS == "all") {
		if err := l.visit(ctx, l.hidden(all), false); err != nil {
			return err
		}
	}
	if len(l.visited) == 0 && l.failed != nil {
		return l.failed
	}
	slices.SortFunc(l.visited, func(a, b visited) int { return a.order - b.order })
	read := make(map[uint64]bool, len(l.visited))
	tables := make([]*table, 0, len(l.visited))
	for _, v := range l.visited {
		read[v.ns.Inode] = true
		sn.Namespaces = append(sn.Namespaces, v.ns)
		tables = append(tables, v.table)
	}
	if byLinks != nil {
		if l.owners, err = byLinks.owners(ctx, tables, read, l.blind); err != nil {
			return err
		}
	}
	var counts map[int32]int
	if l.owners == nil {
		l.blind.add("closed-sockets-unseen", "", nil)
	} else {
		var loose []tcp.Socket
		loose, counts = l.owners.settle(sn, tables, read)
		sn.Source.OwnersBy = l.owners.by
		for _, s := range loose {
			i := slices.IndexFunc(tables, func(t *table) bool { return t.netns == s.NetNS })
			tables[i].sockets = append(tables[i].sockets, s)
		}
	}
	sn.Sockets = joined(tables)
	return l.processes(ctx, sn, counts)
}

// joined puts the tables together, and frees each as it goes.
func joined(tables []*table) []tcp.Socket {
	total, filled, last := 0, 0, 0
	for i, t := range tables {
		total += len(t.sockets)
		if len(t.sockets) > 0 {
			filled, last = filled+1, i
		}
	}
	if filled == 1 {
		return tables[last].sockets
	}
	all := make([]tcp.Socket, 0, total)
	for _, t := range tables {
		all = append(all, t.sockets...)
		t.sockets = nil
	}
	return all
}

// processes reads those that hold sockets and those that are short of descriptors.
func (l *look) processes(ctx context.Context, sn *host.Snapshot, counts map[int32]int) error {
	pids := make([]int32, 0, len(counts))
	for pid := range counts {
		pids = append(pids, pid)
	}
	if !l.SocketsOnly {
		for _, pid := range fdPressure(l.blind) {
			if _, known := counts[pid]; !known {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	pids = slices.Compact(pids)
	for i, p := range readProcesses(ctx, pids, l.blind) {
		if p == nil {
			continue // ended since
		}
		// Who is short of descriptors elsewhere is nobody's question when one
		// namespace was asked for, and its sockets there were not read.
		if _, holds := counts[p.PID]; !holds && l.NetNS != "" && l.NetNS != "all" && sn.Namespace(p.NetNS) == nil {
			continue
		}
		p.Sockets, p.UDP = counts[pids[i]], -1
		if l.owners != nil && l.owners.udp != nil {
			p.UDP = l.owners.udp[pids[i]]
		}
		sn.Processes[pids[i]] = p
	}
	return ctx.Err()
}
