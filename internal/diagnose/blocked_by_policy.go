package diagnose

import (
	"fmt"
	"net/netip"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// blockedByPolicy: the kernel forbade a call: connect() with EPERM or EACCES, or
// bind() with EACCES. One is enough, as none of them passes by itself.
//
// A firewall is not among the causes of connect()'s: what netfilter drops on the
// way out is forgotten by tcp_connect (net/ipv4/tcp_output.c, v6.18, which minds
// ECONNREFUSED only) and shows as an unanswered SYN. What does it: a BPF program
// of the cgroup, seccomp or a security module (EPERM, EACCES), a "prohibit"
// route (EACCES, tried on 6.18).
func blockedByPolicy(x *examination) []*found {
	if x.seen == nil {
		return nil
	}
	type key struct {
		ns   uint64
		pid  int32
		call string
		port uint16 // bind: the port asked for; connect: 0, all destinations together
		code uint32
	}
	by := map[key][]host.Failure{}
	var order []key
	for _, fl := range x.ours.Failures {
		forbidden := fl.Errno == errACCES || fl.Errno == errPERM
		if !forbidden || (fl.Call != "connect" && fl.Call != "bind") {
			continue
		}
		k := key{ns: fl.NetNS, pid: fl.PID, call: fl.Call, code: fl.Errno}
		if fl.Call == "bind" {
			k.port = fl.Addr.Port()
		}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], fl)
	}
	var out []*found
	for _, k := range order {
		list := by[k]
		f := &found{id: "blocked-by-policy", severity: Warning, certainty: Proven, ns: k.ns, blamed: x.blameCallers(list)}
		var n uint64
		for _, fl := range list {
			n += fl.Count
		}
		f.values = knowledge.Values{Count: n, Call: k.call, Errno: k.code, Known: errnoName(k.code),
			Lport: k.port, Kind: "connect"}
		if k.call == "bind" || somewhere(list[0].Addr) {
			f.values.Dest = endpoint(list[0].Addr)
		}
		if k.call == "bind" {
			f.values.Kind = "bind"
			if start, ok := x.lowPorts(k.ns); ok && k.port > 0 && int64(k.port) < start && k.code == errACCES {
				f.values.Kind, f.values.Limit = "low-port", uint64(start)
			}
		}
		v := f.values
		v.Window = x.seen.Window
		f.facts = append(f.facts, fact{key: "failed", value: float64(n), source: x.seen.By, values: &v})
		switch f.values.Kind {
		case "low-port":
			f.facts = append(f.facts, fact{key: "low-port", value: float64(f.values.Limit), source: "/proc/sys/net/ipv4/ip_unprivileged_port_start"})
			f.cures = []string{"allow-low-port"}
		default:
			f.cures = []string{"find-policy"}
		}
		if k.call == "connect" {
			for _, fl := range list {
				if len(f.dests) < 10 && somewhere(fl.Addr) {
					f.dests = append(f.dests, destination(fl.Addr, 0))
				}
			}
		}
		out = append(out, f)
	}
	return out
}

// lowPorts is the first port that needs no privilege in a namespace. A container
// engine may have lowered it; 1024 where the setting does not exist (before 4.11).
func (x *examination) lowPorts(ns uint64) (int64, bool) {
	s := x.space(ns)
	if s == nil {
		return 0, false
	}
	return s.setting("net.ipv4.ip_unprivileged_port_start", 1024), true
}

// endpoint prints an address with its port, "" when there is none.
func endpoint(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return fmt.Sprint(a)
}
