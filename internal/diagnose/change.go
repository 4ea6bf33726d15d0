package diagnose

import (
	"iter"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// identity is what makes a socket of one look the same as one of the other where
// the source tells no cookies: its addresses. Without a remote end several
// sockets may share their addresses; then the file tells them apart.
type identity struct {
	tuple tcp.Tuple
	inode uint64
}

// cookies reports whether both looks come from a source that tells cookies.
func (x *examination) cookies() bool {
	return x.before != nil && x.before.Source.SocketsBy == x.now.Source.SocketsBy
}

func identityOf(sk *tcp.Socket) identity {
	if !sk.Remote.IsValid() {
		return identity{tuple: sk.Tuple(), inode: sk.Inode}
	}
	return identity{tuple: sk.Tuple()}
}

// change compares the sockets for which match holds in the two looks: stayed
// matched in both, came matches now and did not before (a new socket, or one
// that changed), and gone is how many matched before and do so no more. stayed
// and came point into the last look, in its order. With a single look nothing is
// known of change: all three are empty, whatever matches.
func (x *examination) change(match func(*tcp.Socket) bool) (stayed, came []*tcp.Socket, gone int) {
	if x.before == nil {
		return nil, nil, 0
	}
	return x.compare(matching(x.before.Sockets, match), matching(x.now.Sockets, match))
}

// changeIn is change for the sockets of one state, whose lists are made once.
func (x *examination) changeIn(st tcp.State, match func(*tcp.Socket) bool) (stayed, came []*tcp.Socket, gone int) {
	if x.before == nil {
		return nil, nil, 0
	}
	return x.compare(only(x.stateThen(st), match), only(x.state(st), match))
}

func (x *examination) compare(then, now []*tcp.Socket) (stayed, came []*tcp.Socket, gone int) {
	was := x.newIdentities(len(then)) // a count: identical rows of a poor source stay several
	for _, sk := range then {
		*was.at(sk)++
	}
	for _, sk := range now {
		if n := was.find(sk); n != nil && *n > 0 {
			*n--
			stayed = append(stayed, sk)
			continue
		}
		came = append(came, sk)
	}
	return stayed, came, len(then) - len(stayed)
}

// earlier returns, for each socket of the last look, what it was in the first;
// nil where it did not exist or there was no first look.
func (x *examination) earlier(socks []*tcp.Socket) []*tcp.Socket {
	if x.before == nil || len(socks) == 0 {
		return make([]*tcp.Socket, len(socks))
	}
	return x.earlierAmong(func(yield func(*tcp.Socket) bool) {
		for i := range x.before.Sockets {
			if !yield(&x.before.Sockets[i]) {
				return
			}
		}
	}, socks)
}

// earlierAmong is earlier where it is known which sockets of the first look can
// be meant: who asks for many groups must not walk all of it for each.
func (x *examination) earlierAmong(then iter.Seq[*tcp.Socket], socks []*tcp.Socket) []*tcp.Socket {
	out := make([]*tcp.Socket, len(socks))
	wanted := x.newIdentities(len(socks))
	for i, sk := range socks {
		*wanted.at(sk) = int32(i)
	}
	for sk := range then {
		if at := wanted.find(sk); at != nil {
			out[*at] = sk
		}
	}
	return out
}

// identities holds a number for each of many sockets. Cookies, which live looks
// have, go into a map of their own: hashing addresses takes five times as long.
type identities struct {
	cookies  bool
	byCookie map[uint64]int32 // index into numbers
	others   map[identity]int32
	numbers  []int32
}

func (x *examination) newIdentities(n int) *identities {
	return &identities{cookies: x.cookies(), byCookie: make(map[uint64]int32, n), others: map[identity]int32{}, numbers: make([]int32, 0, n)}
}

// find returns the socket's number, nil where it has none.
func (m *identities) find(sk *tcp.Socket) *int32 {
	if m.cookies && sk.Cookie != 0 {
		if i, ok := m.byCookie[sk.Cookie]; ok {
			return &m.numbers[i]
		}
		return nil
	}
	if len(m.others) == 0 {
		return nil
	}
	if i, ok := m.others[identityOf(sk)]; ok {
		return &m.numbers[i]
	}
	return nil
}

// at returns the socket's number, a new 0 where it had none. The pointer is good
// until the next new one.
func (m *identities) at(sk *tcp.Socket) *int32 {
	if n := m.find(sk); n != nil {
		return n
	}
	i := int32(len(m.numbers))
	m.numbers = append(m.numbers, 0)
	if m.cookies && sk.Cookie != 0 {
		m.byCookie[sk.Cookie] = i
	} else {
		m.others[identityOf(sk)] = i
	}
	return &m.numbers[i]
}

// stateIndex lists the sockets of a look by state, in its order.
type stateIndex [tcp.NumStates][]*tcp.Socket

// state returns the sockets that are in a state in the last look.
func (x *examination) state(st tcp.State) []*tcp.Socket {
	if x.statesNow == nil {
		x.statesNow = byState(x.now)
	}
	return x.statesNow[st]
}

// stateThen is state for the first look, empty when there was none.
func (x *examination) stateThen(st tcp.State) []*tcp.Socket {
	if x.before == nil {
		return nil
	}
	if x.statesThen == nil {
		x.statesThen = byState(x.before)
	}
	return x.statesThen[st]
}

func byState(sn *host.Snapshot) *stateIndex {
	var n [tcp.NumStates]int
	for i := range sn.Sockets {
		if st := sn.Sockets[i].State; st < tcp.NumStates {
			n[st]++
		}
	}
	var index stateIndex
	for st := range index {
		if n[st] > 0 {
			index[st] = make([]*tcp.Socket, 0, n[st])
		}
	}
	for i := range sn.Sockets {
		if sk := &sn.Sockets[i]; sk.State < tcp.NumStates {
			index[sk.State] = append(index[sk.State], sk)
		}
	}
	return &index
}

// matching and only count before they list: a list that grows to a million leaves
// several times its size behind.
func matching(socks []tcp.Socket, match func(*tcp.Socket) bool) []*tcp.Socket {
	n := 0
	for i := range socks {
		if match(&socks[i]) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]*tcp.Socket, 0, n)
	for i := range socks {
		if sk := &socks[i]; match(sk) {
			out = append(out, sk)
		}
	}
	return out
}

func only(socks []*tcp.Socket, match func(*tcp.Socket) bool) []*tcp.Socket {
	n := 0
	for _, sk := range socks {
		if match(sk) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]*tcp.Socket, 0, n)
	for _, sk := range socks {
		if match(sk) {
			out = append(out, sk)
		}
	}
	return out
}
