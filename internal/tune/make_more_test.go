package tune

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// planOf examines a machine and plans for it.
func planOf(t *testing.T, in Input, draw ...func(*host.Snapshot)) Plan {
	t.Helper()
	in.Snapshot = sketchOf(draw...)
	in.Report = examined(t, in.Snapshot)
	p := Make(in)
	holds(t, in, p)
	return p
}

// units are the limits of units that a plan holds: "unit soft:hard".
func units(p Plan) (out []string) {
	for _, c := range p.ByHand {
		if c.Kind == Systemd {
			out = append(out, c.Values.Unit+" "+c.limit())
		}
	}
	return out
}

// limited is a process with all of its limits.
func limited(pid int32, unit, cgroup string, fds, soft, hard uint64) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		sn.Processes[pid] = &host.Process{PID: pid, Name: "shop", NetNS: home, FDs: &fds, FDLimit: &soft, FDHard: hard, Unit: unit, Cgroup: cgroup}
	}
}

func TestLimitsOfUnits(t *testing.T) {
	const system, user = "/system.slice/shop.service", "/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service"
	long := strings.Repeat("a", 232) + ".service" // 240 bytes
	for _, tt := range []struct {
		name string
		draw []func(*host.Snapshot)
		want []string
	}{
		{"the system's", []func(*host.Snapshot){limited(8, "shop.service", system, 1024, 1024, 524288)}, []string{"shop.service 65536:524288"}},
		{"a user's of the same name", []func(*host.Snapshot){limited(8, "shop.service", user, 1024, 1024, 524288)}, nil},
		{"a user's beside the system's", []func(*host.Snapshot){limited(7, "shop.service", user, 9, 200000, 524288), limited(8, "shop.service", system, 1024, 1024, 4096)},
			[]string{"shop.service 65536:65536"}},
		{"a long name", []func(*host.Snapshot){limited(8, long, "/system.slice/"+long, 1024, 1024, 0)}, []string{long + " 65536:65536"}},
		{"a name with no room for a drop-in", []func(*host.Snapshot){limited(8, "a"+long, "/system.slice/a"+long, 1024, 1024, 0)}, nil},
		{"one that lowered its own limit", []func(*host.Snapshot){limited(7, "shop.service", system, 9, 200000, 300000), limited(8, "shop.service", system, 1024, 1024, 1024)},
			[]string{"shop.service 200000:300000"}},
		{"of a unit without a limit", []func(*host.Snapshot){limited(7, "shop.service", system, 9, 1<<63, 1<<63), limited(8, "shop.service", system, 1024, 1024, 1024)}, nil},
	} {
		p := planOf(t, Input{}, tt.draw...)
		if got := units(p); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if !slices.ContainsFunc(p.ByHand, func(c Change) bool { return c.Kind == Prlimit && c.Values.PID == 8 }) {
			t.Errorf("%s: no first aid", tt.name)
		}
		for _, c := range p.ByHand {
			if tt.want == nil && strings.Contains(c.Command(), "systemctl") {
				t.Errorf("%s: %s", tt.name, c.Command())
			}
		}
	}
}

func TestReuseDelay(t *testing.T) {
	const delay = "net.ipv4.tcp_tw_reuse_delay"
	churn := connected(28000, tcp.TimeWait, 32768, 0)
	on, long := set("net.ipv4.tcp_tw_reuse", "1"), set(delay, "60000")
	for _, tt := range []struct {
		name    string
		draw    []func(*host.Snapshot)
		in      Input
		changes []string
		also    string
	}{
		{name: "on and useless", draw: []func(*host.Snapshot){on, long}, changes: []string{"tcp_tw_reuse_delay 1000"}, also: "left tcp_tw_reuse tw-reuse-on"},
		{name: "on, and ports lack", draw: []func(*host.Snapshot){on, long, churn}, changes: []string{"tcp_tw_reuse_delay 1000"}, also: "left tcp_tw_reuse tw-reuse-on"},
		{name: "to be switched on", draw: []func(*host.Snapshot){long, churn}, changes: []string{"tcp_tw_reuse_delay 1000", "tcp_tw_reuse 1"}},
		{name: "a busy client", draw: []func(*host.Snapshot){long}, in: Input{Profile: BusyClient}, changes: []string{"tcp_tw_reuse_delay 1000", "tcp_tw_reuse 1", "ip_local_port_range 10240 65535"}},
		{name: "long, and nobody asks", draw: []func(*host.Snapshot){long}, also: "left tcp_tw_reuse_delay tw-reuse-delay-idle"},
		{name: "short", draw: []func(*host.Snapshot){on, set(delay, "10")}, also: "left tcp_tw_reuse_delay tw-reuse-delay-hasty"},
		{name: "as shipped", draw: []func(*host.Snapshot){on}, also: "left tcp_tw_reuse_delay right"},
		{name: "for another finding", draw: []func(*host.Snapshot){on, long}, in: Input{For: "orphan-limit"}, changes: []string{"tcp_orphan_retries 3", "tcp_max_orphans 196608"}},
		{name: "before Linux 6.14", draw: []func(*host.Snapshot){on, set(delay, "")}},
	} {
		p := planOf(t, tt.in, tt.draw...)
		got := inShort(p)
		changes := got[:len(p.Changes)]
		slices.Sort(changes)
		slices.Sort(tt.changes)
		if !slices.Equal(changes, tt.changes) || tt.also != "" && !slices.Contains(got, tt.also) {
			t.Errorf("%s: %q, want %q and %q", tt.name, got, tt.changes, tt.also)
		}
	}
	for _, lang := range []string{"en", "zh"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for seconds, want := range map[float64]string{2.5: "2.5 ", 0: "1 "} {
			told, err := Tell(book, Change{Reason: "tw-reuse", Values: Values{Delay: seconds}})
			if err != nil || !strings.Contains(told.Title, want) || !strings.Contains(told.Why, want) {
				t.Errorf("%s, after %g s: %q, %q, %v", lang, seconds, told.Title, told.Why, err)
			}
		}
	}
}

// orphaned are connections that were closed by their programs, with this timer running.
func orphaned(n int, kind tcp.TimerKind) func(*host.Snapshot) {
	return func(sn *host.Snapshot) {
		begin := len(sn.Sockets)
		connected(n, tcp.FinWait1, 40000+begin, 0)(sn)
		for i := range sn.Sockets[begin:] {
			sk := &sn.Sockets[begin+i]
			sk.Inode, sk.SendQ, sk.Timer = 0, 1000, tcp.Timer{Kind: kind, Retries: 4}
		}
	}
}

// Fewer repeats end connections whose peers are silent, not those whose peers say
// that they take nothing now.
func TestOrphansThatAreProbed(t *testing.T) {
	many := func(sn *host.Snapshot) { sn.System.TCPOrphans = host.Some(40000) }
	for _, tt := range []struct {
		name  string
		draw  []func(*host.Snapshot)
		in    Input
		wants string
	}{
		{name: "probed", draw: []func(*host.Snapshot){many, orphaned(60, tcp.TimerPersist)}, wants: "left tcp_orphan_retries orphan-retries-probed"},
		{name: "silent", draw: []func(*host.Snapshot){many, orphaned(60, tcp.TimerOn)}, wants: "tcp_orphan_retries 3"},
		{name: "mostly silent", draw: []func(*host.Snapshot){many, orphaned(60, tcp.TimerPersist), orphaned(61, tcp.TimerOn)}, wants: "tcp_orphan_retries 3"},
		{name: "asked for", draw: []func(*host.Snapshot){many, orphaned(60, tcp.TimerPersist)}, in: Input{For: "orphan-limit"}, wants: "tcp_orphan_retries 3"},
	} {
		if got := inShort(planOf(t, tt.in, tt.draw...)); !slices.Contains(got, tt.wants) {
			t.Errorf("%s: no %q in %q", tt.name, tt.wants, got)
		}
	}
}

// What Kubernetes hands out is kept free where the range reaches it.
func TestNodePortsAreReserved(t *testing.T) {
	leak := []func(*host.Snapshot){program(7, "shop", 28100, 1<<20), connected(28100, tcp.Established, 32768, 7)}
	elsewhere := func(sn *host.Snapshot) { sn.Processes[9].NetNS = home + 1 }
	for _, tt := range []struct {
		name string
		draw []func(*host.Snapshot)
		want string
	}{
		{"a node", []func(*host.Snapshot){program(9, "kubelet", 9, 1024)}, "30000-32767"},
		{"its proxy, beside a listener", []func(*host.Snapshot){program(9, "kube-proxy", 9, 1024), listening(31000, 0, 128), listening(20000, 0, 128)}, "20000, 30000-32767"},
		{"in another namespace", []func(*host.Snapshot){program(9, "kubelet", 9, 1024), elsewhere}, ""},
		{"no node", []func(*host.Snapshot){program(9, "kubectl", 9, 1024)}, ""},
	} {
		p := planOf(t, Input{}, append(slices.Clone(leak), tt.draw...)...)
		got := ""
		for _, c := range p.Changes {
			if c.Setting == reservedName {
				got = c.Values.Ports
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := inShort(planOf(t, Input{}, program(9, "kubelet", 9, 1024))); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "ip_local_reserved_ports") }) {
		t.Errorf("the shipped range does not reach them: %q", got)
	}
}

func TestTrackedStates(t *testing.T) {
	const wait, half = "net.netfilter.nf_conntrack_tcp_timeout_time_wait", "net.netfilter.nf_conntrack_tcp_timeout_close_wait"
	full := func(sn *host.Snapshot) { sn.Namespaces[0].ConntrackCount = host.Some(262144) }
	listed := func(state string, n uint64) func(*host.Snapshot) {
		return func(sn *host.Snapshot) {
			sn.Namespaces[0].Tracked = map[string]uint64{state: n, "ESTABLISHED": 262144 - n}
		}
	}
	poor := func(sn *host.Snapshot) {
		sn.System.Memory.Total = host.Some(2 << 30)
		set(memName, "24576 32768 49152")(sn)
	}
	for _, tt := range []struct {
		name string
		draw []func(*host.Snapshot)
		want []string
	}{
		{"room is enough", []func(*host.Snapshot){set(wait, "120"), listed("TIME_WAIT", 200000)}, []string{"nf_conntrack_max 524288"}},
		{"longer than shipped", []func(*host.Snapshot){set(wait, "600"), listed("TIME_WAIT", 200000)}, []string{"nf_conntrack_max 524288", "nf_conntrack_tcp_timeout_time_wait 120"}},
		{"of other states", []func(*host.Snapshot){set(wait, "600"), listed("TIME_WAIT", 100000)}, []string{"nf_conntrack_max 524288"}},
		{"half closed", []func(*host.Snapshot){set(half, "3600"), listed("CLOSE_WAIT", 200000)}, []string{"nf_conntrack_max 524288", "nf_conntrack_tcp_timeout_close_wait 60"}},
		{"no memory for more", []func(*host.Snapshot){poor, set(wait, "120"), listed("TIME_WAIT", 200000)}, []string{"nf_conntrack_max 335544", "nf_conntrack_tcp_timeout_time_wait 60"}},
		{"not listed", []func(*host.Snapshot){set(wait, "600")}, []string{"nf_conntrack_max 524288"}},
	} {
		p := planOf(t, Input{}, append([]func(*host.Snapshot){full}, tt.draw...)...)
		if got := inShort(p)[:len(p.Changes)]; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	// Nobody lists the entries, and this machine's own sockets tell.
	p := planOf(t, Input{}, set("net.netfilter.nf_conntrack_max", "30000"), set(wait, "600"), set("net.ipv4.tcp_tw_reuse", "1"),
		connected(20000, tcp.TimeWait, 32768, 0), func(sn *host.Snapshot) { sn.Namespaces[0].ConntrackCount = host.Some(29000) })
	if got := inShort(p); !slices.Contains(got, "nf_conntrack_tcp_timeout_time_wait 120") {
		t.Errorf("%q", got)
	}
}

func TestBucketsOfOldKernels(t *testing.T) {
	for kernel, want := range map[string]string{"4.6.7": "left nf_conntrack_buckets buckets-at-load", "3.10.0-1160.el7": "left nf_conntrack_buckets buckets-at-load",
		"4.7.0": "nf_conntrack_buckets 524288", "": "nf_conntrack_buckets 524288"} {
		p := planOf(t, Input{}, set("net.netfilter.nf_conntrack_buckets", "65536"), func(sn *host.Snapshot) {
			sn.Machine.Kernel, sn.Namespaces[0].ConntrackCount = kernel, host.Some(262144)
		})
		if got := inShort(p); !slices.Contains(got, want) {
			t.Errorf("Linux %q: no %q in %q", kernel, want, got)
		}
	}
}

// What goes into 16 bits every kernel takes.
func TestLongestQueue(t *testing.T) {
	if got := inShort(planOf(t, Input{}, set("net.core.somaxconn", "40000"), listening(8080, 40001, 40000))); !slices.Contains(got, "somaxconn 65535") {
		t.Errorf("%q", got)
	}
}

func TestKeepaliveProbes(t *testing.T) {
	const interval, count = "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"
	quiet := set("net.ipv4.tcp_keepalive_time", "200")
	for _, tt := range []struct {
		name string
		draw []func(*host.Snapshot)
		in   Input
		want []string
	}{
		{name: "as shipped", in: Input{Profile: Database}, want: []string{"tcp_keepalive_time 200"}},
		{name: "far apart", draw: []func(*host.Snapshot){set(interval, "600")}, in: Input{Profile: Database}, want: []string{"tcp_keepalive_intvl 75", "tcp_keepalive_time 200"}},
		{name: "far apart and many", draw: []func(*host.Snapshot){quiet, set(interval, "600"), set(count, "20")}, in: Input{Profile: Database},
			want: []string{"tcp_keepalive_intvl 75", "tcp_keepalive_probes 9"}},
		{name: "far apart, but few", draw: []func(*host.Snapshot){quiet, set(interval, "200"), set(count, "3")}, in: Input{Profile: Database}},
		{name: "for half-open connections", draw: []func(*host.Snapshot){quiet, set(interval, "600"), set("net.ipv4.tcp_retries2", "8")}, in: Input{For: "half-open-connections"},
			want: []string{"tcp_keepalive_intvl 75"}},
		{name: "nobody probes", draw: []func(*host.Snapshot){set(interval, "600"), connected(3, tcp.Established, 40000, 7)}, in: Input{Profile: Database}},
		{name: "nobody asks", draw: []func(*host.Snapshot){set(interval, "600")}},
		{name: "no number", draw: []func(*host.Snapshot){quiet, set(interval, "x"), set(count, "20")}, in: Input{Profile: Database}},
	} {
		p := planOf(t, tt.in, tt.draw...)
		if got := inShort(p)[:len(p.Changes)]; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		for _, c := range p.Changes {
			if c.Setting == keepaliveName && c.Values.Need != 875 {
				t.Errorf("%s: a dead peer is noticed after %d s, want 200 + 75×9", tt.name, c.Values.Need)
			}
		}
	}
}

// Every setting of the table is one that some plan makes.
func TestEverySettingIsPlanned(t *testing.T) {
	sources := literals(t)
	for name, s := range settings {
		if strings.HasPrefix(name, "net.ipv6.") || s.Scope == Host && strings.HasPrefix(name, "windows.") {
			continue // its name is put together, or the system is another
		}
		if !sources[name] && !strings.Contains(name, ".neigh.") {
			t.Errorf("no plan mentions %s", name)
		}
	}
	for _, name := range []string{"net.ipv4.tcp_max_syn_backlog", "net.netfilter.nf_conntrack_tcp_timeout_established"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%s is only explained, and may be written", name)
		}
	}
}

func TestForm(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		good        bool
	}{
		{reservedName, "", true}, {reservedName, "80,9148-9151", true}, {reservedName, "----,, 9", false}, {reservedName, "80,", false}, {reservedName, "80,,81", false},
		{reservedName, "9-8", false}, {reservedName, "65536", false}, {reservedName, "80\n", false}, {reservedName, strings.Repeat("1,", 40000) + "1", false},
		{portRangeName, "1\t65535", true}, {portRangeName, "500 700", true}, {portRangeName, "1", false}, {portRangeName, "1-65535", false}, {portRangeName, "----,, 9", false},
		{bucketsName, "0", true}, {bucketsName, "-5", true}, {bucketsName, "5-", false}, {bucketsName, "", false}, {bucketsName, "99999999999999999999", false}, {bucketsName, "5\n6", false},
		{memName, "9 5 1", true}, {memName, "9 5", false},
	} {
		s, ok := Lookup(tt.name)
		if !ok {
			t.Fatal(tt.name)
		}
		if err := s.form(tt.value); (err == nil) != tt.good {
			t.Errorf("%s = %.20q: %v", tt.name, tt.value, err)
		}
		if s.Check(tt.value) == nil && s.form(tt.value) != nil {
			t.Errorf("%s = %.20q: good, but not in its form", tt.name, tt.value)
		}
	}
}

// On Windows a value may be absent, and is taken away again.
func TestFormOfWhatIsAbsent(t *testing.T) {
	s := Setting{Name: "windows.TcpTimedWaitDelay", words: 1, check: between(30, 300)}
	if s.form("") != nil || s.form("5") != nil || s.form("x") == nil || s.Check("") == nil {
		t.Errorf("%v, %v, %v, %v", s.form(""), s.form("5"), s.form("x"), s.Check(""))
	}
}

// The settings that these plans add keep the rules of all plans.
func TestMorePlansAreEnough(t *testing.T) {
	values := map[string][]string{
		"net.ipv4.tcp_tw_reuse": {"0", "1", "2"}, delayName: {"1", "1000", "5000", "60000", ""}, "net.ipv4.tcp_timestamps": {"0", "1"},
		"net.ipv4.tcp_keepalive_intvl": {"1", "75", "600", "32767"}, "net.ipv4.tcp_keepalive_probes": {"1", "9", "127"}, keepaliveName: {"60", "200", "7200"},
		"net.netfilter.nf_conntrack_tcp_timeout_time_wait": {"1", "60", "120", "86400"}, "net.netfilter.nf_conntrack_tcp_timeout_close_wait": {"10", "60", "43200"},
		portRangeName: {"32768\t60999", "1024\t65000", "10240\t65535", "20000\t20199"}, retriesName: {"0", "7"}, "net.netfilter.nf_conntrack_max": {"1000", "262144"},
		"net.netfilter.nf_conntrack_buckets": {"512", "262144"},
	}
	planned := 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		sn := sketchOf(program(9, []string{"kubelet", "shop"}[r.IntN(2)], 9, 1024), orphaned(r.IntN(60), tcp.TimerPersist), orphaned(r.IntN(60), tcp.TimerOn))
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if r.IntN(2) == 0 {
				set(name, values[name][r.IntN(len(values[name]))])(sn)
			}
		}
		low, high, _ := sn.Namespaces[0].Settings.PortRange()
		connected(r.IntN(min(int(high)-int(low), 3000)+1), tcp.TimeWait, int(low), 0)(sn)
		count := []uint64{0, 1000, 262000, 5000000}[r.IntN(4)]
		sn.Namespaces[0].ConntrackCount = host.Some(count)
		if r.IntN(2) == 0 {
			sn.Namespaces[0].Tracked = map[string]uint64{[]string{"TIME_WAIT", "CLOSE_WAIT", "SYN_SENT"}[r.IntN(3)]: count}
		}
		sn.System.TCPOrphans = host.Some([]uint64{8, 40000, 131072}[r.IntN(3)])
		sn.System.Memory.Total = []host.Opt{{}, host.Some(64 << 20), host.Some(24 << 30)}[r.IntN(3)]
		sn.Machine.Kernel = []string{"6.18.44", "4.4.0"}[r.IntN(2)]
		in := modes()[r.IntN(len(modes()))]
		if r.IntN(2) == 0 {
			in = Input{}
		}
		in.Snapshot, in.Report = sn, examined(t, sn)
		p := Make(in)
		planned += len(p.Changes)
		holds(t, in, p)
		for _, c := range p.Changes {
			if c.Setting == delayName && c.To != fmt.Sprint(delayShipped) {
				t.Errorf("a delay of %s", c.To)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d, for %q, profile %q: %v", seed, in.For, in.Profile, sn.Namespaces[0].Settings)
		}
	}
	if planned < 150 {
		t.Errorf("only %d changes: the machines lack nothing", planned)
	}
}
