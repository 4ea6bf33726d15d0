package diagnose

import (
	"testing"

	"sockeye/internal/host"
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
		{name: "a guide's registry values", now: set("windows.TcpTimedWaitDelay", "5", "windows.MaxUserPort", "65534", "windows.TcpNumConnections", "16777214",
			"windows.StrictTimeWaitSeqCheck", "1", "windows.EnableDynamicBacklog", "1", "windows.MaxFreeTWTcbs", "1000"),
			want: []string{"notice proven pid:- registry-timed-wait,registry-port,registry-old,registry-old,registry-unknown,registry-backlog => remove-registry-value"}},
		{name: "few repeats", now: set("windows.TcpMaxDataRetransmissions", "1", "windows.MaxUserPort", "65534"),
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
