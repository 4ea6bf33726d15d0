package cli

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// view is a snapshot with the names that its rows show; it answers the filter
// language's questions (filter.Names).
type view struct {
	sn         *host.Snapshot
	namespaces map[uint64]*host.NetNS
	users      map[uint32]string
	services   *tcp.Services
	showNames  bool // ports by service name
	stacks     bool // JSON with the whole stacks
	place      placeFunc
}

func newView(sn *host.Snapshot) *view {
	v := &view{sn: sn, place: placesOnce(collect.PlaceOf), namespaces: map[uint64]*host.NetNS{}, users: map[uint32]string{}}
	for _, ns := range sn.Namespaces {
		v.namespaces[ns.Inode] = ns
	}
	for _, p := range sn.Processes {
		if p.User != "" {
			v.users[p.UID] = p.User
		}
	}
	if _, known := v.users[0]; !known && sn.Machine.OS == "linux" {
		v.users[0] = "root"
	}
	return v
}

// Sharers implements filter.Names.
func (v *view) Sharers(s *tcp.Socket) []int32 {
	if s.Inode == 0 {
		return nil
	}
	return v.sn.Sharers[s.Inode]
}

// Process implements filter.Names.
func (v *view) Process(pid int32) (filter.Process, bool) {
	p := v.sn.Processes[pid]
	if p == nil {
		return filter.Process{}, false
	}
	out := filter.Process{Name: p.Name, Exe: p.Exe, Unit: p.Unit, Cgroup: p.Cgroup}
	if p.Container != nil {
		out.ContainerID, out.ContainerName = p.Container.ID, p.Container.Name
	}
	return out, true
}

// User implements filter.Names. A socket's own uid is meaningful only with an
// inode; where the source has none the holder's counts.
func (v *view) User(s *tcp.Socket) (uid uint32, name string, ok bool) {
	if s.Inode != 0 {
		return s.UID, v.users[s.UID], true
	}
	if p := v.process(s); p != nil && p.User != "" {
		return p.UID, p.User, true
	}
	return 0, "", false
}

// Interface implements filter.Names. Loopback has index 1 in every namespace of
// Linux (include/net/flow.h LOOPBACK_IFINDEX).
func (v *view) Interface(netns uint64, index uint32) string {
	if ns := v.namespaces[netns]; ns != nil && ns.Interfaces[index] != "" {
		return ns.Interfaces[index]
	}
	if index == 1 && v.sn.Machine.OS == "linux" {
		return "lo"
	}
	return ""
}

// Namespace implements filter.Names.
func (v *view) Namespace(inode uint64) string {
	if ns := v.namespaces[inode]; ns != nil {
		return ns.Name
	}
	return ""
}

// process returns the first process that holds the socket, nil when nothing is
// known of one.
func (v *view) process(s *tcp.Socket) *host.Process {
	if s.PID == 0 {
		return nil
	}
	return v.sn.Processes[s.PID]
}

// sortKey is one field of --sort.
type sortKey struct {
	field
	down bool
}

// sorted orders rows by the keys, first key first; rows that are equal keep
// their order, and unknown values come last whichever way.
func (v *view) sorted(rows []int32, keys []sortKey) {
	sockets := v.sn.Sockets
	slices.SortStableFunc(rows, func(i, j int32) int {
		for _, k := range keys {
			a, b := k.value(v, &sockets[i]), k.value(v, &sockets[j])
			if c := a.compare(b); c != 0 {
				if k.down && a.kind != unknown && b.kind != unknown {
					return -c
				}
				return c
			}
		}
		return 0
	})
}

type valueKind uint8

const (
	unknown valueKind = iota
	numeral
	serial // a number that is a name: text in JSON
	words
	address
	endpoint
	place      // a line of code
	gapInStack // what hides it
)

// value is what a field says of one socket. It is made for every row and key,
// so it holds no memory of its own.
type value struct {
	kind valueKind
	n    uint64
	text string // may hold any byte; of a place the function
	file string // of a place, whose line is n
	addr netip.AddrPort
}

func numberValue(n uint64, known bool) value {
	if !known {
		return value{}
	}
	return value{kind: numeral, n: n}
}

func textValue(s string) value {
	if s == "" {
		return value{}
	}
	return value{kind: words, text: s}
}

func addrValue(a netip.AddrPort) value {
	if !a.Addr().IsValid() {
		return value{}
	}
	return value{kind: address, addr: a}
}

func (a value) compare(b value) int {
	if a.kind == unknown || b.kind == unknown {
		return cmp.Compare(b2i(a.kind == unknown), b2i(b.kind == unknown))
	}
	if a.kind == place || b.kind == place { // by name, then by line
		return cmp.Or(cmp.Compare(b2i(a.kind != place), b2i(b.kind != place)),
			cmp.Compare(a.text, b.text), cmp.Compare(a.file, b.file), cmp.Compare(a.n, b.n))
	}
	return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.text, b.text), a.addr.Compare(b.addr))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// appendTo appends the value as it is; nothing when it is unknown.
func (a value) appendTo(dst []byte) []byte {
	switch a.kind {
	case numeral, serial:
		return strconv.AppendUint(dst, a.n, 10)
	case words:
		return append(dst, a.text...)
	case address:
		return a.addr.Addr().AppendTo(dst)
	case endpoint:
		return a.addr.AppendTo(dst)
	case place:
		return appendPlace(dst, a.text, a.file, a.n)
	case gapInStack:
		return append(append(append(dst, '['), a.text...), ']')
	}
	return dst
}

// appendSpan prints a time span as ss does: 190ms, 4.2s, 41s, 3m20s, 2h05m, 4d3h.
func appendSpan(dst []byte, d time.Duration) []byte {
	two := func(n time.Duration, unit byte, rest time.Duration, restUnit byte) []byte {
		dst = append(strconv.AppendInt(dst, int64(n), 10), unit)
		if rest < 10 && restUnit != 'h' {
			dst = append(dst, '0')
		}
		return append(strconv.AppendInt(dst, int64(rest), 10), restUnit)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return append(strconv.AppendInt(dst, d.Milliseconds(), 10), "ms"...)
	case d < 10*time.Second:
		return append(strconv.AppendFloat(dst, float64(d/(100*time.Millisecond))/10, 'f', 1, 64), 's')
	case d < time.Minute:
		return append(strconv.AppendInt(dst, int64(d/time.Second), 10), 's')
	case d < time.Hour:
		return two(d/time.Minute, 'm', d%time.Minute/time.Second, 's')
	case d < day:
		return two(d/time.Hour, 'h', d%time.Hour/time.Minute, 'm')
	}
	return two(d/day, 'd', d%day/time.Hour, 'h')
}

// appendFineSpan is appendSpan with microseconds: 31µs, 4.2ms, 190ms.
func appendFineSpan(dst []byte, d time.Duration) []byte {
	switch {
	case d < time.Millisecond:
		return append(strconv.AppendInt(dst, d.Microseconds(), 10), "µs"...)
	case d < 10*time.Millisecond:
		return append(strconv.AppendFloat(dst, float64(d/(100*time.Microsecond))/10, 'f', 1, 64), "ms"...)
	}
	return appendSpan(dst, d)
}

// appendDecimal prints a number of thousandths without trailing zeros: 41.2.
func appendDecimal(dst []byte, thousandths int64) []byte {
	if thousandths < 0 {
		dst, thousandths = append(dst, '-'), -thousandths
	}
	dst = strconv.AppendInt(dst, thousandths/1000, 10)
	if frac := thousandths % 1000; frac != 0 {
		dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}
