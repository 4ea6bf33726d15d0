package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// serverCap is how many clients a server program lets in, where its manual names
// a default and its command line may name another.
type serverCap struct {
	runtime   host.Runtime
	setting   string
	byDefault int
	reserve   int // slots that ordinary clients do not get
	extra     int // clients above the setting that an administrator gets
	flags     []string
}

// serverCaps are the manuals' words: PostgreSQL max_connections 100 less
// superuser_reserved_connections 3; MySQL and MariaDB max_connections 151 and
// one for an administrator; Redis maxclients 10000; memcached -c 1024. Servers
// whose limit comes from their configuration file only are left out: it would be
// a guess.
var serverCaps = []serverCap{
	{host.PostgreSQL, "max_connections", 100, 3, 0, []string{"-N", "max_connections", "--max-connections", "--max_connections"}},
	{host.MySQL, "max_connections", 151, 0, 1, []string{"--max-connections", "--max_connections"}},
	{host.Redis, "maxclients", 10000, 0, 0, []string{"--maxclients"}},
	{host.Memcached, "-c (conn-limit)", 1024, 0, 0, []string{"-c", "--conn-limit"}},
}

// applicationCap: the server program itself lets no more clients in, with
// sockets to spare. Told only where the number of clients is exactly at a limit
// that the command line names or that the manual gives as default.
func applicationCap(x *examination) []*found {
	var out []*found
	for _, s := range x.spaces {
		for _, l := range sortedListeners(s) {
			p := x.now.Processes[l.PID]
			if p == nil {
				continue
			}
			i := slices.IndexFunc(serverCaps, func(c serverCap) bool { return c.runtime == p.Runtime })
			if i < 0 {
				continue
			}
			if f := x.capOf(s, l, p, &serverCaps[i]); f != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

// sortedListeners returns one listener per port, in order of ports: a server
// that listens on IPv4 and IPv6 is one server.
func sortedListeners(s *space) []*tcp.Socket {
	var out []*tcp.Socket
	for _, ls := range s.listening {
		out = append(out, ls[0])
	}
	slices.SortFunc(out, func(a, b *tcp.Socket) int { return int(a.Local.Port()) - int(b.Local.Port()) })
	return out
}

func (x *examination) capOf(s *space, l *tcp.Socket, p *host.Process, c *serverCap) *found {
	limit, named := c.named(p.Cmdline)
	if !named {
		limit = c.byDefault
	}
	at := func(socks []*tcp.Socket) (list []*tcp.Socket) {
		return only(socks, func(sk *tcp.Socket) bool {
			return sk.NetNS == l.NetNS && sk.Local.Port() == l.Local.Port() && (sk.PID != 0 || sk.Inode != 0)
		})
	}
	if n := s.byState[tcp.Established]; n < limit-c.reserve {
		return nil
	}
	clients := at(x.state(tcp.Established))
	n, least, most := len(clients), limit-c.reserve, limit+c.extra
	then := len(at(x.stateThen(tcp.Established)))
	within := func(n int) bool { return n >= least && n <= most }
	if !within(n) || (x.before != nil && !within(then)) {
		return nil
	}
	// A client that is let in only to be told no is closed by the server.
	turned := 0
	_, came, _ := x.changeIn(tcp.TimeWait, func(sk *tcp.Socket) bool {
		return sk.NetNS == l.NetNS && sk.Local.Port() == l.Local.Port()
	})
	turned = len(came)
	f := &found{id: "application-cap", severity: Notice, certainty: Possible, ns: l.NetNS}
	switch {
	case named && x.before != nil:
		f.severity, f.certainty = Warning, Proven
	case named:
		f.severity, f.certainty = Warning, Likely
	case turned > 0:
		f.certainty = Likely // the configuration file may name any number
	}
	f.values = knowledge.Values{Count: uint64(n), Limit: uint64(limit), Reserved: uint64(c.reserve), Setting: c.setting,
		Lport: l.Local.Port(), Dest: endName(l.Local), Known: string(c.runtime)}
	f.blamed = x.blameListeners([]*tcp.Socket{l}, n)
	f.dests = clientHosts(clients)
	f.facts = append(f.facts, fact{key: "clients", value: float64(n), source: x.socketSource()})
	key, source := "default", "manual"
	if named {
		key, source = "named", "/proc/PID/cmdline"
	}
	f.facts = append(f.facts, fact{key: key, value: float64(limit), source: source})
	if turned > 0 {
		v := f.values
		v.Other, v.Window = uint64(turned), x.window
		f.facts = append(f.facts, fact{key: "turned-away", value: float64(turned), source: x.socketSource(), values: &v})
	}
	f.cures = []string{"share-server-connections", "raise-server-cap"}
	return f
}

// named finds the limit on a command line: "-N 200", "-N200", "--max-connections=500",
// "-c max_connections=200", and for Redis "--maxclients 100".
func (c *serverCap) named(cmdline []string) (limit int, ok bool) {
	for i, arg := range cmdline {
		for _, flag := range c.flags {
			rest, found := strings.CutPrefix(arg, flag)
			if !found {
				continue
			}
			if rest == "" && i+1 < len(cmdline) {
				rest = cmdline[i+1]
			}
			if n, err := strconv.Atoi(strings.TrimPrefix(rest, "=")); err == nil && n > 0 && n < 1<<24 {
				limit, ok = n, true // the last one counts
			}
		}
	}
	return limit, ok
}

// clientHosts counts clients by machine: their ports are chance.
func clientHosts(socks []*tcp.Socket) []Destination {
	n := map[string]int{}
	for _, sk := range socks {
		n[addrName(sk.Remote.Addr())]++
	}
	out := make([]Destination, 0, len(n))
	for a, c := range n {
		out = append(out, Destination{Addr: a, Sockets: c})
	}
	slices.SortFunc(out, func(a, b Destination) int {
		if a.Sockets != b.Sockets {
			return b.Sockets - a.Sockets
		}
		return strings.Compare(a.Addr, b.Addr)
	})
	return out[:min(len(out), MaxDestinations)]
}
