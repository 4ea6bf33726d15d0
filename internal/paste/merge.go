package paste

import (
	"net/netip"

	"sockeye/internal/tcp"
)

// merge makes one set of sockets of several tables of the same machine. unused
// names the tables of which nothing was taken that another had not told better.
//
// Tables of one machine are taken seconds apart: of connections that come and go
// each has some that the others have not, and adding them up would count more
// than there ever were at a time. So for each state one table is believed, the
// one with most sockets in it, or one with nearly as many that tells more of each;
// the others only fill in what it does not tell. Tables that have next to nothing
// in common were asked for different sockets, and are added up.
//
// Sockets outside of all tables are left out. More than mergeMax tables are no
// tables but lines of prose: they are all kept.
func merge(sockets []tcp.Socket, tables []listing) (merged []tcp.Socket, unused []string) {
	tables = inBounds(tables, len(sockets))
	if len(tables) < 2 || len(tables) > mergeMax {
		return sockets, nil
	}
	m := merger{sockets: sockets, tables: tables}
	m.index()
	m.compare()
	used := make([]bool, len(tables))
	for s := range tcp.State(tcp.NumStates) {
		m.state(s, used)
	}
	for i, t := range tables {
		if !used[i] && t.to > t.from {
			unused = append(unused, t.kind)
		}
	}
	return m.out, unused
}

const (
	mergeMax = 32
	// mergeFew: smaller tables are examples out of an article, of which several may
	// show the same connection at different times.
	mergeFew = 3
)

// inBounds leaves out what no table can be.
func inBounds(tables []listing, n int) (good []listing) {
	end := 0
	for _, t := range tables {
		if t.from >= end && t.to >= t.from && t.to <= n {
			good = append(good, t)
			end = t.to
		}
	}
	return good
}

type merger struct {
	sockets []tcp.Socket
	tables  []listing
	rich    []int                    // what a table tells of its sockets, beyond tuple and state
	states  [][tcp.NumStates][]int32 // of each table, the sockets in each state
	where   []map[mergeKey]int32     // of each table, its sockets
	alike   []bool                   // a square: tables that tell of the same sockets
	out     []tcp.Socket
	taken   map[mergeKey]takenAs // sockets in out
}

// takenAs says of which table a socket was taken, and in what state.
type takenAs struct {
	table int
	state tcp.State
}

// again: what table tells of a socket in state s is told already, or was so in
// another state a moment before or after. Several listeners of one table may share
// an address (SO_REUSEPORT).
func (by takenAs) again(table int, s tcp.State, m *merger) bool {
	if s == tcp.Listen {
		return by.state == s && by.table != table
	}
	return by.state == s || by.table == table || m.same(by.table, table)
}

// mergeKey names a socket alike in all tables.
type mergeKey struct {
	local, remote netip.AddrPort
	listens       bool // a listener has no remote end, and may share its port with a client's
}

func keyOf(s *tcp.Socket) mergeKey {
	k := mergeKey{local: plainEnd(s.Local), remote: plainEnd(s.Remote), listens: s.State == tcp.Listen}
	if k.listens {
		k.remote = netip.AddrPort{}
	}
	return k
}

// plainEnd: interfaces as zones are told by some programs only, and "no remote
// end" is written in several ways. Names that stand for addresses keep theirs.
func plainEnd(end netip.AddrPort) netip.AddrPort {
	a := end.Addr()
	if a.Zone() != "" && a.IsLinkLocalUnicast() {
		a = a.WithZone("")
	}
	if !a.IsValid() || a.IsUnspecified() && end.Port() == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, end.Port())
}

// twin is the key under which another program may have a listener on every
// address: of a socket for IPv6 and IPv4 alike, ss prints "*" and netstat "::".
func (k mergeKey) twin() mergeKey {
	if k.local.Addr().Is4() {
		k.local = netip.AddrPortFrom(netip.IPv6Unspecified(), k.local.Port())
	} else {
		k.local = netip.AddrPortFrom(netip.IPv4Unspecified(), k.local.Port())
	}
	return k
}

// nowhere: a socket without addresses is like no other.
func (k mergeKey) nowhere() bool { return !k.local.IsValid() && !k.remote.IsValid() }

func sameState(s tcp.State) tcp.State {
	if s == tcp.NewSynRecv {
		return tcp.SynReceived
	}
	return s
}

func (m *merger) index() {
	m.rich = make([]int, len(m.tables))
	m.states = make([][tcp.NumStates][]int32, len(m.tables))
	m.where = make([]map[mergeKey]int32, len(m.tables))
	most := 0
	for i, t := range m.tables {
		m.where[i] = make(map[mergeKey]int32, t.to-t.from)
		most = max(most, t.to-t.from)
		for at := t.from; at < t.to; at++ {
			s := &m.sockets[at]
			if k := keyOf(s); s.State < tcp.NumStates {
				if k.nowhere() {
					m.states[i][s.State] = append(m.states[i][s.State], int32(at))
				} else if _, twice := m.where[i][k]; !twice || s.State == tcp.Listen {
					m.where[i][k] = int32(at)
					st := sameState(s.State)
					m.states[i][st] = append(m.states[i][st], int32(at))
				}
			}
			m.rich[i] = max(m.rich[i], richness(s))
		}
	}
	m.taken = make(map[mergeKey]takenAs, most)
	m.out = make([]tcp.Socket, 0, most)
}

// richness counts what a row tells.
func richness(s *tcp.Socket) (n int) {
	for _, tells := range []bool{s.PID != 0, s.Inode != 0, s.Timer.Kind != tcp.TimerOff, s.Info != nil, s.Cookie != 0, s.UID != 0, s.State == tcp.Listen && s.SendQ > 0} {
		if tells {
			n++
		}
	}
	return n
}

// state merges the sockets in one state.
func (m *merger) state(s tcp.State, used []bool) {
	best := -1
	for i := range m.tables {
		if best < 0 || m.better(s, i, best) {
			best = i
		}
	}
	if len(m.states[best][s]) == 0 {
		return
	}
	m.take(best, s, used)
	for i := range m.tables {
		if i != best && !m.same(i, best) {
			m.take(i, s, used)
		}
	}
}

// better: table a tells more of a state than b.
func (m *merger) better(s tcp.State, a, b int) bool {
	na, nb := len(m.states[a][s]), len(m.states[b][s])
	if na*10 >= nb*8 && nb*10 >= na*8 && m.rich[a] != m.rich[b] {
		return m.rich[a] > m.rich[b]
	}
	return na > nb
}

// compare finds out which tables tell of the same sockets: a fifth of those of the
// smaller one, or half of its listeners, which stay where they are.
func (m *merger) compare() {
	n := len(m.tables)
	m.alike = make([]bool, n*n)
	for i := range n {
		for j := range i {
			a, b := i, j
			if len(m.where[a]) > len(m.where[b]) {
				a, b = b, a
			}
			common, listeners, listening := 0, 0, 0
			for k := range m.where[a] {
				_, ok := m.find(m.where[b], k)
				if ok {
					common++
				}
				if k.listens {
					listeners++
					if ok {
						listening++
					}
				}
			}
			alike := len(m.where[a]) >= mergeFew && common*5 >= len(m.where[a]) || listening > 1 && listening*2 >= listeners
			m.alike[i*n+j], m.alike[j*n+i] = alike, alike
		}
	}
}

func (m *merger) same(a, b int) bool { return m.alike[a*len(m.tables)+b] }

func (m *merger) find(in map[mergeKey]int32, k mergeKey) (int32, bool) {
	at, ok := in[k]
	if !ok && k.listens && k.local.Addr().IsUnspecified() {
		at, ok = in[k.twin()]
	}
	return at, ok
}

// take adds a table's sockets in a state, with what the other tables tell of them.
func (m *merger) take(table int, s tcp.State, used []bool) {
	for _, at := range m.states[table][s] {
		row := m.sockets[at]
		k := keyOf(&row)
		if k.nowhere() {
			m.out = append(m.out, row)
			used[table] = true
			continue
		}
		if by, ok := m.taken[k]; ok && by.again(table, s, m) {
			continue
		}
		for i := range m.tables {
			if i == table {
				continue
			}
			if other, ok := m.find(m.where[i], k); ok {
				before := row
				fill(&row, &m.sockets[other])
				used[i] = used[i] || row != before
			}
		}
		m.taken[k] = takenAs{table, s}
		m.out = append(m.out, row)
		used[table] = true
	}
}

// fill gives a socket what another table tells of it.
func fill(s, other *tcp.Socket) {
	if s.State != tcp.TimeWait { // nobody owns that, whoever had the connection a moment before
		if s.PID <= 0 && other.PID > 0 || s.PID == 0 {
			s.PID = other.PID
		}
		if s.Inode == 0 {
			s.Inode, s.UID = other.Inode, other.UID
		}
	}
	if s.Cookie == 0 {
		s.Cookie = other.Cookie
	}
	if s.Info == nil {
		s.Info = other.Info
	}
	s.V4Mapped = s.V4Mapped || other.V4Mapped
	s.Mark, s.Iface = max(s.Mark, other.Mark), max(s.Iface, other.Iface)
	if sameState(s.State) != sameState(other.State) {
		return // what follows belongs to the state
	}
	if s.Timer.Kind == tcp.TimerOff {
		s.Timer = other.Timer
	}
	if s.State == tcp.Listen {
		s.RecvQ, s.SendQ = max(s.RecvQ, other.RecvQ), max(s.SendQ, other.SendQ)
	}
	s.Orphan = s.Orphan || other.Orphan
	if s.Port == tcp.PortUnknown {
		s.Port = other.Port
	}
}
