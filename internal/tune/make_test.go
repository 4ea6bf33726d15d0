package tune

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// sketchOf draws a machine by hand: one namespace with the settings that Linux
// 6.18 ships with on 24 GiB, no sockets and no pressure anywhere.
func sketchOf(draw ...func(*host.Snapshot)) *host.Snapshot {
	sn := &host.Snapshot{
		Machine: host.Machine{Name: "web-1", OS: "linux", Kernel: "6.18.44", Uptime: 24 * time.Hour, InitialNetNS: home},
		TakenAt: time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC),
		Source:  host.Source{Kind: host.Live, SocketsBy: "bpf-iter", OwnersBy: "bpf-iter"},
		Namespaces: []*host.NetNS{{Inode: home, Self: true, Counters: host.Counters{}, Settings: host.Settings{
			"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.ip_local_reserved_ports": "", "net.ipv4.ip_unprivileged_port_start": "1024",
			"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_tw_reuse_delay": "1000", "net.ipv4.tcp_timestamps": "1", "net.ipv4.tcp_syncookies": "1",
			"net.ipv4.tcp_max_syn_backlog": "2048", "net.ipv4.tcp_abort_on_overflow": "0", "net.ipv4.tcp_fin_timeout": "60",
			"net.ipv4.tcp_max_tw_buckets": "131072", "net.ipv4.tcp_ehash_entries": "262144", "net.core.somaxconn": "4096",
			"net.ipv4.tcp_orphan_retries": "0", "net.ipv4.tcp_retries2": "15", "net.ipv4.tcp_keepalive_time": "7200",
			"net.ipv4.tcp_keepalive_intvl": "75", "net.ipv4.tcp_keepalive_probes": "9",
			"net.ipv4.tcp_rmem": "4096\t131072\t33554432", "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
			"net.netfilter.nf_conntrack_max": "262144", "net.netfilter.nf_conntrack_buckets": "262144",
			"net.netfilter.nf_conntrack_tcp_timeout_established": "432000",
		}, TimeWait: host.Some(0), ConntrackCount: host.Some(0)}},
		Processes: map[int32]*host.Process{}, Sharers: map[uint64][]int32{},
		System: host.System{PageSize: 4096, Settings: host.Settings{
			"fs.file-max": "2466170", "fs.nr_open": "1048576", "net.ipv4.tcp_max_orphans": "131072", "net.ipv4.tcp_mem": "287898\t383867\t575796",
			"net.ipv4.neigh.default.gc_thresh1": "128", "net.ipv4.neigh.default.gc_thresh2": "512", "net.ipv4.neigh.default.gc_thresh3": "1024",
			"net.ipv6.neigh.default.gc_thresh1": "128", "net.ipv6.neigh.default.gc_thresh2": "512", "net.ipv6.neigh.default.gc_thresh3": "1024",
		}, FilesOpen: host.Some(9000), TCPOrphans: host.Some(8), TCPAlloc: host.Some(500), TCPMemPages: host.Some(551),
			Neighbours: []host.NeighbourTable{{Family: "ipv4", Entries: host.Some(14), Full: host.Some(0)}, {Family: "ipv6", Entries: host.Some(3), Full: host.Some(0)}},
			Memory:     host.Memory{Total: host.Some(24 << 30), Available: host.Some(16 << 30)},
		},
	}
	for _, d := range draw {
		d(sn)
	}
	return sn
}

// set gives a setting a value, or takes it away.
func set(name, value string) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		for _, where := range []host.Settings{sn.System.Settings, sn.Namespaces[0].Settings} {
			if _, ok := where[name]; ok && value == "" {
				delete(where, name)
			} else if ok {
				where[name] = value
			}
		}
		if _, system := sn.System.Settings[name]; !system && value != "" {
			sn.Namespaces[0].Settings[name] = value
		}
	}
}

var (
	here   = netip.MustParseAddr("192.0.2.1")
	server = netip.MustParseAddrPort("192.0.2.10:9000")
)

// connected draws n outgoing connections in a state, from a port on.
func connected(n int, state tcp.State, from int, pid int32) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		for i := range n {
			sk := tcp.Socket{NetNS: home, Local: netip.AddrPortFrom(here, uint16(from+i)), Remote: server, State: state, Port: tcp.PortAuto}
			if state == tcp.TimeWait {
				sk.Timer = tcp.Timer{Kind: tcp.TimerTimeWait, Expires: tcp.TimeWaitLen - time.Duration(i%60)*time.Second}
			} else {
				sk.PID, sk.Inode = pid, uint64(1000+len(sn.Sockets))
			}
			sn.Sockets = append(sn.Sockets, sk)
		}
	}
}

// listening draws a listener with a line before it.
func listening(port uint16, waiting, backlog uint32) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		program(8, "server", 20, 1024)(sn)
		sn.Sockets = append(sn.Sockets, tcp.Socket{NetNS: home, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), State: tcp.Listen,
			RecvQ: waiting, SendQ: backlog, PID: 8, Inode: uint64(port), Port: tcp.PortBound})
	}
}

func program(pid int32, name string, fds, limit uint64) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		sn.Processes[pid] = &host.Process{PID: pid, Name: name, NetNS: home, FDs: &fds, FDLimit: &limit, Unit: name + ".service"}
	}
}

// examined lets the doctor look once.
func examined(t testing.TB, sn *host.Snapshot) *diagnose.Report {
	t.Helper()
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	r, err := diagnose.Examine(diagnose.Input{Now: sn}, book)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// inShort is a plan as lines: "setting to", "left setting reason", "hand setting to",
// "source finding" and "only finding".
func inShort(p Plan) []string {
	var out []string
	short := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	for _, c := range p.Changes {
		out = append(out, short(c.Setting)+" "+c.To)
	}
	for _, c := range p.ByHand {
		out = append(out, "hand "+c.Setting+" "+c.To)
	}
	for _, a := range p.AtSource {
		if a.Only {
			out = append(out, "only "+a.Finding)
		} else {
			out = append(out, "source "+a.Finding)
		}
	}
	for _, l := range p.Left {
		out = append(out, "left "+short(l.Setting)+" "+l.Reason)
	}
	return out
}

func TestMake(t *testing.T) {
	churn := connected(28000, tcp.TimeWait, 32768, 0)
	tests := []struct {
		name    string
		draw    []func(*host.Snapshot)
		in      Input
		changes []string // all of them, in order
		also    []string // further lines that there must be
	}{
		{name: "a healthy machine", also: []string{"left tcp_syncookies syncookies-on", "left tcp_max_tw_buckets tw-buckets-calm"}},

		{name: "TIME_WAIT uses up the ports", draw: []func(*host.Snapshot){churn}, changes: []string{"tcp_tw_reuse 1"},
			also: []string{"source short-lived-connections", "left ip_local_port_range range-shipped"}},
		{name: "the same without timestamps", draw: []func(*host.Snapshot){churn, set("net.ipv4.tcp_timestamps", "0")},
			changes: []string{"tcp_tw_reuse 1", "tcp_timestamps 1"}},
		{name: "a leak uses up the ports", draw: []func(*host.Snapshot){program(7, "shop", 28100, 1<<20), connected(28100, tcp.Established, 32768, 7)},
			changes: []string{"ip_local_port_range 10240 65535"}, also: []string{"left tcp_tw_reuse tw-reuse-no-help"}},
		{name: "a wider range reaches listeners", draw: []func(*host.Snapshot){program(7, "shop", 28100, 1<<20), connected(28100, tcp.Established, 32768, 7),
			listening(27017, 0, 128), listening(9148, 0, 128), listening(50000, 0, 128), set("net.ipv4.ip_local_reserved_ports", "27016,40000-40009")},
			changes: []string{"ip_local_reserved_ports 27016-27017,40000-40009", "ip_local_port_range 10240 65535"}},
		{name: "unprivileged ports begin late", draw: []func(*host.Snapshot){program(7, "shop", 28100, 1<<20), connected(28100, tcp.Established, 32768, 7),
			set("net.ipv4.ip_unprivileged_port_start", "20001")}, changes: []string{"ip_local_port_range 20002 65535"}},
		{name: "a range that somebody made small", draw: []func(*host.Snapshot){set("net.ipv4.ip_local_port_range", "20000 20199"), connected(20, tcp.Established, 20000, 7)},
			changes: []string{"ip_local_port_range 32768 60999"}},
		{name: "reserved ports eat the range", draw: []func(*host.Snapshot){set("net.ipv4.ip_local_reserved_ports", "32768-60000"), connected(20, tcp.Established, 60100, 7)},
			changes: []string{"ip_local_port_range 10240 65535"}, also: []string{"left ip_local_reserved_ports reserved-eats"}},

		{name: "a queue as long as the system allows", draw: []func(*host.Snapshot){set("net.core.somaxconn", "128"), listening(8080, 129, 128)},
			changes: []string{"somaxconn 4096"}, also: []string{"source accept-queue-overflow"}},
		{name: "a queue that the program keeps short", draw: []func(*host.Snapshot){listening(8080, 51, 50)},
			also: []string{"left somaxconn backlog-of-program", "source accept-queue-overflow"}},

		{name: "too many TIME_WAIT for the limit", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.Namespaces[0].TimeWait = host.Some(131000) }},
			changes: []string{"tcp_max_tw_buckets 262144"}},
		{name: "the limit was lowered, and is reached", draw: []func(*host.Snapshot){set("net.ipv4.tcp_max_tw_buckets", "5000"),
			func(sn *host.Snapshot) { sn.Namespaces[0].TimeWait = host.Some(5000) }}, changes: []string{"tcp_max_tw_buckets 131072"}},

		{name: "orphans at their limit", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.TCPOrphans = host.Some(70000) }},
			changes: []string{"tcp_orphan_retries 3", "tcp_max_orphans 196608"}},
		{name: "orphans at a quarter", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.TCPOrphans = host.Some(40000) }},
			changes: []string{"tcp_orphan_retries 3"}},

		{name: "TCP out of memory", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.TCPMemPages = host.Some(580000) }},
			changes: []string{"tcp_mem 652500 870000 1305000"}},
		{name: "TCP has half of the machine already", draw: []func(*host.Snapshot){set("net.ipv4.tcp_mem", "1572864 2097152 3145728"),
			func(sn *host.Snapshot) { sn.System.TCPMemPages = host.Some(3145728) }}, also: []string{"left tcp_mem tcp-mem-enough", "only tcp-memory-pressure"}},
		{name: "TCP out of memory, promised to each connection", draw: []func(*host.Snapshot){func(sn *host.Snapshot) {
			sn.System.TCPMemPages = host.Some(580000)
			sn.Namespaces[0].Settings["net.ipv4.tcp_rmem"] = "4096 16777216 33554432"
			sn.Namespaces[0].Settings["net.ipv4.tcp_wmem"] = "4096\t16384\t4194304"
		}}, changes: []string{"tcp_mem 652500 870000 1305000", "tcp_rmem 4096 131072 33554432"}, also: []string{"left tcp_wmem buffers-usual"}},
		{name: "large buffers, and memory enough", draw: []func(*host.Snapshot){func(sn *host.Snapshot) {
			sn.Namespaces[0].Settings["net.ipv4.tcp_wmem"] = "1048576 1048576 4194304"
		}}, also: []string{"left tcp_wmem buffers-large"}},
		{name: "tcp_mem in bytes", draw: []func(*host.Snapshot){set("net.ipv4.tcp_mem", "1179238400 1572315136 2358476800")},
			changes: []string{"tcp_mem 294912 393216 589824"}},

		{name: "connection tracking is full", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.Namespaces[0].ConntrackCount = host.Some(262144) }},
			changes: []string{"nf_conntrack_max 524288"}, also: []string{"left nf_conntrack_buckets large-enough", "left nf_conntrack_tcp_timeout_established conntrack-established-long"}},
		{name: "and its hash is small", draw: []func(*host.Snapshot){set("net.netfilter.nf_conntrack_buckets", "65536"),
			func(sn *host.Snapshot) { sn.Namespaces[0].ConntrackCount = host.Some(262144) }},
			changes: []string{"nf_conntrack_buckets 524288", "nf_conntrack_max 524288"}},

		{name: "neighbours", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.Neighbours[0].Entries = host.Some(1000) }},
			changes: []string{"gc_thresh3 4096"}, also: []string{"left gc_thresh2 in-order", "left gc_thresh1 in-order"}},
		{name: "neighbours whose bounds do not rise", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.Neighbours[0].Entries = host.Some(1000) },
			set("net.ipv4.neigh.default.gc_thresh2", "100000")}, changes: []string{"gc_thresh3 4096", "gc_thresh2 2048"}, also: []string{"left gc_thresh1 in-order"}},

		{name: "the file table is full", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.System.FilesOpen = host.Some(2400000) }},
			changes: []string{"file-max 4800000"}},
		{name: "a process out of descriptors", draw: []func(*host.Snapshot){program(8, "web", 1024, 1024)}, also: []string{"hand RLIMIT_NOFILE 65536", "hand LimitNOFILE 65536", "source fd-exhaustion"}},
		{name: "for descriptors, and nobody lacks them", in: Input{For: "fd-exhaustion"}, also: []string{"hand RLIMIT_NOFILE 65536", "source fd-exhaustion"}},
		{name: "at the wall of fs.nr_open", draw: []func(*host.Snapshot){program(8, "web", 1<<20, 1<<20)}, changes: []string{"nr_open 2097152"},
			also: []string{"hand RLIMIT_NOFILE 2097152", "hand LimitNOFILE 2097152"}},

		{name: "for a finding that is not there", in: Input{For: "time-wait-buckets-full"}, changes: []string{"tcp_max_tw_buckets 262144"}, also: []string{"source time-wait-buckets-full"}},
		{name: "for half-open connections", in: Input{For: "half-open-connections"}, changes: []string{"tcp_retries2 8", "tcp_keepalive_time 200"}},
		{name: "for a leak", in: Input{For: "close-wait-leak"}, also: []string{"only close-wait-leak"}},
		{name: "for a dead destination", in: Input{For: "unreachable-destination"}, also: []string{"only unreachable-destination"}},
		{name: "for nothing but that", draw: []func(*host.Snapshot){set("net.ipv4.tcp_abort_on_overflow", "1"), churn}, in: Input{For: "orphan-limit"},
			changes: []string{"tcp_orphan_retries 3", "tcp_max_orphans 196608"}},
		{name: "for a narrow range that is wide", draw: []func(*host.Snapshot){set("net.ipv4.ip_local_port_range", "1024\t65000")}, in: Input{For: "port-range-narrow"},
			also: []string{"left ip_local_port_range range-not-narrow"}},
		{name: "for a narrow range that is as shipped", in: Input{For: "port-range-narrow"}, also: []string{"left ip_local_port_range range-not-narrow"}},
		{name: "for a lack of ports, and the widest range", draw: []func(*host.Snapshot){set("net.ipv4.ip_local_port_range", "1024\t65000")}, in: Input{For: "port-exhaustion"},
			changes: []string{"tcp_tw_reuse 1"}, also: []string{"left ip_local_port_range range-widest"}},
		{name: "a busy client whose range begins among services", draw: []func(*host.Snapshot){set("net.ipv4.ip_local_port_range", "1024\t65000")}, in: Input{Profile: BusyClient},
			changes: []string{"tcp_tw_reuse 1", "ip_local_port_range 10240 65535"}},
		{name: "for handshakes", in: Input{For: "syn-queue-pressure"}, also: []string{"only syn-queue-pressure", "left tcp_max_syn_backlog syn-backlog-shipped"}},
		{name: "for handshakes, after a guide", draw: []func(*host.Snapshot){set("net.ipv4.tcp_max_syn_backlog", "8192")}, in: Input{For: "syn-queue-pressure"},
			also: []string{"left tcp_max_syn_backlog syn-backlog-unused"}},
		{name: "a setting that is gone", in: Input{Profile: Server}, also: []string{"left tcp_tw_recycle tw-recycle-gone"}},
		{name: "a kernel that may still have it", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.Machine.Kernel = "4.11.0" },
			set("net.ipv4.tcp_tw_recycle", "1")}, changes: []string{"tcp_tw_recycle 0"}},
		{name: "a busy client", in: Input{Profile: BusyClient}, changes: []string{"tcp_tw_reuse 1", "ip_local_port_range 10240 65535"}},
		{name: "a server of old", draw: []func(*host.Snapshot){set("net.core.somaxconn", "128")}, in: Input{Profile: Server}, changes: []string{"somaxconn 4096"}},
		{name: "a server of today", in: Input{Profile: Server}, also: []string{"left somaxconn large-enough"}},
		{name: "a database", in: Input{Profile: Database}, changes: []string{"tcp_keepalive_time 200"}},
		{name: "a database without keepalive", draw: []func(*host.Snapshot){connected(3, tcp.Established, 40000, 7)}, in: Input{Profile: Database}, also: []string{"left tcp_keepalive_time keepalive-nobody"}},

		{name: "from inside of a container", draw: []func(*host.Snapshot){func(sn *host.Snapshot) { sn.Machine.InitialNetNS, sn.System.TCPOrphans = 0, host.Some(70000) }},
			changes: []string{"tcp_orphan_retries 3"}, also: []string{"left tcp_max_orphans not-from-here"}},
		{name: "a namespace that was not looked into", in: Input{NetNS: 4711}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			in.Snapshot = sketchOf(tt.draw...)
			in.Report = examined(t, in.Snapshot)
			p := Make(in)
			got := inShort(p)
			if len(p.Changes) != len(tt.changes) || !slices.Equal(got[:len(tt.changes)], tt.changes) {
				t.Errorf("changes %q, want %q", got[:len(p.Changes)], tt.changes)
			}
			for _, line := range tt.also {
				if !slices.Contains(got, line) {
					t.Errorf("no %q in\n%s", line, strings.Join(got, "\n"))
				}
			}
			holds(t, in, p)
		})
	}
}

// holds checks what every plan must keep, and that it is enough: with its changes
// in force the next plan has none.
func holds(t *testing.T, in Input, p Plan) {
	t.Helper()
	seen := map[string]bool{}
	m := &maker{in: in, ns: in.space(), home: in.Snapshot.Machine.InitialNetNS}
	for _, c := range p.Changes {
		s, ok := Lookup(c.Setting)
		if !ok {
			t.Fatalf("%s is no setting", c.Setting)
		}
		if err := s.Check(c.To); err != nil {
			t.Error(err)
		}
		if seen[c.Setting] {
			t.Errorf("%s stands there twice", c.Setting)
		}
		seen[c.Setting] = true
		if now, _ := m.value(c.Setting); c.From != now {
			t.Errorf("%s: from %q, it is %q", c.Setting, c.From, now)
		}
		if c.Scope != s.Scope || c.Scope == Host && c.NetNS != m.home || c.Scope == Namespace && c.NetNS != m.ns.Inode {
			t.Errorf("%s: scope %s in %d", c.Setting, c.Scope, c.NetNS)
		}
		forbidden(t, c)
		if c.Setting == portRangeName {
			rangeHolds(t, in, c)
		}
	}
	for _, l := range p.Left {
		if seen[l.Setting] {
			t.Errorf("%s is changed and left, or left twice", l.Setting)
		}
		seen[l.Setting] = true
	}
	after := applied(in, p)
	again := in
	again.Snapshot, again.Report = after, examined(t, after)
	if next := Make(again); len(next.Changes) > 0 {
		t.Errorf("after %q another plan has %q", inShort(p)[:len(p.Changes)], inShort(next)[:len(next.Changes)])
	}
}

// forbidden are changes that no plan may hold.
func forbidden(t *testing.T, c Change) {
	t.Helper()
	from, to := host.Settings{"": c.From}, host.Settings{"": c.To}
	a, wasNumber := from.Int("")
	b, _ := to.Int("")
	switch c.Setting {
	case "net.ipv4.tcp_tw_recycle", "net.ipv4.tcp_abort_on_overflow":
		if b != 0 {
			t.Errorf("%s = %s", c.Setting, c.To)
		}
	case "net.ipv4.tcp_timestamps", "net.ipv4.tcp_syncookies":
		if b == 0 {
			t.Errorf("%s = %s", c.Setting, c.To)
		}
	case "net.ipv4.tcp_max_tw_buckets", "net.core.somaxconn", "fs.file-max", "fs.nr_open", "net.ipv4.tcp_max_orphans", "net.netfilter.nf_conntrack_max":
		if wasNumber && b <= a {
			t.Errorf("%s goes down from %s to %s", c.Setting, c.From, c.To)
		}
	}
}

// applied is the machine with a plan in force.
func applied(in Input, p Plan) *host.Snapshot {
	sn := *in.Snapshot
	sn.System.Settings = maps.Clone(sn.System.Settings)
	sn.Namespaces = slices.Clone(sn.Namespaces)
	for i, ns := range sn.Namespaces {
		c := *ns
		c.Settings = maps.Clone(ns.Settings)
		sn.Namespaces[i] = &c
	}
	for _, c := range p.Changes {
		if _, ok := sn.System.Settings[c.Setting]; ok {
			sn.System.Settings[c.Setting] = c.To
			continue
		}
		for _, ns := range sn.Namespaces {
			if _, ok := ns.Settings[c.Setting]; ok && (c.Scope == Host || ns.Inode == p.NetNS) {
				ns.Settings[c.Setting] = c.To
			}
		}
	}
	return &sn
}

// Every line of the advice that this all began with is explained.
func TestAdviceOfTheWeb(t *testing.T) {
	advice := map[string]string{
		"net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_tw_reuse": "1", "net.ipv4.tcp_tw_recycle": "1", "net.ipv4.tcp_fin_timeout": "30",
		"net.ipv4.tcp_keepalive_time": "1200", "net.ipv4.ip_local_port_range": "1024\t65000", "net.ipv4.tcp_max_syn_backlog": "8192",
		"net.ipv4.tcp_max_tw_buckets": "5000",
	}
	sn := sketchOf()
	for name, value := range advice {
		set(name, value)(sn)
	}
	delete(sn.Namespaces[0].Settings, "net.ipv4.tcp_ehash_entries") // a kernel that has tcp_tw_recycle is too old for it
	in := Input{Snapshot: sn, Report: examined(t, sn)}
	p := Make(in)
	back := map[string]string{}
	for _, c := range p.Changes {
		if !c.Undoes {
			t.Errorf("%s is no way back", c.Setting)
		}
		back[c.Setting] = c.To
	}
	want := map[string]string{"net.ipv4.tcp_tw_recycle": "0", "net.ipv4.ip_local_port_range": "10240 65535", "net.ipv4.tcp_max_tw_buckets": "131072"}
	if !maps.Equal(back, want) {
		t.Errorf("the way back is %v, want %v", back, want)
	}
	for name := range advice {
		if back[name] == "" && !slices.ContainsFunc(p.Left, func(l Left) bool { return l.Setting == name }) {
			t.Errorf("nothing is said of %s", name)
		}
	}
	holds(t, in, p)
}

// modes are all that a plan can be asked for.
func modes() []Input {
	list := []Input{{}}
	for _, p := range Profiles() {
		list = append(list, Input{Profile: p})
	}
	for _, id := range slices.Sorted(maps.Keys(cures)) {
		list = append(list, Input{For: id})
	}
	return list
}

// What one plan sets, none of the others takes back or calls harmful.
func TestPlansAgree(t *testing.T) {
	draws := []func(*host.Snapshot){set("net.ipv4.tcp_max_tw_buckets", "5000"), set("net.ipv4.ip_local_reserved_ports", "20000-65000"),
		set("net.ipv4.ip_unprivileged_port_start", "20001"), func(*host.Snapshot) {}}
	followed := 0
	for i, limits := range []string{"1024\t65000", "1024\t65535", "20000\t20199", "500\t700", "32768\t60999", "10240\t65535", "5000\t65535", "1024\t4999", "30000\t65535", "1024\t65000"} {
		start := sketchOf(set("net.ipv4.ip_local_port_range", limits), draws[i%len(draws)])
		active := slices.DeleteFunc(modes(), func(in Input) bool {
			in.Snapshot = start
			return len(Make(in).Changes) == 0
		})
		for _, first := range active {
			in := first
			in.Snapshot = start
			p := Make(in)
			after := applied(in, p)
			for _, second := range append(active, Input{}) {
				in := second
				in.Snapshot = after
				for _, c := range Make(in).Changes {
					followed++
					at := slices.IndexFunc(p.Changes, func(before Change) bool { return before.Setting == c.Setting })
					if at >= 0 && (c.Undoes || c.To == p.Changes[at].From) {
						t.Fatalf("range %q: for %q%q %s becomes %q, and for %q%q it goes from there to %q (%s)", limits, first.For, first.Profile,
							c.Setting, p.Changes[at].To, second.For, second.Profile, c.To, c.Reason)
					}
				}
			}
		}
	}
	if followed < 1000 {
		t.Errorf("only %d changes followed one another", followed)
	}
}

// A range of local ports never begins among the ports of services, and only the
// way back makes one smaller.
func rangeHolds(t *testing.T, in Input, c Change) {
	t.Helper()
	before, after := host.Settings{portRangeName: c.From}, host.Settings{portRangeName: c.To}
	low, high, ok := before.PortRange()
	newLow, newHigh, _ := after.PortRange()
	if newLow < wideLow && newHigh > wideLow {
		t.Errorf("a range from %d", newLow)
	}
	m := &maker{in: in, ns: in.space()}
	if ok && !c.Undoes && m.usable(newLow, newHigh) <= m.usable(low, high) {
		t.Errorf("%q becomes %q: no more ports", c.From, c.To)
	}
}

// A finding that ends with the one that is planned for is not told of as one that
// no setting helps.
func TestConsequencesGoWithTheirCause(t *testing.T) {
	sn := sketchOf(func(sn *host.Snapshot) { sn.Namespaces[0].ConntrackCount = host.Some(262144) })
	rep := examined(t, sn)
	cure := []diagnose.Remedy{{Kind: "code", Title: "Ask elsewhere"}}
	rep.Findings = append(rep.Findings, diagnose.Finding{ID: "unreachable-destination", Severity: diagnose.Warning, Causes: []string{"conntrack-full"}, Remedies: cure},
		diagnose.Finding{ID: "slow-reader", Severity: diagnose.Warning, Causes: []string{}, Remedies: cure})
	p := Make(Input{Snapshot: sn, Report: rep})
	if got := inShort(p); slices.Contains(got, "only unreachable-destination") || slices.Contains(got, "source unreachable-destination") || !slices.Contains(got, "only slow-reader") {
		t.Errorf("%q", got)
	}
}

// First aid for a program that leaks lasts until it ends; no lasting limit is proposed.
func TestFirstAidForALeak(t *testing.T) {
	sn := sketchOf(program(8, "web", 1024, 1024))
	rep := examined(t, sn)
	rep.Findings = append(rep.Findings, diagnose.Finding{ID: "close-wait-leak", Severity: diagnose.Critical, Culprits: []diagnose.Culprit{{PID: 8}}})
	p := Make(Input{Snapshot: sn, Report: rep})
	if len(p.ByHand) != 1 || p.ByHand[0].Kind != Prlimit || p.ByHand[0].Command() != "prlimit --pid 8 --nofile=65536:" {
		t.Errorf("by hand: %+v", p.ByHand)
	}
}

// Whatever a machine is set to and does, its plan keeps the rules and needs no second one.
func TestEveryPlanIsEnough(t *testing.T) {
	values := map[string][]string{
		"net.ipv4.ip_local_port_range":        {"32768\t60999", "1024\t65000", "10240\t65535", "20000\t20199", "1\t65535", "500\t700", "1024\t4999", "60000\t60001", "65534\t65535"},
		"net.ipv4.ip_local_reserved_ports":    {"", "8080", "32768-60000", "1-65535", "10240,10242-10244"},
		"net.ipv4.ip_unprivileged_port_start": {"0", "1024", "20001", "65535"},
		"net.ipv4.tcp_tw_reuse":               {"0", "1", "2"}, "net.ipv4.tcp_tw_recycle": {"0", "1"}, "net.ipv4.tcp_timestamps": {"0", "1", "2"},
		"net.ipv4.tcp_syncookies": {"0", "1", "2"}, "net.ipv4.tcp_abort_on_overflow": {"0", "1"}, "net.ipv4.tcp_fin_timeout": {"5", "30", "60", "120"},
		"net.ipv4.tcp_max_tw_buckets": {"0", "5", "5000", "131072", "2000000", "16777216", "180000"}, "net.ipv4.tcp_ehash_entries": {"262144", "-262144", "0", ""},
		"net.core.somaxconn": {"0", "128", "4096", "65535", "2147483647"}, "net.ipv4.tcp_keepalive_time": {"30", "1200", "7200"},
		"net.ipv4.tcp_orphan_retries": {"0", "1", "7"}, "net.ipv4.tcp_max_orphans": {"0", "100", "131072", "4194304"},
		"net.ipv4.tcp_mem":  {"287898\t383867\t575796", "1179238400 1572315136 2358476800", "1 2 3", "x"},
		"net.ipv4.tcp_rmem": {"4096\t131072\t33554432", "16777216 16777216 16777216", "65536\t1048576\t33554432", "0 1 2", "x"}, "net.ipv4.tcp_wmem": {"4096\t16384\t4194304", "4096 1048576 4194304"},
		"net.netfilter.nf_conntrack_max": {"0", "1000", "262144", "67108864"}, "net.netfilter.nf_conntrack_buckets": {"512", "65536", "262144"},
		"net.ipv4.neigh.default.gc_thresh1": {"0", "128", "4096"}, "net.ipv4.neigh.default.gc_thresh2": {"512", "100000"}, "net.ipv4.neigh.default.gc_thresh3": {"512", "1024", "65536"},
		"fs.file-max": {"8192", "2466170", "9223372036854775807"}, "fs.nr_open": {"1024", "1048576", "1073741816"},
	}
	names := slices.Sorted(maps.Keys(values))
	planned := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		pick := func(list ...uint64) host.Opt { return host.Some(list[r.IntN(len(list))]) }
		sn := sketchOf()
		for _, name := range names {
			if r.IntN(3) == 0 {
				set(name, values[name][r.IntN(len(values[name]))])(sn)
			}
		}
		low, high, _ := sn.Namespaces[0].Settings.PortRange()
		if n := int(high) - int(low); n > 0 {
			state := []tcp.State{tcp.TimeWait, tcp.Established, tcp.CloseWait, tcp.FinWait2}[r.IntN(4)]
			connected(r.IntN(min(n, 3000)+1), state, int(low), 7)(sn)
		}
		program(7, "shop", uint64(r.IntN(2000)), 1024)(sn)
		if r.IntN(2) == 0 {
			listening(uint16(1+r.IntN(65535)), uint32(r.IntN(200)), uint32([]int{5, 128, 4096}[r.IntN(3)]))(sn)
		}
		sn.Namespaces[0].TimeWait = pick(0, 4, 5000, 131000, 3000000)
		sn.Namespaces[0].ConntrackCount = pick(0, 1000, 262000, 5000000)
		sn.System.TCPOrphans, sn.System.TCPMemPages, sn.System.FilesOpen = pick(8, 40000, 131072), pick(551, 400000, 600000), pick(9000, 2400000)
		sn.System.Neighbours[0].Entries = pick(3, 1000, 900000, 5000000)
		sn.System.Memory.Total = []host.Opt{{}, host.Some(64 << 20), host.Some(2 << 30), host.Some(24 << 30)}[r.IntN(4)]
		in := Input{Snapshot: sn, Report: examined(t, sn)}
		switch r.IntN(4) {
		case 0:
			in.For = slices.Sorted(maps.Keys(cures))[r.IntN(len(cures))]
		case 1:
			in.Profile = Profiles()[r.IntN(len(Profiles()))]
		}
		p := Make(in)
		planned += len(p.Changes)
		holds(t, in, p)
		if t.Failed() {
			t.Fatalf("seed %d, for %q, profile %q: %v, %v", seed, in.For, in.Profile, sn.Namespaces[0].Settings, sn.System.Settings)
		}
	}
	if planned < 300 {
		t.Errorf("only %d changes: the machines lack nothing", planned)
	}
}

func TestMakeOfNothing(t *testing.T) {
	for _, in := range []Input{{}, {Snapshot: &host.Snapshot{}}, {Snapshot: &host.Snapshot{Namespaces: []*host.NetNS{{Inode: 1}}}}} {
		for id := range cures {
			in.For = id
			if p := Make(in); len(p.Changes) > 0 {
				t.Errorf("%s: %v", id, p.Changes)
			}
		}
	}
}

func TestWindows(t *testing.T) {
	draw := func(kernel string, settings ...string) Input {
		ns := &host.NetNS{Settings: host.Settings{}}
		for i := 0; i < len(settings); i += 2 {
			ns.Settings["windows."+settings[i]] = settings[i+1]
		}
		return Input{Snapshot: &host.Snapshot{Machine: host.Machine{OS: "windows", Kernel: kernel}, Namespaces: []*host.NetNS{ns}}}
	}
	hear := func(in Input, ports ...uint16) Input {
		for _, p := range ports {
			in.Snapshot.Sockets = append(in.Snapshot.Sockets, tcp.Socket{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), p), State: tcp.Listen})
		}
		return in
	}
	tests := []struct {
		in    Input
		plan  string
		wants []string
	}{
		{in: draw("10.0.19045"), plan: "port-exhaustion", wants: []string{"dynamicport tcp 10000 55536", "TcpTimedWaitDelay 60"}},
		{in: draw("10.0.19045", "dynamicport.ipv4.tcp", "10000 55536", "TcpTimedWaitDelay", "30"), plan: "port-exhaustion", wants: []string{"autoreuseportrange tcp 10000 55536"}},
		{in: draw("10.0.19045", "dynamicport.ipv4.tcp", "10000 55536", "TcpTimedWaitDelay", "30", "autoreuseportrange.tcp", "10000 55536"), plan: "port-exhaustion"},
		{in: draw("6.1.7601", "dynamicport.ipv4.tcp", "10000 55536", "TcpTimedWaitDelay", "30"), plan: "port-exhaustion"},
		{in: hear(draw("10.0.19045", "TcpTimedWaitDelay", "30", "excludedportrange.ipv4.tcp", "12000-12010"), 80, 8080, 10050, 10051, 12005, 15432, 49700), plan: "port-exhaustion",
			wants: []string{"excludedportrange tcp 10050 2", "excludedportrange tcp 15432 1", "dynamicport tcp 10000 55536"}},
		{in: draw("5.2.3790"), plan: "port-exhaustion", wants: []string{"TcpTimedWaitDelay 60", "MaxUserPort 65534"}},
		{in: draw("10.0.19045", "TcpTimedWaitDelay", "5", "MaxUserPort", "65534"), wants: []string{"TcpTimedWaitDelay 60", "MaxUserPort "}},
		{in: draw("", "MaxUserPort", "65534")},
	}
	for _, tt := range tests {
		tt.in.For = tt.plan
		p := Make(tt.in)
		var got []string
		for _, c := range p.ByHand {
			got = append(got, fmt.Sprint(c.Setting, " ", c.To))
		}
		if !slices.Equal(got, tt.wants) || len(p.Changes) > 0 {
			t.Errorf("%s %v: %q and %v, want %q", tt.in.Snapshot.Machine.Kernel, tt.in.Snapshot.Namespaces[0].Settings, got, p.Changes, tt.wants)
		}
	}
}

func TestPortList(t *testing.T) {
	for _, text := range []string{"", "80-81,8080,9148-9151", "1-65535", "65535"} {
		s := host.Settings{reservedName: text}
		if got := portList(s.ReservedPorts()); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
