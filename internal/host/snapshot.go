package host

import (
	"time"

	"sockeye/internal/tcp"
)

// Snapshot is everything that was read of a machine in one look. It is
// read-only once made.
type Snapshot struct {
	Machine Machine
	TakenAt time.Time     // when the look began
	Took    time.Duration // how long it lasted: nothing below is more exact than that
	Source  Source

	Sockets    []tcp.Socket
	Namespaces []*NetNS           // every namespace that was looked into
	Processes  map[int32]*Process // those that hold a TCP socket or are near a limit of their own
	Sharers    map[uint64][]int32 // inode → all pids, ascending, for sockets that several processes hold

	// Lives is what a tracer remembers of sockets, by cookie: opener and closer of
	// every connection that began while it watched. Nil when nobody did.
	Lives      map[uint64]*Life
	Remembered time.Time // since when: of what began earlier nothing may be remembered; zero without Lives

	// Counted is how many sockets are in each state, told by a source that counts
	// them and lists none; nil when nothing counted.
	Counted map[tcp.State]uint64

	// CountedEnds is how many connections there are with each remote end, most
	// first, told by a source that counts them by address; nil when nothing did.
	CountedEnds []CountedEnd

	// CountedOwners is how many sockets in a state a process has, told by a source
	// that counts them by owner, ordered by pid and state; nil when nothing did.
	CountedOwners []CountedOwner

	System     System
	BlindSpots []BlindSpot
}

// CountedOwner is a process of which a text tells only how many sockets it has.
type CountedOwner struct {
	PID   int32
	State tcp.State
	Count uint64
}

// CountedEnd is a remote end of which a text tells only how often it stands there.
type CountedEnd struct {
	End   string // as it is written: "203.0.113.7", "10.0.0.2:3306"
	Count uint64
}

// Machine is where a Snapshot comes from. Empty strings and a zero Uptime are
// unknown (a paste tells little).
type Machine struct {
	Name   string
	OS     string // "linux", "windows", …
	Kernel string // "6.18.44"
	Uptime time.Duration
	// InitialNetNS is the inode of the host's own network namespace, 0 when it
	// could not be told. The host-wide counters belong to it.
	InitialNetNS uint64
}

// SourceKind says whether a Snapshot was read live, recorded, or pasted.
type SourceKind string

// Kinds of source, as the report contract spells them.
const (
	Live   SourceKind = "live"
	Paste  SourceKind = "paste"
	Record SourceKind = "record"
)

// Source says how a Snapshot came about.
type Source struct {
	Kind      SourceKind
	SocketsBy string // "bpf-iter", "sock_diag", "procfs", "iphlpapi" or "text"
	OwnersBy  string // "bpf-iter", "procfs", "text" or "none"
}

// BlindSpot is something that was not seen: never silently missing. Code picks
// its words in knowledge ("blind spots"); Subject fills them.
type BlindSpot struct {
	Code    string // stable id, e.g. "no-root", "netns-vanished"
	Subject string // what it happened to: "pid 812", "netns 4026532281"; may be ""
	Err     string // the system's own words, "" when there are none
	Count   int    // how often, at least 1
}

// Owners returns every process that holds s, first the one in s.PID.
func (sn *Snapshot) Owners(s *tcp.Socket) []int32 {
	if s.PID == 0 {
		return nil
	}
	if all := sn.Sharers[s.Inode]; len(all) > 1 && s.Inode != 0 {
		return all
	}
	return []int32{s.PID}
}

// Life returns what a tracer remembers of a socket, nil when nothing.
func (sn *Snapshot) Life(s *tcp.Socket) *Life {
	if s.Cookie == 0 {
		return nil
	}
	return sn.Lives[s.Cookie]
}

// Namespace returns the namespace with that inode, nil when it was not looked into.
func (sn *Snapshot) Namespace(inode uint64) *NetNS {
	for _, ns := range sn.Namespaces {
		if ns.Inode == inode {
			return ns
		}
	}
	return nil
}
