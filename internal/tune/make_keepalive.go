package tune

import "fmt"

// probing are the settings that say how long keepalive goes on asking a peer that
// does not answer: seconds from one probe to the next, and how many (ip-sysctl.rst,
// tcp_keepalive_intvl and tcp_keepalive_probes, v6.18), as Linux ships them.
var probing = []struct {
	back    Change
	shipped int64
}{
	{Change{Setting: "net.ipv4.tcp_keepalive_intvl", Reason: "keepalive-intvl"}, 75},
	{Change{Setting: "net.ipv4.tcp_keepalive_probes", Reason: "keepalive-probes"}, 9},
}

// probes plans keepalive's probes where they take longer than Linux ships them: more
// than eleven minutes after tcp_keepalive_time. Fewer than shipped are nobody's gain:
// a path that is down for some minutes would end connections. w nil: nothing would help.
func (m *maker) probes(w *want) {
	if w == nil || !m.asked() {
		return
	}
	now, shipped := int64(1), int64(1)
	for _, p := range probing {
		v, ok := m.number(p.back.Setting)
		if !ok || v < 1 || v > 1<<20 {
			return
		}
		now, shipped = now*v, shipped*p.shipped
	}
	if now <= shipped {
		return
	}
	for _, p := range probing {
		if v, _ := m.number(p.back.Setting); v > p.shipped {
			c := p.back
			c.To, c.Values = fmt.Sprint(p.shipped), Values{Need: uint64(now)}
			m.change(w, c)
		}
	}
}

// noticed is after how many seconds of silence a peer that is gone ends a connection
// with keepalive, with the plan in force; 0 unknown.
func (m *maker) noticed() uint64 {
	total := uint64(1)
	for _, p := range probing {
		v, ok := m.number(p.back.Setting)
		if !ok || v < 1 || v > 1<<20 {
			return 0
		}
		if _, planned := m.ranks[p.back.Setting]; planned {
			v = p.shipped
		}
		total *= uint64(v)
	}
	return keepaliveShort + total
}
