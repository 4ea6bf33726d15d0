package paste

import (
	"hash/fnv"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

const (
	// socketsMost is how many sockets are kept: more than any machine had that
	// somebody pasted from, and what fits into memory beside their diagnosis. A small
	// archive can hold any number of equal rows.
	socketsMost = 2 << 20
	// namesMost is how many different names of hosts are kept as they are written.
	namesMost = 1 << 16
	// queueMost is more than any queue holds: the kernels count its bytes in an int.
	queueMost = 1<<31 - 1
)

// pastedNS stands for the namespace that the text was taken in. Texts tell of one
// namespace at a time, and do not tell which.
const pastedNS = 1

// builder gathers what the parts of a text tell of one machine. All its methods
// copy what they are given.
type builder struct {
	machine   host.Machine
	takenAt   time.Time
	sockets   []tcp.Socket
	processes map[int32]*host.Process
	named     map[string]int32 // processes of which only the name is known, by name
	sharers   map[uint64][]int32
	ns        host.NetNS
	system    host.System
	counted   map[tcp.State]uint64  // by texts that count instead of listing
	owning    map[ownedState]uint64 // by texts that count by owner, too
	blind     []host.BlindSpot
	ports     *tcp.Services
	commands  []string
	udp       uint64
	prose     []byte // see heard

	room       int                 // how many sockets are kept
	beyond     uint64              // sockets that found no room
	impossible bool                // the row that is being read says what no row can
	spare      tcp.Socket          // what last returns of a socket that was not kept
	spared     bool                // that was the last one
	stranger   host.Process        // what process returns of a process that finds no room
	names      map[string]struct{} // names of hosts that are kept
	hosts      machines

	configuration bool // what is read is known to be a configuration file

	inUse4, inUse6, udp4, udp6 host.Opt // sockstat's, each family in a file of its own

	peers          map[string]uint64 // by texts that count connections for each remote end
	tracked        map[string]uint64 // entries of connection tracking by their state, of the longest list
	trackedRows    uint64            // entries of that list
	conntrackExact bool              // ns.ConntrackCount is the kernel's own, not the length of a list
}

func newBuilder(o Options) *builder {
	return &builder{
		takenAt:   o.Now,
		room:      socketsMost,
		processes: map[int32]*host.Process{},
		named:     map[string]int32{},
		sharers:   map[uint64][]int32{},
		ns:        host.NetNS{Inode: pastedNS, Settings: host.Settings{}, Counters: host.Counters{}},
		system:    host.System{Settings: host.Settings{}},
		counted:   map[tcp.State]uint64{},
	}
}

// socket adds a row; NetNS is set here. Of a row that cannot be, or finds no room,
// last returns a copy that nobody sees: what is told of it further on goes there.
func (b *builder) socket(s tcp.Socket) {
	s.NetNS = pastedNS
	if s.RecvQ > queueMost || s.SendQ > queueMost {
		b.impossible = true
		b.spare, b.spared = s, true
		return
	}
	if len(b.sockets) >= b.room {
		b.beyond++
		b.spare, b.spared = s, true
		return
	}
	s.Local, s.Remote = b.known(s.Local), b.known(s.Remote)
	b.sockets = append(b.sockets, s)
	b.spared = false
}

// known gives one of many masks to an end with a name for which there is no room:
// a program that lies can write a million names, and each costs what a socket costs.
// Few ends share a mask, and a mask is known to hide several.
func (b *builder) known(end netip.AddrPort) netip.AddrPort {
	zone := end.Addr().Zone()
	if zone == "" {
		return end
	}
	if _, ok := b.names[zone]; ok {
		return end
	}
	if len(b.names) < namesMost {
		if b.names == nil {
			b.names = map[string]struct{}{}
		}
		b.names[zone] = struct{}{}
		return end
	}
	b.cannot("paste-names-many", "")
	h := fnv.New32a()
	_, _ = io.WriteString(h, zone) // a hash takes anything
	mask := strconv.AppendUint([]byte("***"), uint64(h.Sum32()%namesMost), 10)
	return netip.AddrPortFrom(address(mask), end.Port())
}

// expect makes room for so many times the sockets that there are, once: growing
// step by step would copy a million rows over and over.
func (b *builder) expect(times float64) {
	const most = 16 << 20 // a text may be all alike at first and something else then
	if want := int(float64(len(b.sockets)) * times * 1.02); want > len(b.sockets) && want < most {
		want = min(want, b.room)
		b.sockets = slices.Grow(b.sockets, want-len(b.sockets))
	}
}

// last is the socket that was added last, nil when there is none: for texts that
// tell of a socket in several lines.
func (b *builder) last() *tcp.Socket {
	if b.spared {
		return &b.spare
	}
	if len(b.sockets) == 0 {
		return nil
	}
	return &b.sockets[len(b.sockets)-1]
}

// unlast takes back the socket that was added last.
func (b *builder) unlast() {
	if b.spared {
		b.spared, b.impossible = false, false
		return
	}
	b.sockets = b.sockets[:len(b.sockets)-1]
}

// heard keeps the beginning of the last line that was part of nothing: what
// stands before a table says what it is. Nil: a table stood there.
func (b *builder) heard(line []byte) { b.prose = append(b.prose[:0], line[:min(len(line), 240)]...) }

// process returns the process with that pid (above 0), made when it is new. An
// empty name leaves what is known. What is told of a process for which there is no
// room is forgotten; its sockets keep its pid.
func (b *builder) process(pid int32, name string) *host.Process {
	p := b.processes[pid]
	if p == nil && len(b.processes) >= processesMost {
		b.cannot("paste-processes-many", "")
		b.stranger = host.Process{PID: pid, UDP: -1, NetNS: pastedNS}
		return &b.stranger
	}
	if p == nil {
		p = &host.Process{PID: pid, UDP: -1, NetNS: pastedNS}
		b.processes[pid] = p
	}
	if name != "" {
		p.Name = strings.Clone(name)
	}
	return p
}

// nameless returns a process of which the text tells the name and not the pid:
// its PID is negative, and is nobody's.
func (b *builder) nameless(name string) *host.Process {
	pid, ok := b.named[name]
	if !ok && len(b.processes) >= processesMost {
		return b.process(math.MinInt32, name) // all of them
	}
	if !ok {
		pid = -1 - int32(len(b.named))
		b.named[strings.Clone(name)] = pid
	}
	return b.process(pid, name)
}

// share says that a process, too, holds the sockets with that inode.
func (b *builder) share(inode uint64, pid int32) {
	for _, p := range b.sharers[inode] {
		if p == pid {
			return
		}
	}
	b.sharers[inode] = append(b.sharers[inode], pid)
}

// setting keeps a setting by its sysctl name, with dots. Settings of Windows and
// of BSD have their own names ("net.inet.tcp.msl", "windows.dynamicport.ipv4.tcp").
func (b *builder) setting(name, value string) {
	name, value = strings.Clone(name), strings.Clone(strings.TrimSpace(value))
	b.ns.Settings[name] = value
	if hostWide(name) {
		b.system.Settings[name] = value
	}
}

// hostWide: what the kernel has once, whatever the namespaces.
func hostWide(name string) bool {
	switch name {
	case "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog":
		return true
	}
	return strings.HasPrefix(name, "fs.") || strings.HasPrefix(name, "net.ipv4.neigh.") || strings.HasPrefix(name, "net.ipv6.neigh.")
}

// counter keeps a counter by nstat's name.
func (b *builder) counter(name string, value uint64) { b.ns.Counters[strings.Clone(name)] = value }

// count keeps that so many sockets were in a state, told by a text that lists none.
func (b *builder) count(s tcp.State, n uint64) { b.counted[s] += n }

// os says which system wrote the text, as runtime.GOOS
// spells it. The first to say so is believed.
func (b *builder) os(name string) {
	if b.machine.OS == "" {
		b.machine.OS = name
	}
}

// command is told of a command line that stands before its output: "netstat -ano".
func (b *builder) command(line string) {
	if len(b.commands) < 64 {
		b.commands = append(b.commands, strings.Clone(line))
	}
}

// cannot says that something was not seen, in the words of knowledge ("blind.CODE").
func (b *builder) cannot(code, subject string) {
	for i := range b.blind {
		if b.blind[i].Code == code && b.blind[i].Subject == subject {
			b.blind[i].Count++
			return
		}
	}
	if len(b.blind) < 64 {
		b.blind = append(b.blind, host.BlindSpot{Code: code, Subject: strings.Clone(subject), Count: 1})
	}
}

// address returns an address for what is written where one should be but is none:
// a host's name, or a masked address ("XX.XX.3.4"). The same text gives the same
// address, in the discard prefix 100::/64 (RFC 6666) with the text as its zone.
func address(text []byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 1}).WithZone(string(text))
}

func (b *builder) snapshot(parts []Part) *host.Snapshot {
	for _, p := range parts {
		if p.Cut && !p.broken {
			b.cannot("paste-cut", p.Kind)
		}
		if p.Bad > 0 {
			b.cannot("paste-lines-bad", p.Kind)
		}
	}
	if b.beyond > 0 {
		b.cannot("paste-sockets-many", strconv.FormatUint(b.beyond, 10))
	}
	if several := b.hosts.several(); several != "" {
		b.cannot("paste-several-hosts", several)
	}
	sn := &host.Snapshot{
		Machine: b.machine, TakenAt: b.takenAt,
		Source:     host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "text"},
		Sockets:    b.sockets,
		Namespaces: []*host.NetNS{&b.ns}, Processes: b.processes, Sharers: b.sharers,
		System: b.system, BlindSpots: b.blind,
	}
	for _, p := range b.processes {
		if p.Runtime == "" {
			p.Runtime = host.RuntimeOf(p.Name, p.Exe, p.Cmdline, nil)
		}
	}
	if len(b.counted) > 0 {
		sn.Counted = b.counted
		sn.CountedOwners = b.countedOwners()
	}
	sn.CountedEnds = mostCounted(b.peers)
	b.ns.Tracked = b.tracked
	return sn
}
