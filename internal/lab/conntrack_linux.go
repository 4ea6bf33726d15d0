package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"sockeye/internal/tcp"
)

const conntrackMax = "/proc/sys/net/netfilter/nf_conntrack_max"

// mostFlows bounds how many entries the lab makes: at some 320 bytes each
// (struct nf_conn) they take 100 MB of the kernel's memory at most.
const mostFlows = 300_000

// conntrackScenarios fill the table of connection tracking. Its maximum is the
// host's: a private namespace has a count of its own but may not set the maximum
// (net/netfilter/nf_conntrack_standalone.c nf_conntrack_standalone_init_sysctl,
// v6.18), so the namespace is filled up to it with flows that pass through.
func conntrackScenarios() []scenario {
	return []scenario{{
		name: "conntrack-full",
		about: Text{
			En: "flows that pass through this machine fill the connection tracking table to nf_conntrack_max: new connections are dropped and stay in SYN_SENT",
			Zh: "经过本机转发的连接占满了连接跟踪表（nf_conntrack_max）：新连接的报文被丢弃，停在 SYN_SENT"},
		setup: func(w *world) error {
			if err := setUpWire(w); err != nil {
				return err
			}
			if err := w.sysctls("net.ipv4.ip_forward", "1", "net.ipv4.conf.all.send_redirects", "0", "net.ipv4.conf."+nearEnd+".send_redirects", "0"); err != nil {
				return err
			}
			if err := trackConnections(); err != nil {
				return fmt.Errorf("%w: an nf_tables rule that switches connection tracking on: %w", ErrImpossible, err)
			}
			// The rule loads the module, and that makes the settings.
			_, err := trackedFlows()
			return err
		},
		roles:  []role{server("server", shopServer, 0, answerAll), {name: "traffic", play: passThrough}, {name: "client", play: callInVain(shopServer)}},
		stands: func(l *look) bool { return l.count(tcp.SynSent, to(9000)) >= 5 },
		expect: Expectation{Finding: "conntrack-full", May: []string{"unreachable-destination"}, Severity: "critical"},
	}}
}

// trackedFlows returns how many flows fill the table.
func trackedFlows() (int, error) {
	text, err := os.ReadFile(conntrackMax)
	if err != nil {
		return 0, fmt.Errorf("%w: this kernel has no connection tracking: %w", ErrImpossible, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, err
	}
	if n < 1 || n > mostFlows {
		return 0, fmt.Errorf("%w: nf_conntrack_max is %d, a private namespace cannot lower it, and the lab fills at most %d entries", ErrImpossible, n, mostFlows)
	}
	return n, nil
}

// passThrough sends the first three segments that connection tracking sees of
// each flow, forth, back and forth: then the flow counts as established and is
// not thrown out early in favour of a new one (nf_conntrack_proto_tcp.c, v6.18,
// picks up flows that it did not see begin, as long as
// nf_conntrack_tcp_loose is 1).
func passThrough(ctx context.Context, st *stage) error {
	flows, err := trackedFlows()
	if err != nil {
		return err
	}
	p, err := newPuppet()
	if err != nil {
		return err
	}
	st.Step("traffic sends %d flows through this machine, which forwards them", "traffic 让 %d 条连接经过本机转发", flows)
	far := netip.MustParseAddrPort("198.51.100.20:443")
	for i := 0; i < flows && ctx.Err() == nil; i++ {
		// 198.18.0.0/15, set aside for such tests (RFC 2544).
		near := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18 + byte(i>>22&1), byte(i >> 14), byte(i >> 6)}), uint16(10_000+i&63))
		forth := segment{from: near, to: far, seq: 1, ack: 1, flags: flagACK, window: 65535}
		back := segment{from: far, to: near, seq: 1, ack: 1, flags: flagACK, window: 65535}
		for _, s := range []segment{forth, back, forth} {
			if err := p.send(s); err != nil {
				return err
			}
		}
	}
	st.Ready()
	<-ctx.Done()
	return nil
}
