package collect

import (
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// owners says who holds which socket.
type owners struct {
	by   string        // Source.OwnersBy
	held []holding     // one for each descriptor, in any order
	udp  map[int32]int // UDP sockets per process; nil when they were not counted

	first map[uint64]int32   // what bySocket returned, once turned
	more  map[uint64][]int32 // likewise

	loose  []tcp.Socket     // BOUND and CLOSED sockets, which stand in no TCP table; several times when several hold it
	places map[uint64]int32 // namespaces in which sockets were seen, each with a process that holds one
}

// holding is a descriptor of a TCP socket.
type holding struct {
	inode uint64
	pid   int32
}

func newOwners(by string) *owners {
	return &owners{by: by, udp: make(map[int32]int), places: make(map[uint64]int32)}
}

// hold notes that a process has a descriptor of a socket.
func (o *owners) hold(inode uint64, pid int32) { o.held = append(o.held, holding{inode, pid}) }

// bySocket turns the descriptors round: for each inode the lowest pid that
// holds it, and where they are several, all of them, ascending.
func (o *owners) bySocket() (first map[uint64]int32, more map[uint64][]int32) {
	first = make(map[uint64]int32, len(o.held))
	more = make(map[uint64][]int32)
	for _, h := range o.held {
		one, known := first[h.inode]
		switch {
		case !known:
			first[h.inode] = h.pid
			continue
		case one == h.pid: // a second descriptor of the same
			continue
		}
		all := more[h.inode]
		if all == nil {
			all = []int32{one}
		}
		if i, found := slices.BinarySearch(all, h.pid); !found {
			all = slices.Insert(all, i, h.pid)
			more[h.inode], first[h.inode] = all, all[0]
		}
	}
	return first, more
}

// turn prepares settle. The thread that read the owners does it while another
// still reads the tables.
func (o *owners) turn() {
	if o.first == nil {
		o.first, o.more = o.bySocket()
	}
}

// settle gives the sockets their owners and drops the loose ones that the
// tables hold too, because they connected or listened in between. It returns
// the loose ones that are left, of the namespaces in read.
func (o *owners) settle(sn *host.Snapshot, tables []*table, read map[uint64]bool) (loose []tcp.Socket, counts map[int32]int) {
	counts = make(map[int32]int)
	o.turn()
	first, more := o.first, o.more
	own := func(s *tcp.Socket) {
		if s.Inode == 0 {
			return
		}
		pid, ok := first[s.Inode]
		if !ok {
			return
		}
		s.PID = pid
		all := more[s.Inode]
		if all == nil {
			counts[pid]++
			return
		}
		sn.Sharers[s.Inode] = all
		for _, pid := range all {
			counts[pid]++
		}
	}
	pending := make(map[uint64]int, len(o.loose)) // inode → index in o.loose; several processes may hold it
	for i := range o.loose {
		s := &o.loose[i]
		if _, twice := pending[s.Inode]; !twice && read[s.NetNS] {
			pending[s.Inode] = i
		}
	}
	for _, t := range tables {
		for i := range t.sockets {
			s := &t.sockets[i]
			own(s)
			if len(pending) > 0 {
				delete(pending, s.Inode)
			}
		}
	}
	for i := range o.loose {
		s := &o.loose[i]
		if at, ok := pending[s.Inode]; ok && at == i {
			own(s)
			loose = append(loose, *s)
		}
	}
	return loose, counts
}
