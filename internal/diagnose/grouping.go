package diagnose

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"net/netip"

	"sockeye/internal/tcp"
)

// way is where connections go: what tells those of one group from others. A part
// that does not matter stays zero.
type way struct {
	ns     uint64
	laddr  netip.Addr
	remote netip.AddrPort
}

// wayOut is what Linux keeps local ports unique for (see groupKey).
func wayOut(sk *tcp.Socket) way { return way{sk.NetNS, sk.Local.Addr(), sk.Remote} }

// wayThere is a destination, whatever it is reached from.
func wayThere(sk *tcp.Socket) way { return way{ns: sk.NetNS, remote: sk.Remote} }

// census numbers sockets by where they go: those that go the same way have the
// same number, counted from 0 in the order in which they appear. A crawler's
// million of ways costs 24 to 40 bytes each: the ways themselves are not kept, the
// first socket of each tells its own.
type census struct {
	of    func(*tcp.Socket) way
	seed  maphash.Seed // unforeseeable: who writes the text chooses the addresses
	slots []slot       // by hash; a power of two of them
	first []*tcp.Socket
}

// slot is free while after is 0. The hash is kept so that sockets, which lie all
// over the memory, are looked at only where they are the right ones.
type slot struct {
	after int32 // number + 1
	hash  uint32
}

func newCensus(of func(*tcp.Socket) way) *census {
	return &census{of: of, seed: maphash.MakeSeed(), slots: make([]slot, 64)}
}

// number returns the number of the socket's way, a new one where it has none.
func (c *census) number(sk *tcp.Socket) int {
	w := c.of(sk)
	hash := w.hash(c.seed)
	at := c.slot(w, hash)
	if after := c.slots[at].after; after > 0 {
		return int(after) - 1
	}
	if len(c.first)*2 >= len(c.slots) {
		c.grow()
		at = c.slot(w, hash)
	}
	c.first = append(c.first, sk)
	c.slots[at] = slot{int32(len(c.first)), hash}
	return len(c.first) - 1
}

// find returns the number of a way, -1 where nothing went it.
func (c *census) find(w way) int {
	return int(c.slots[c.slot(w, w.hash(c.seed))].after) - 1
}

// slot finds where a way is, or the free place where it would be.
func (c *census) slot(w way, hash uint32) int {
	mask := len(c.slots) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		if s := c.slots[at]; s.after == 0 || s.hash == hash && c.of(c.first[s.after-1]) == w {
			return at
		}
	}
}

func (c *census) grow() {
	old := c.slots
	c.slots = make([]slot, 2*len(old))
	mask := len(c.slots) - 1
	for _, s := range old {
		if s.after == 0 {
			continue
		}
		at := int(s.hash) & mask
		for c.slots[at].after != 0 { // no two are alike
			at = (at + 1) & mask
		}
		c.slots[at] = s
	}
}

func (w way) hash(seed maphash.Seed) uint32 {
	var b [44]byte
	binary.LittleEndian.PutUint64(b[:], w.ns)
	laddr, raddr := w.laddr.As16(), w.remote.Addr().As16()
	copy(b[8:], laddr[:])
	copy(b[24:], raddr[:])
	binary.LittleEndian.PutUint16(b[40:], w.remote.Port())
	b[42], b[43] = byte(w.laddr.BitLen()), byte(w.remote.Addr().BitLen())
	sum := maphash.Bytes(seed, b[:])
	for _, zone := range [...]string{w.laddr.Zone(), w.remote.Addr().Zone()} { // names are written there
		if zone != "" {
			sum = sum*31 + maphash.String(seed, zone)
		}
	}
	return uint32(sum ^ sum>>32)
}

// grouping is sockets by where they go, the groups in the order of their first
// sockets, and these in the order in which they were given.
type grouping struct {
	*census
	socks []*tcp.Socket // group after group
	ends  []int32       // of each group in socks
}

// groupBy walks twice through socks, which must give the same ones again; most is
// how many they can be.
func groupBy(socks iter.Seq[*tcp.Socket], most int, of func(*tcp.Socket) way) *grouping {
	g := &grouping{census: newCensus(of)}
	numbers := make([]int32, 0, most)
	for sk := range socks {
		n := g.number(sk)
		if n == len(g.ends) {
			g.ends = append(g.ends, 0)
		}
		g.ends[n]++
		numbers = append(numbers, int32(n))
	}
	end := int32(0)
	for i, n := range g.ends { // where each begins; its end comes with its sockets
		g.ends[i] = end
		end += n
	}
	g.socks = make([]*tcp.Socket, len(numbers))
	i := 0
	for sk := range socks {
		n := numbers[i]
		g.socks[g.ends[n]] = sk
		g.ends[n]++
		i++
	}
	return g
}

// group returns the sockets of a group by its number.
func (g *grouping) group(n int) []*tcp.Socket {
	from := int32(0)
	if n > 0 {
		from = g.ends[n-1]
	}
	return g.socks[from:g.ends[n]:g.ends[n]]
}

// goes returns the sockets that go a way, nil for none.
func (g *grouping) goes(w way) []*tcp.Socket {
	if n := g.find(w); n >= 0 {
		return g.group(n)
	}
	return nil
}

// each gives every group, with where its sockets go.
func (g *grouping) each() iter.Seq2[way, []*tcp.Socket] {
	return func(yield func(way, []*tcp.Socket) bool) {
		for n := range g.ends {
			if !yield(g.of(g.first[n]), g.group(n)) {
				return
			}
		}
	}
}
