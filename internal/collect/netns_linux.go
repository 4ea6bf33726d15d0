package collect

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// namespaceSettings are the sysctls that a network namespace has of its own.
// tcp_mem, tcp_max_orphans and netdev_max_backlog exist in the initial namespace
// only, others came or went with kernel versions.
var namespaceSettings = []string{
	"net.ipv4.ip_local_port_range",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_autobind_reuse",
	"net.ipv4.ip_nonlocal_bind",
	"net.ipv4.tcp_tw_reuse",
	"net.ipv4.tcp_tw_reuse_delay",
	"net.ipv4.tcp_tw_recycle",
	"net.ipv4.tcp_max_tw_buckets",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_timestamps",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_max_syn_backlog",
	"net.ipv4.tcp_syn_retries",
	"net.ipv4.tcp_synack_retries",
	"net.ipv4.tcp_syn_linear_timeouts",
	"net.ipv4.tcp_abort_on_overflow",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_retries1",
	"net.ipv4.tcp_retries2",
	"net.ipv4.tcp_orphan_retries",
	"net.ipv4.tcp_max_orphans",
	"net.ipv4.tcp_mem",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_wmem",
	"net.ipv4.tcp_ehash_entries",
	"net.ipv4.tcp_migrate_req",
	"net.core.somaxconn",
	"net.core.netdev_max_backlog",
	"net.ipv6.conf.all.disable_ipv6",
	"net.netfilter.nf_conntrack_max",
	"net.netfilter.nf_conntrack_buckets",
	"net.netfilter.nf_conntrack_tcp_timeout_close",
	"net.netfilter.nf_conntrack_tcp_timeout_close_wait",
	"net.netfilter.nf_conntrack_tcp_timeout_established",
	"net.netfilter.nf_conntrack_tcp_timeout_fin_wait",
	"net.netfilter.nf_conntrack_tcp_timeout_last_ack",
	"net.netfilter.nf_conntrack_tcp_timeout_max_retrans",
	"net.netfilter.nf_conntrack_tcp_timeout_syn_recv",
	"net.netfilter.nf_conntrack_tcp_timeout_syn_sent",
	"net.netfilter.nf_conntrack_tcp_timeout_time_wait",
	"net.netfilter.nf_conntrack_tcp_timeout_unacknowledged",
}

// readNetNS fills in what a namespace says of itself. The calling goroutine must
// be locked to a thread that is inside ns: the files opened and the netlink
// socket made here are those of the calling thread's namespace.
func readNetNS(ns *host.NetNS, r *blindness) {
	liveProc().netNS(ns, r)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		r.add("addresses-unreadable", netNSSubject(ns), err)
		return
	}
	ns.Addrs = make([]netip.Addr, 0, len(addrs))
	for _, a := range addrs {
		if ipnet, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(ipnet.IP); ok {
				ns.Addrs = append(ns.Addrs, ip.Unmap())
			}
		}
	}
}

func netNSSubject(ns *host.NetNS) string { return "netns " + strconv.FormatUint(ns.Inode, 10) }

// netNS reads all of a namespace but its addresses, which no file tells plainly.
func (p procFS) netNS(ns *host.NetNS, r *blindness) {
	ns.Settings = p.settings(namespaceSettings, r)
	if len(ns.Settings) == 0 {
		r.add("settings-unreadable", netNSSubject(ns), os.ErrNotExist)
	}
	ns.Counters = host.Counters{}
	for _, file := range []string{"thread-self/net/netstat", "thread-self/net/snmp"} {
		data, err := p.readFile(file, 1<<20)
		if err != nil {
			r.add("counters-unreadable", netNSSubject(ns), err)
			continue
		}
		parseCounters(data, ns.Counters)
	}
	if n, err := p.number("net.netfilter.nf_conntrack_count"); err == nil {
		ns.ConntrackCount = host.Some(n)
	} else if !errors.Is(err, unix.ENOENT) { // absent: connection tracking is not loaded
		r.add("setting-unreadable", "net.netfilter.nf_conntrack_count", err)
	}
	fs, err := p.thread()
	if err != nil {
		r.add("sockstat-unreadable", netNSSubject(ns), err)
		return
	}
	v4, err := fs.NetSockstat()
	if err != nil {
		r.add("sockstat-unreadable", netNSSubject(ns), err)
		return
	}
	v6, err := fs.NetSockstat6()
	if err != nil && !os.IsNotExist(err) { // absent: a kernel without IPv6
		r.add("sockstat-unreadable", netNSSubject(ns), err)
		return
	}
	tcp, udp := sockstatOf(v4, "TCP"), sockstatOf(v4, "UDP")
	ns.InUse = sum(tcp, sockstatOf(v6, "TCP6"))
	ns.UDPInUse = sum(udp, sockstatOf(v6, "UDP6"))
	if tcp != nil {
		ns.TimeWait = optional(tcp.TW)
	}
}

// sockstatOf finds a line of sockstat, nil when there is none.
func sockstatOf(s *procfs.NetSockstat, name string) *procfs.NetSockstatProtocol {
	if s == nil {
		return nil
	}
	for i := range s.Protocols {
		if s.Protocols[i].Protocol == name {
			return &s.Protocols[i]
		}
	}
	return nil
}

// sum adds the sockets in use of both families; the first must be known.
func sum(v4, v6 *procfs.NetSockstatProtocol) host.Opt {
	if v4 == nil || v4.InUse < 0 {
		return host.Opt{}
	}
	n := uint64(v4.InUse)
	if v6 != nil && v6.InUse > 0 {
		n += uint64(v6.InUse)
	}
	return host.Some(n)
}

func optional(n *int) host.Opt {
	if n == nil || *n < 0 {
		return host.Opt{}
	}
	return host.Some(uint64(*n))
}
