package diagnose

import (
	"fmt"
	"strings"

	"sockeye/internal/knowledge"
)

// excludedPortRange: Windows keeps ranges of ports for others (Hyper-V, WinNAT,
// an administrator), and a service that wants one of them is refused with
// WSAEACCES though nobody listens there. That ranges are excluded is normal: it
// takes a service that was refused.
func excludedPortRange(x *examination) []*found {
	if x.os != "windows" {
		return nil
	}
	var out []*found
	told := map[uint16]bool{}
	for i := range x.told {
		sym := &x.told[i]
		port := localPort(sym)
		if sym.Count == 0 || sym.Errno != errACCES || sym.Call == "connect" || port == 0 || told[port] {
			continue
		}
		for _, s := range x.spaces {
			first, last, ok := s.excluded(port)
			if !ok || len(s.listening[port]) > 0 {
				continue
			}
			told[port] = true
			f := &found{id: "excluded-port-range", severity: Warning, certainty: Proven, ns: s.ns.Inode, runtime: sym.Runtime}
			f.values = knowledge.Values{Lport: port, Low: first, High: last, Count: sym.Count, Call: sym.Call}
			f.facts = append(f.facts, fact{key: "range", value: float64(port), source: "netsh excludedportrange"})
			f.cures = []string{"use-other-port"}
			out = append(out, f)
		}
	}
	return out
}

// excluded returns the excluded range that a port lies in.
func (s *space) excluded(port uint16) (first, last uint16, ok bool) {
	for _, list := range []string{"ipv4.tcp", "ipv6.tcp"} {
		for part := range strings.SplitSeq(s.ns.Settings[excludedPorts+list], ",") {
			part = strings.TrimSpace(part)
			if n, _ := fmt.Sscanf(part, "%d-%d", &first, &last); n == 1 {
				last = first
			} else if n != 2 {
				continue
			}
			if first <= port && port <= last {
				return first, last, true
			}
		}
	}
	return 0, 0, false
}
