package collect

import (
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// owners says who holds which socket.
type owners struct {
	by    string             // Source.OwnersBy
	first map[uint64]int32   // inode → the process with the lowest pid that holds it
	more  map[uint64][]int32 // inode → all of them, ascending, where they are several
	udp   map[int32]int      // UDP sockets per process; nil when they were not counted

	loose  []tcp.Socket     // BOUND and CLOSED sockets, which stand in no TCP table
	places map[uint64]int32 // namespaces in which sockets were seen, each with a process that holds one
}

func newOwners(by string) *owners {
	return &owners{
		by: by, first: make(map[uint64]int32), more: make(map[uint64][]int32),
		udp: make(map[int32]int), places: make(map[uint64]int32),
	}
}

// hold notes that a process has a descriptor of a socket.
func (o *owners) hold(inode uint64, pid int32) {
	one, known := o.first[inode]
	if !known {
		o.first[inode] = pid
		return
	}
	if one == pid && o.more[inode] == nil {
		return // a second descriptor of the same
	}
	all := o.more[inode]
	if all == nil {
		all = []int32{one}
	}
	i, found := slices.BinarySearch(all, pid)
	if !found {
		all = slices.Insert(all, i, pid)
		o.more[inode], o.first[inode] = all, all[0]
	}
}

// settle gives the sockets their owners and drops the loose ones that the
// tables hold too, because they connected or listened in between. It returns
// the loose ones that are left, of the namespaces in read.
func (o *owners) settle(sn *host.Snapshot, tables []*table, read map[uint64]bool) (loose []tcp.Socket, counts map[int32]int) {
	counts = make(map[int32]int)
	own := func(s *tcp.Socket) {
		if s.Inode == 0 {
			return
		}
		pid, ok := o.first[s.Inode]
		if !ok {
			return
		}
		s.PID = pid
		all := o.more[s.Inode]
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
