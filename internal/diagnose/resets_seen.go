package diagnose

import (
	"cmp"
	"net/netip"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// resetting is how one program's connections of one direction were seen to end.
type resetting struct {
	by     caller
	server bool // it accepted them
	flows  []host.Flow

	linger, unread, ended uint64
}

// resetsSeen tells of the programs that were seen to reset their connections:
// with SO_LINGER 0, or, which is another mistake, by closing them while data
// lies unread or still comes in. Of accepted connections only the first is
// judged: what clients send that nobody reads is their doing too.
func (x *examination) resetsSeen() []*found {
	if x.seen == nil || x.seen.Window <= 0 {
		return nil
	}
	least := resetRate * x.seen.Window.Seconds()
	habit := func(n uint64, r *resetting) bool {
		return float64(n) >= least && float64(n) >= resetShare*float64(r.ended)
	}
	var out []*found
	for _, r := range x.resettings() {
		switch {
		case habit(r.linger, r):
			f := x.resetsOf(r, "linger", r.linger)
			f.certainty, f.values.Kind = Proven, "seen"
			f.cures = []string{"no-linger-zero", "reuse-connections"}
			out = append(out, f)
		case !r.server && habit(r.unread, r):
			f := x.resetsOf(r, "unread", r.unread)
			f.certainty, f.values.Kind = Likely, "unread"
			f.cures = []string{"drain-before-close", "reuse-connections"}
			out = append(out, f)
		}
	}
	return out
}

// resettings groups what ended with resets from here by program, most resets
// first. A program may reset its connections to one destination, or on one port,
// and close others as it should: those are left out.
func (x *examination) resettings() []*resetting {
	type key struct {
		caller
		server bool
	}
	type end struct {
		key
		remote netip.AddrPort // of outgoing ones
		port   uint16
	}
	who, ends := x.callers(), map[end]*resetting{}
	for _, list := range [][]host.Flow{x.ours.Outgoing, x.ours.Incoming} {
		for _, c := range list {
			if c.PID == 0 || ended(c.Ends) == 0 {
				continue
			}
			e := end{key: key{who(c.NetNS, c.PID, c.Name), c.Port != 0}, remote: c.Remote}
			if e.server { // its clients' addresses are chance
				e.remote, e.port = netip.AddrPort{}, c.Port
			}
			if ends[e] == nil {
				ends[e] = &resetting{by: e.caller, server: e.server}
			}
			ends[e].add(c)
		}
	}
	by := map[key]*resetting{}
	var out []*resetting
	for e, there := range ends {
		if n := there.linger + there.unread; n == 0 || float64(n) < resetShare*float64(there.ended) {
			continue
		}
		if by[e.key] == nil {
			by[e.key] = &resetting{by: e.caller, server: e.server}
			out = append(out, by[e.key])
		}
		for _, c := range there.flows {
			by[e.key].add(c)
		}
	}
	slices.SortFunc(out, func(a, b *resetting) int {
		return cmp.Or(cmp.Compare(b.linger+b.unread, a.linger+a.unread), cmp.Compare(a.by.ns, b.by.ns),
			cmp.Compare(a.by.pid, b.by.pid), cmp.Compare(a.by.name, b.by.name))
	})
	return out
}

func (r *resetting) add(c host.Flow) {
	r.flows = append(r.flows, c)
	r.linger += c.Ends.LocalLinger
	r.unread += c.Ends.LocalReset
	r.ended += ended(c.Ends)
}

// resetsOf tells of a program's resets, of which key is the evidence.
func (x *examination) resetsOf(r *resetting, key string, n uint64) *found {
	f := &found{id: "linger-reset", severity: Notice, ns: r.by.ns}
	f.values = knowledge.Values{Count: n, Total: r.ended, Rate: float64(n) / x.seen.Window.Seconds(), Window: x.seen.Window}
	v := f.values
	f.facts = []fact{{key: key, value: float64(n), source: x.seen.By, values: &v}}

	// Resets count for the processes and destinations: their sockets have gone.
	parts, part := map[int32]*blamed{}, map[int32]uint64{}
	places, where := map[netip.AddrPort]uint64{}, map[uint16]uint64{}
	for _, c := range r.flows {
		resets := c.Ends.LocalLinger + c.Ends.LocalReset
		if resets == 0 {
			continue
		}
		b := parts[c.PID]
		if b == nil {
			b = &blamed{pid: c.PID, name: c.Name, ns: c.NetNS, cgroup: c.Cgroup, by: "connect-events"}
			parts[c.PID] = b
		}
		part[c.PID] += resets
		x.flowCode(b.code(), c)
		if r.server {
			b.by = "accept-events"
			where[c.Port] += resets
		} else if somewhere(c.Remote) {
			places[c.Remote] += resets
		}
	}
	for pid, b := range parts {
		b.share = float64(part[pid]) / float64(r.linger+r.unread)
		f.blamed = append(f.blamed, *b)
	}
	slices.SortFunc(f.blamed, func(a, b blamed) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.pid, b.pid))
	})
	remotes := make([]netip.AddrPort, 0, len(places))
	for remote := range places {
		remotes = append(remotes, remote)
	}
	slices.SortFunc(remotes, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(places[b], places[a]), a.Compare(b))
	})
	for _, remote := range remotes[:min(len(remotes), MaxDestinations)] {
		f.dests = append(f.dests, destination(remote, 0))
	}
	for port, n := range where {
		if most := f.values.Lport; most == 0 || n > where[most] || n == where[most] && port < most {
			f.values.Lport = port
		}
	}
	return f
}
