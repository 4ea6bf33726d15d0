package diagnose

import (
	"net/netip"
	"slices"
	"strconv"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// addressNotLocal: bind() to an address that this namespace does not have, or
// connect() that finds no source address for its destination (IPv6 switched
// off): EADDRNOTAVAIL, like an exhaustion of ports, but with ports to spare.
func addressNotLocal(x *examination) []*found {
	if x.seen == nil {
		return nil
	}
	type key struct {
		ns   uint64
		call string
		addr netip.Addr
	}
	by := map[key][]host.Failure{}
	var order []key
	for _, fl := range x.ours.Failures {
		if fl.Errno != errADDRNOTAVAIL || !fl.Addr.IsValid() || !x.lacksAddress(fl) {
			continue
		}
		k := key{fl.NetNS, fl.Call, fl.Addr.Addr()}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], fl)
	}
	var out []*found
	for _, k := range order {
		list := by[k]
		f := &found{id: "address-not-local", severity: Warning, certainty: Proven, ns: k.ns, blamed: x.blameCallers(list)}
		var n uint64
		for _, fl := range list {
			n += fl.Count
		}
		f.values = knowledge.Values{Count: n, Call: k.call, Errno: errADDRNOTAVAIL, Known: errnoName(errADDRNOTAVAIL),
			Laddr: addrName(k.addr), Dest: endpoint(list[0].Addr), Lport: list[0].Addr.Port(), Kind: k.call}
		v := f.values
		v.Window = x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(n), source: x.seen.By, values: &v})
		if k.call == "connect" {
			f.severity = Notice // most programs try IPv4 next
			f.dests = []Destination{destination(list[0].Addr, 0)}
			f.facts = append(f.facts, fact{key: "no-ipv6", value: 0, source: "rtnetlink"})
			f.cures = []string{"prefer-ipv4"}
			out = append(out, f)
			continue
		}
		if s := x.space(k.ns); s != nil && s.ns.Addrs != nil {
			if slices.Contains(s.ns.Addrs, k.addr) { // it came since, or is still being checked (IPv6 duplicates)
				f.severity, f.certainty = Notice, Possible
				f.values.Kind = "late"
			} else {
				f.facts = append(f.facts, fact{key: "addresses", value: float64(len(s.ns.Addrs)), source: "rtnetlink",
					values: &knowledge.Values{Count: uint64(len(s.ns.Addrs)), Laddr: addrName(k.addr)}})
			}
		}
		if where := x.whereIs(k.addr, k.ns); where != "" {
			f.facts = append(f.facts, fact{key: "elsewhere", value: 1, source: "rtnetlink",
				values: &knowledge.Values{Known: where, Laddr: addrName(k.addr)}})
		}
		f.cures = []string{"bind-existing-address", "nonlocal-bind"}
		out = append(out, f)
	}
	return out
}

// lacksAddress reports whether a call that failed with EADDRNOTAVAIL did so for
// want of an address, and whether that is worth telling.
func (x *examination) lacksAddress(fl host.Failure) bool {
	s := x.space(fl.NetNS)
	switch fl.Call {
	case "bind":
		// Every Go program asks at its start whether [::1] can be had, with port 0.
		return !fl.Addr.Addr().IsUnspecified() && (fl.Addr.Port() != 0 || !fl.Addr.Addr().IsLoopback())
	case "connect":
		// An IPv4 destination always has a source address (or no route at all).
		if s == nil || !somewhere(fl.Addr) || fl.Addr.Addr().Is4() || s.ns.Addrs == nil || slices.ContainsFunc(s.ns.Addrs, netip.Addr.Is6) {
			return false
		}
		if s.hasRange && s.rangePorts-s.heldCount <= 0 {
			return false
		}
		for _, b := range x.accounts {
			if b.space == s && b.group.key.remote == fl.Addr && x.shortage(b).failed > 0 {
				return false
			}
		}
		return !x.fellBack(fl)
	}
	return false
}

// fellBack reports whether the program went on to connect to the same port over
// IPv4, as it should where a name has addresses of both kinds, or may have where
// it is not known where it went.
func (x *examination) fellBack(fl host.Failure) bool {
	return slices.ContainsFunc(x.ours.Outgoing, func(c host.Flow) bool {
		return c.PID == fl.PID && c.NetNS == fl.NetNS && c.Opened > c.Failed &&
			(!somewhere(c.Remote) || c.Remote.Port() == fl.Addr.Port() && c.Remote.Addr().Is4())
	})
}

// whereIs names another namespace of this machine that has an address, "" when
// none does. Loopback is everywhere and tells nothing.
func (x *examination) whereIs(a netip.Addr, not uint64) string {
	if a.IsLoopback() {
		return ""
	}
	for _, s := range x.spaces {
		if s.ns.Inode == not || !slices.Contains(s.ns.Addrs, a) {
			continue
		}
		if s.ns.Name != "" {
			return host.Printable(s.ns.Name)
		}
		return strconv.FormatUint(s.ns.Inode, 10)
	}
	return ""
}
