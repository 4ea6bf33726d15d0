package cli

import (
	"net/netip"
	"strconv"

	"sockeye/internal/host"
)

// appendFlowJSON appends a flow as an object: its counts are those of window_s,
// but for opened_total. Quantiles are upper bounds, exact to a factor of two.
func (w *topTable) appendFlowJSON(dst []byte, f *flow) []byte {
	count := func(key string, n uint64) { dst = strconv.AppendUint(append(dst, key...), n, 10) }
	rate := func(key string, n uint64) {
		dst = appendFraction(append(dst, key...), int64(perSecond(n, w.over)*1000+0.5), 3)
	}
	span := func(key string, h *host.Histogram, q float64) {
		dst = appendSecondsJSON(append(dst, key...), h.Quantile(q), h.Count() > 0)
	}
	dst = appendTimeJSON(append(dst, `{"event":"flow","at":`...), w.at)
	dst = appendSecondsJSON(append(dst, `,"window_s":`...), w.over, true)
	dst = appendValueJSON(append(dst, `,"netns":`...), serialOrNull(f.netns))
	dst = appendValueJSON(append(dst, `,"pid":`...), numberValue(uint64(max(0, f.pid)), f.pid > 0))
	dst = appendTextJSON(append(dst, `,"process":`...), f.name)
	dst = appendTextJSON(append(dst, `,"cgroup":`...), f.cgroup)
	unit, container := w.place.of(f.cgroup)
	dst = appendTextJSON(append(dst, `,"unit":`...), unit)
	dst = appendContainerJSON(append(dst, `,"container":`...), container)
	way := "outgoing"
	if f.incoming {
		way = "incoming"
	}
	if f.call != "" {
		way = ""
	}
	dst = appendTextJSON(append(dst, `,"direction":`...), way)
	dst = appendTextJSON(append(dst, `,"call":`...), f.call)
	dst = appendErrnoJSON(dst, f.errno)
	local, remote := netip.AddrPortFrom(netip.Addr{}, f.port), f.remote
	switch {
	case f.incoming && remote.Addr().IsUnspecified():
		remote = netip.AddrPort{} // several peers, which found no room of their own
	case f.call != "":
		local, remote = f.remote, netip.AddrPort{} // what was to be bound
	}
	dst = appendEndJSON(append(dst, `,"laddr":`...), `,"lport":`, local)
	dst = appendEndJSON(append(dst, `,"raddr":`...), `,"rport":`, remote)
	count(`,"opened":`, f.opened)
	count(`,"failed":`, f.attempts().failures())
	count(`,"opened_total":`, f.total)
	rate(`,"opened_per_s":`, f.opened)
	rate(`,"failed_per_s":`, f.attempts().failures())
	count(`,"ends":{"local":`, f.ends.Local)
	count(`,"peer":`, f.ends.Peer)
	count(`,"local_reset":`, f.ends.LocalReset)
	count(`,"local_linger":`, f.ends.LocalLinger)
	count(`,"peer_reset":`, f.ends.PeerReset)
	count(`,"timed_out":`, f.ends.TimedOut)
	count(`},"sent":`, f.sent)
	count(`,"received":`, f.received)
	count(`,"retrans":`, f.retrans)
	span(`,"latency_p50_s":`, &f.latency, 0.5)
	span(`,"latency_p99_s":`, &f.latency, 0.99)
	span(`,"lifetime_p50_s":`, &f.lifetime, 0.5)
	span(`,"lifetime_p99_s":`, &f.lifetime, 0.99)
	return append(w.appendSitesJSON(append(dst, `,"code":`...), f), '}')
}

// appendSitesJSON appends the lines of code that opened the connections, as far
// as stacks were taken since the beginning.
func (w *topTable) appendSitesJSON(dst []byte, f *flow) []byte {
	dst = append(dst, '[')
	for i, s := range f.stacks {
		if i > 0 {
			dst = append(dst, ',')
		}
		code := codeValue(&host.Opener{Stack: s.Stack})
		hidden := ""
		if code.kind == gapInStack {
			hidden, code = code.text, value{}
		}
		dst = appendTextJSON(append(dst, `{"function":`...), code.text)
		dst = appendTextJSON(append(dst, `,"file":`...), code.file)
		dst = appendValueJSON(append(dst, `,"line":`...), numberValue(code.n, code.n > 0))
		dst = appendTextJSON(append(dst, `,"gap":`...), hidden)
		dst = strconv.AppendUint(append(dst, `,"stacks":`...), s.Count, 10)
		if w.wide {
			dst = appendStackJSON(append(dst, `,"stack":`...), s.Stack)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
