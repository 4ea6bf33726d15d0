package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// hidden lists the namespaces in which the owners' iterator saw sockets but in
// which no process lives as a whole, only a thread; what is left is blind.
func (l *look) hidden(all []*namespace) (found []*namespace) {
	for inode, pid := range l.owners.places {
		if slices.ContainsFunc(all, func(ns *namespace) bool { return ns.inode == inode }) {
			continue
		}
		if door, ok := threadDoor(pid, inode); ok {
			found = append(found, &namespace{inode: inode, pid: pid, doors: []string{door}})
		} else {
			l.blind.add("netns-unreachable", subject(inode), nil)
		}
	}
	slices.SortFunc(found, func(a, b *namespace) int { return cmp.Compare(a.inode, b.inode) })
	return found
}

func subject(inode uint64) string { return "netns " + strconv.FormatUint(inode, 10) }

// visit reads the namespaces, and beside them the owners, on as many threads as
// are allowed.
func (l *look) visit(ctx context.Context, list []*namespace, withOwners bool) error {
	jobs := make(chan int, len(list))
	for i := range list {
		jobs <- i
	}
	close(jobs)
	if len(list) == 0 && !withOwners {
		return nil
	}
	first := l.listed
	l.listed += len(list)
	errs := make([]error, threads)
	var done sync.WaitGroup
	for worker := range min(threads, len(list)+1) {
		done.Go(func() {
			buf := make([]byte, bufferSize)
			if worker == 0 && withOwners {
				o, err := l.iter.readOwners(ctx, buf)
				l.mu.Lock()
				l.owners, l.ownersBy = o, err
				l.mu.Unlock()
			}
			v, err := newVisitor()
			if err != nil {
				errs[worker] = err
				return
			}
			defer v.leave()
			for i := range jobs {
				if errs[worker] = ctx.Err(); errs[worker] != nil {
					return
				}
				l.namespace(ctx, v, list[i], first+i, buf)
			}
		})
	}
	done.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// namespace reads one namespace; what goes wrong is a blind spot.
func (l *look) namespace(ctx context.Context, v *visitor, found *namespace, order int, buf []byte) {
	if err := v.enter(found); err != nil {
		code := "netns-unread" // too many open files, say
		switch {
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
			code = "netns-no-permission"
		case gone(err):
			code = "netns-vanished"
		}
		l.fail(code, found, err)
		return
	}
	ns := &host.NetNS{Inode: found.inode, Name: found.name, PID: found.pid, Self: found.self}
	t := &table{netns: found.inode, noInfo: l.NoInfo, buf: buf}
	full, mini, known := countSockets()
	rows := full + mini
	t.sockets = make([]tcp.Socket, 0, rows+rows/64+16)
	onHugePages(t.sockets)
	if !l.NoInfo {
		t.infos = make([]tcp.Info, full) // what is not used of it is never touched
	}
	if err := l.sockets(ctx, t, known && rows == 0); err != nil {
		l.fail("netns-unread", found, err)
		return
	}
	ns.Interfaces = interfacesOf(t.sockets)
	if !l.SocketsOnly {
		readNetNS(ns, l.blind)
	}
	t.buf, t.infos = nil, nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visited = append(l.visited, visited{order, ns, t})
}

// interfacesOf names the interfaces of the namespace that the thread is in, when a
// socket is bound to one: sockets carry indexes only. Indexes serve without names.
func interfacesOf(sockets []tcp.Socket) map[uint32]string {
	if !slices.ContainsFunc(sockets, func(s tcp.Socket) bool { return s.Iface != 0 }) {
		return nil
	}
	all, err := net.Interfaces() // its netlink socket is made on this thread
	if err != nil {
		return nil
	}
	names := make(map[uint32]string, len(all))
	for _, i := range all {
		names[uint32(i.Index)] = i.Name
	}
	return names
}

func (l *look) fail(code string, ns *namespace, err error) {
	l.blind.add(code, subject(ns.inode), err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		if code == "netns-no-permission" {
			err = ErrNotPermitted
		}
		l.failed = fmt.Errorf("network namespace %d: %w", ns.inode, err)
	}
}

// sockets reads the tables with the first source that reads them to the end.
// The kernel keeps the connections of all namespaces in one table and goes
// through the whole of it for each, so one that is known to be empty is not
// asked for (net/ipv4/inet_hashtables.c, v6.18; since v6.1 a namespace may have
// a table of its own).
func (l *look) sockets(ctx context.Context, t *table, empty bool) (err error) {
	for _, s := range l.sources {
		if err != nil {
			l.blind.add("source-fell-back", subject(t.netns), err)
		}
		t.sockets = t.sockets[:0]
		if !empty {
			err = s.read(ctx, t)
		} else if s.name() == "sock_diag" {
			err = readDiag(ctx, t, diagBoundStates) // nothing counts those
		}
		if errors.Is(err, errInterrupted) {
			l.blind.add("dump-interrupted", subject(t.netns), err)
			err = nil // more than half, and said so
		}
		if err == nil {
			l.bound(ctx, s.name(), t)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// bound sees to the sockets that took a port with bind() and are in no TCP
// table. The owners' iterator finds them, and sock_diag since Linux 6.8.
func (l *look) bound(ctx context.Context, source string, t *table) {
	seen := false
	switch source {
	case "sock_diag":
		seen = kernelAtLeast(6, 8)
	case "bpf-iter":
		seen = !l.NoOwners || kernelAtLeast(6, 8) && readDiag(ctx, t, diagBoundStates) == nil
	}
	if !seen {
		l.blind.add("bound-sockets-unseen", "", nil)
	}
}
