package form

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

// PastedNS stands for the namespace that the text was taken in. Texts tell of one
// namespace at a time, and do not tell which.
const PastedNS = 1

// Builder gathers what the parts of a text tell of one machine. All its methods
// copy what they are given.
type Builder struct {
	Machine   host.Machine
	takenAt   time.Time
	Sockets   []tcp.Socket
	Processes map[int32]*host.Process
	named     map[string]int32 // processes of which only the name is known, by name
	Sharers   map[uint64][]int32
	NS        host.NetNS
	System    host.System
	Counted   map[tcp.State]uint64  // by texts that count instead of listing
	Owning    map[OwnedState]uint64 // by texts that count by owner, too
	blind     []host.BlindSpot
	Ports     *tcp.Services
	Commands  []string
	UDP       uint64
	Prose     []byte // see Heard

	Room       int                 // how many sockets are kept
	Beyond     uint64              // sockets that found no room
	Impossible bool                // the row that is being read says what no row can
	spare      tcp.Socket          // what further lines tell of a socket that was not kept
	Spared     bool                // that was the last one
	stranger   host.Process        // what is told of a process that finds no room
	names      map[string]struct{} // names of hosts that are kept
	Hosts      Machines

	Configuration bool // what is read is known to be a configuration file

	InUse4, InUse6, UDP4, UDP6 host.Opt // sockstat's, each family in a file of its own

	Peers          map[string]uint64 // by texts that count connections for each remote end
	Tracked        map[string]uint64 // entries of connection tracking by their state, of the longest list
	TrackedRows    uint64            // entries of that list
	ConntrackExact bool              // NS.ConntrackCount is the kernel's own, not the length of a list
}

// NewBuilder makes an empty one; now is taken for the time of the look unless a text
// tells another.
func NewBuilder(now time.Time) *Builder {
	return &Builder{
		takenAt:   now,
		Room:      socketsMost,
		Processes: map[int32]*host.Process{},
		named:     map[string]int32{},
		Sharers:   map[uint64][]int32{},
		NS:        host.NetNS{Inode: PastedNS, Settings: host.Settings{}, Counters: host.Counters{}},
		System:    host.System{Settings: host.Settings{}},
		Counted:   map[tcp.State]uint64{},
	}
}

// Socket adds a row; NetNS is set here. Of a row that cannot be, or finds no room,
// Last returns a copy that nobody sees: what is told of it further on goes there.
func (b *Builder) Socket(s tcp.Socket) {
	s.NetNS = PastedNS
	if s.RecvQ > queueMost || s.SendQ > queueMost {
		b.Impossible = true
		b.spare, b.Spared = s, true
		return
	}
	if len(b.Sockets) >= b.Room {
		b.Beyond++
		b.spare, b.Spared = s, true
		return
	}
	s.Local, s.Remote = b.known(s.Local), b.known(s.Remote)
	b.Sockets = append(b.Sockets, s)
	b.Spared = false
}

// known gives one of many masks to an end with a name for which there is no room:
// a program that lies can write a million names, and each costs what a socket costs.
// Few ends share a mask, and a mask is known to hide several.
func (b *Builder) known(end netip.AddrPort) netip.AddrPort {
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
	b.Cannot("paste-names-many", "")
	h := fnv.New32a()
	_, _ = io.WriteString(h, zone) // a hash takes anything
	mask := strconv.AppendUint([]byte("***"), uint64(h.Sum32()%namesMost), 10)
	return netip.AddrPortFrom(address(mask), end.Port())
}

// Expect makes room for so many times the sockets that there are, once: growing
// step by step would copy a million rows over and over.
func (b *Builder) Expect(times float64) {
	const most = 16 << 20 // a text may be all alike at first and something else then
	if want := int(float64(len(b.Sockets)) * times * 1.02); want > len(b.Sockets) && want < most {
		want = min(want, b.Room)
		b.Sockets = slices.Grow(b.Sockets, want-len(b.Sockets))
	}
}

// Last is the socket that was added last, nil when there is none: for texts that
// tell of a socket in several lines.
func (b *Builder) Last() *tcp.Socket {
	if b.Spared {
		return &b.spare
	}
	if len(b.Sockets) == 0 {
		return nil
	}
	return &b.Sockets[len(b.Sockets)-1]
}

// Unlast takes back the socket that was added last.
func (b *Builder) Unlast() {
	if b.Spared {
		b.Spared, b.Impossible = false, false
		return
	}
	b.Sockets = b.Sockets[:len(b.Sockets)-1]
}

// Heard keeps the beginning of the last line that was part of nothing: what
// stands before a table says what it is. Nil: a table stood there.
func (b *Builder) Heard(line []byte) { b.Prose = append(b.Prose[:0], line[:min(len(line), 240)]...) }

// Process returns the process with that pid (above 0), made when it is new. An
// empty name leaves what is known. What is told of a process for which there is no
// room is forgotten; its sockets keep its pid.
func (b *Builder) Process(pid int32, name string) *host.Process {
	p := b.Processes[pid]
	if p == nil && len(b.Processes) >= ProcessesMost {
		b.Cannot("paste-processes-many", "")
		b.stranger = host.Process{PID: pid, UDP: -1, NetNS: PastedNS}
		return &b.stranger
	}
	if p == nil {
		p = &host.Process{PID: pid, UDP: -1, NetNS: PastedNS}
		b.Processes[pid] = p
	}
	if name != "" {
		p.Name = strings.Clone(name)
	}
	return p
}

// Nameless returns a process of which the text tells the name and not the pid:
// its PID is negative, and is nobody's.
func (b *Builder) Nameless(name string) *host.Process {
	pid, ok := b.named[name]
	if !ok && len(b.Processes) >= ProcessesMost {
		return b.Process(math.MinInt32, name) // all of them
	}
	if !ok {
		pid = -1 - int32(len(b.named))
		b.named[strings.Clone(name)] = pid
	}
	return b.Process(pid, name)
}

// Share says that a process, too, holds the sockets with that inode.
func (b *Builder) Share(inode uint64, pid int32) {
	for _, p := range b.Sharers[inode] {
		if p == pid {
			return
		}
	}
	b.Sharers[inode] = append(b.Sharers[inode], pid)
}

// Setting keeps a setting by its sysctl name, with dots. Settings of Windows and
// of BSD have their own names ("net.inet.tcp.msl", "windows.dynamicport.ipv4.tcp").
func (b *Builder) Setting(name, value string) {
	name, value = strings.Clone(name), strings.Clone(strings.TrimSpace(value))
	b.NS.Settings[name] = value
	if hostWide(name) {
		b.System.Settings[name] = value
	}
}

// Counter keeps a counter by nstat's name.
func (b *Builder) Counter(name string, value uint64) { b.NS.Counters[strings.Clone(name)] = value }

// Count keeps that so many sockets were in a state, told by a text that lists none.
func (b *Builder) Count(s tcp.State, n uint64) { b.Counted[s] += n }

// OS says which system wrote the text, as runtime.GOOS spells it. The first to say
// so is believed.
func (b *Builder) OS(name string) {
	if b.Machine.OS == "" {
		b.Machine.OS = name
	}
}

// Command is told of a command line that stands before its output: "netstat -ano".
func (b *Builder) Command(line string) {
	if len(b.Commands) < 64 {
		b.Commands = append(b.Commands, strings.Clone(line))
	}
}

// Cannot says that something was not seen, in the words of knowledge ("blind.CODE").
func (b *Builder) Cannot(code, subject string) {
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

// Snapshot is all that was put in.
func (b *Builder) Snapshot() *host.Snapshot {
	if b.Beyond > 0 {
		b.Cannot("paste-sockets-many", strconv.FormatUint(b.Beyond, 10))
	}
	if several := b.Hosts.several(); several != "" {
		b.Cannot("paste-several-hosts", several)
	}
	sn := &host.Snapshot{
		Machine: b.Machine, TakenAt: b.takenAt,
		Source:     host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "text"},
		Sockets:    b.Sockets,
		Namespaces: []*host.NetNS{&b.NS}, Processes: b.Processes, Sharers: b.Sharers,
		System: b.System, BlindSpots: b.blind,
	}
	for _, p := range b.Processes {
		if p.Runtime == "" {
			p.Runtime = host.RuntimeOf(p.Name, p.Exe, p.Cmdline, nil)
		}
	}
	if len(b.Counted) > 0 {
		sn.Counted = b.Counted
		sn.CountedOwners = b.countedOwners()
	}
	sn.CountedEnds = mostCounted(b.Peers)
	b.NS.Tracked = b.Tracked
	return sn
}

// ProcessesMost is how many processes a table may have: Linux counts no further
// (PID_MAX_LIMIT, include/linux/threads.h, v6.18, is 4 million), a machine that
// people paste from has thousands.
const ProcessesMost = 1 << 18

// LastCommand is the command line seen last, "" when there was none.
func (b *Builder) LastCommand() string {
	if len(b.Commands) == 0 {
		return ""
	}
	return b.Commands[len(b.Commands)-1]
}
