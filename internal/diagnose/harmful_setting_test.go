package diagnose

import (
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

func TestHarmfulSetting(t *testing.T) {
	set := func(pairs ...string) func(*sketch) {
		return func(s *sketch) {
			for i := 0; i < len(pairs); i += 2 {
				drawSetting(pairs[i], pairs[i+1])(s)
			}
		}
	}
	judgeSketches(t, harmfulSetting, []sketchCase{
		{name: "a blog's list", now: set("net.ipv4.tcp_tw_recycle", "1", "net.ipv4.tcp_timestamps", "0", "net.ipv4.tcp_fin_timeout", "5",
			"net.ipv4.tcp_max_tw_buckets", "5000", "net.ipv4.tcp_syncookies", "0", "net.ipv4.tcp_abort_on_overflow", "1"),
			want: []string{"notice proven pid:- tw-recycle,timestamps,syncookies,abort-on-overflow,tw-buckets,fin-timeout => restore-settings"}},
		{name: "one", now: set("net.ipv4.tcp_timestamps", "0"), want: []string{"notice proven pid:- timestamps => restore-settings"}},
		{name: "a belief", now: set("net.ipv4.tcp_fin_timeout", "15"), want: []string{"notice proven pid:- fin-timeout => -"}},
		{name: "lowered, default unknown", now: set("net.ipv4.tcp_max_tw_buckets", "6000", "net.ipv4.tcp_ehash_entries", ""),
			want: []string{"notice proven pid:- tw-buckets => restore-settings"}},
		{name: "a range over a service", now: drawAll(set("net.ipv4.ip_local_port_range", "1024 65535"),
			drawListener(0, "0.0.0.0:8080", 0, 511), drawListener(0, "127.0.0.1:9000", 0, 511), drawListener(0, "0.0.0.0:80", 0, 511)),
			want: []string{"notice proven pid:- range-covers => reserve-listened-ports"}},
		{name: "a range among the system's ports", now: set("net.ipv4.ip_local_port_range", "15 65000"),
			want: []string{"notice proven pid:- range-low => restore-settings"}},
		{name: "tcp_mem in bytes", now: set("net.ipv4.tcp_mem", "50331648 67108864 100663296"),
			want: []string{"notice proven pid:- mem-bytes => restore-settings"}},
		{name: "a guide's registry values", now: drawAll(windowsOf("10.0.17763"), set("windows.TcpTimedWaitDelay", "5", "windows.MaxUserPort", "65534", "windows.TcpNumConnections", "16777214",
			"windows.StrictTimeWaitSeqCheck", "1", "windows.EnableDynamicBacklog", "1", "windows.MaxFreeTWTcbs", "1000")),
			want: []string{"notice proven pid:- registry-timed-wait,registry-port,registry-old,registry-old,registry-unknown,registry-backlog => remove-registry-value"}},
		{name: "few repeats", now: drawAll(windowsOf("6.1.7601"), set("windows.TcpMaxDataRetransmissions", "1", "windows.MaxUserPort", "65534")),
			want: []string{"notice proven pid:- registry-repeats,registry-port => remove-registry-value"}},

		{name: "H22: defaults", now: drawNothing},
		{name: "registry values that do what they are for", now: set("windows.TcpTimedWaitDelay", "30", "windows.KeepAliveTime", "300000",
			"windows.TcpMaxDataRetransmissions", "3", "windows.EnableDynamicBacklog", "0")},
		{name: "a shared hash has negative entries", now: set("net.ipv4.tcp_ehash_entries", "-262144")},
		{name: "a small machine's own bucket limit", now: set("net.ipv4.tcp_max_tw_buckets", "4096", "net.ipv4.tcp_ehash_entries", "8192")},
		{name: "the same where the entries are not told", now: set("net.ipv4.tcp_max_tw_buckets", "4096", "net.ipv4.tcp_ehash_entries", "")},
		{name: "reuse, and a wide range with reserved services", now: drawAll(set("net.ipv4.tcp_tw_reuse", "1",
			"net.ipv4.ip_local_port_range", "10240 65535", "net.ipv4.ip_local_reserved_ports", "11211"), drawListener(0, "0.0.0.0:11211", 0, 511))},
		{name: "a listener on a port that the kernel chose", now: drawListener(0, "127.0.0.1:41233", 0, 511)},
		{name: "a longer tcp_fin_timeout", now: set("net.ipv4.tcp_fin_timeout", "120")},
	})

	// A namespace in which nothing runs is not told about; tcp_mem is told once.
	sn := sketchOf(set("net.ipv4.tcp_mem", "50331648 67108864 100663296"))
	sn.Namespaces = append(sn.Namespaces, &host.NetNS{Inode: 2, Settings: host.Settings{"net.ipv4.tcp_timestamps": "0"}})
	if got := harmfulSetting(examine(nil, sn, nil)); len(got) != 1 || got[0].ns != sketchNS {
		t.Errorf("want the finding of the first namespace alone, got %d", len(got))
	}
	// One that was asked for by its name is judged as it is.
	sn = sketchOf()
	sn.Namespaces = []*host.NetNS{{Inode: 2, Name: "x", Settings: host.Settings{"net.ipv4.tcp_max_tw_buckets": "5000", "net.ipv4.tcp_ehash_entries": "262144"}}}
	for _, named := range []bool{false, true} {
		if got := harmfulSetting(examineAll(Input{Now: sn, Named: named})); (len(got) == 1) != named {
			t.Errorf("asked for: %v, findings %d", named, len(got))
		}
	}
}

// TestOldWindows: before Vista MaxUserPort is the range of local ports.
func TestOldWindows(t *testing.T) {
	set := func(pairs ...string) func(*sketch) {
		return func(s *sketch) {
			for i := 0; i < len(pairs); i += 2 {
				drawSetting(pairs[i], pairs[i+1])(s)
			}
		}
	}
	raised := set("windows.MaxUserPort", "65534")
	judgeSketches(t, harmfulSetting, []sketchCase{
		{name: "Server 2003", now: drawAll(windowsOf("5.2.3790"), raised, set("windows.TcpTimedWaitDelay", "5", "windows.MaxFreeTcbs", "2000"))},
		{name: "XP", now: drawAll(windowsOf("5.1.2600"), raised)},
		{name: "2000", now: drawAll(windowsOf("5.0.2195"), raised, set("windows.TcpTimedWaitDelay", "5")),
			want: []string{"notice proven pid:- registry-timed-wait => remove-registry-value"}},
		{name: "Server 2003, and a delay that no page gives", now: drawAll(windowsOf("5.2.3790"), set("windows.TcpTimedWaitDelay", "600")),
			want: []string{"notice proven pid:- registry-timed-wait => remove-registry-value"}},
		{name: "Vista", now: drawAll(windowsOf("6.0.6002"), raised), want: []string{"notice proven pid:- registry-port => remove-registry-value"}},
		{name: "which one is not told", now: drawAll(windowsOf(""), raised), want: []string{"notice possible pid:- registry-port => -"}},
		{name: "not told, and another value beside it", now: drawAll(windowsOf(""), raised, set("windows.StrictTimeWaitSeqCheck", "1")),
			want: []string{"notice proven pid:- registry-unknown,registry-port => remove-registry-value"}},
	})
	// Nobody is told to take out what may be right.
	f := harmfulSetting(examine(nil, sketchOf(windowsOf(""), raised, set("windows.StrictTimeWaitSeqCheck", "1", "windows.EnableDynamicBacklog", "1")), nil))[0]
	if f.values.Known != "StrictTimeWaitSeqCheck" || f.values.Others != "EnableDynamicBacklog ("+registryAFD+")" || f.values.Count != 2 {
		t.Errorf("to be removed: %q and %q, %d", f.values.Known, f.values.Others, f.values.Count)
	}
}

// windowsOf draws a Windows of that version, "" not told.
func windowsOf(version string) func(*sketch) {
	return func(s *sketch) {
		s.Machine.OS, s.Machine.Kernel = "windows", version
		s.ns().Settings = host.Settings{}
	}
}

// TestUserPorts: the range of Windows before Vista.
func TestUserPorts(t *testing.T) {
	for value, want := range map[string][2]uint16{"": {1025, 5000}, "65534": {1025, 65534}, "65535": {1025, 65534}, "100": {1025, 5000}, "32000": {1025, 32000}} {
		set := host.Settings{}
		if value != "" {
			set["windows.MaxUserPort"] = value
		}
		if low, high, told := userPorts(set); [2]uint16{low, high} != want || told != (value != "") {
			t.Errorf("MaxUserPort %q: %d to %d, %v", value, low, high, told)
		}
	}
	for _, m := range []host.Machine{{OS: "windows", Kernel: "10.0.17763"}, {OS: "windows"}, {OS: "linux", Kernel: "5.10.0-8-amd64"}, {Kernel: "5.10.0"}, {OS: "windows", Kernel: "x"}} {
		if beforeVista(&m) {
			t.Errorf("%+v is taken for Windows before Vista", m)
		}
	}
}

// Nothing is said about a machine that nothing is wrong with, in one look or two.
func TestUntouchedSketchIsHealthy(t *testing.T) {
	for _, before := range []*host.Snapshot{nil, sketchOf()} {
		x := examine(before, sketchOf(), nil)
		for _, r := range rules() {
			for _, f := range r(x) {
				t.Errorf("%s: %s", f.id, inShort(f))
			}
		}
	}
}

// TestBeforeVistaIsAsked for the setting that it has.
func TestBeforeVistaIsAsked(t *testing.T) {
	for kernel, want := range map[string]string{"5.2.3790": "MaxUserPort", "10.0.17763": "dynamicport"} {
		c := clipOf("windows").rows(60, tcp.Established, 900, "10.1.0.5:%d", "10.1.0.9:1433", 1100)
		c.Machine.Kernel = kernel
		rep := c.tells(t)
		if !slices.ContainsFunc(rep.BlindSpots, func(b BlindSpot) bool { return strings.Contains(b.Remedy, want) }) {
			t.Errorf("Windows %s: nobody asks for %s: %+v", kernel, want, rep.BlindSpots)
		}
	}
}
