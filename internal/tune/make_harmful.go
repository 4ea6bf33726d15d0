package tune

import (
	"fmt"

	"sockeye/internal/diagnose"
)

const recycleName = "net.ipv4.tcp_tw_recycle"

// switches are settings that must not be as they are, with the way back. All of
// them are sold as cures for too many connections, and none is one.
var switches = []struct {
	name   string
	wrong  int64
	right  string
	reason string
}{
	{recycleName, 1, "0", "tw-recycle-back"},
	{"net.ipv4.tcp_timestamps", 0, "1", "timestamps-back"},
	{"net.ipv4.tcp_syncookies", 0, "1", "syncookies-back"},
	{"net.ipv4.tcp_abort_on_overflow", 1, "0", "abort-on-overflow-back"},
}

// harmful is the way back from switches that do harm. The other harmful values
// are decided where their setting is: each in one place only.
func (m *maker) harmful() {
	w := m.wayBack()
	for _, s := range switches {
		v, ok := m.number(s.name)
		if !ok || v != s.wrong {
			continue
		}
		by := w
		if by == nil && s.name == "net.ipv4.tcp_timestamps" {
			by = first(m.want("port-exhaustion", diagnose.Notice), m.want("short-lived-connections", diagnose.Warning)) // tcp_tw_reuse rests on them
		}
		if by == nil && s.name == "net.ipv4.tcp_syncookies" {
			by = m.want("syn-queue-pressure", diagnose.Notice)
		}
		if by != nil {
			m.change(by, Change{Setting: s.name, To: s.right, Reason: s.reason, Undoes: true})
		}
	}
}

// wayBack is the reason to undo what does harm, nil where the plan is to be made
// for another finding.
func (m *maker) wayBack() *want {
	if m.in.For != "" && m.in.For != "harmful-setting" {
		return nil
	}
	return &want{id: "harmful-setting", rank: ranks[diagnose.Notice]}
}

// classics explains the settings that every guide names, where nothing above
// said anything about them.
func (m *maker) classics() {
	if m.in.For != "" && m.in.For != "harmful-setting" {
		return
	}
	tell := func(name string, reason func(v int64) string) {
		if v, ok := m.number(name); ok {
			m.left(name, reason(v), Values{})
		}
	}
	if _, there := m.value(recycleName); !there && m.withoutRecycle() {
		m.left(recycleName, "tw-recycle-gone", Values{})
	}
	always := func(reason string) func(int64) string { return func(int64) string { return reason } }
	tell(recycleName, always("tw-recycle-off"))
	stamps, told := m.number("net.ipv4.tcp_timestamps")
	tell("net.ipv4.tcp_tw_reuse", func(v int64) string {
		if v != 0 && told && stamps == 0 {
			return "tw-reuse-waits"
		}
		switch v {
		case 0:
			return "tw-reuse-off"
		case 1:
			return "tw-reuse-on"
		}
		return "tw-reuse-loopback"
	})
	tell("net.ipv4.tcp_timestamps", always("timestamps-on"))
	tell("net.ipv4.tcp_syncookies", func(v int64) string {
		if v == 2 {
			return "syncookies-always"
		}
		return "syncookies-on"
	})
	m.synBacklog()
	tell("net.core.somaxconn", func(v int64) string {
		if v < somaxconnShipped {
			return "somaxconn-small"
		}
		return "somaxconn-calm"
	})
	tell("net.ipv4.tcp_keepalive_time", func(v int64) string {
		switch {
		case v == keepaliveShipped:
			return "keepalive-shipped"
		case v < keepaliveLeast:
			return "keepalive-hasty"
		}
		return "keepalive-other"
	})
	for name, def := range map[string]int64{"net.ipv4.tcp_keepalive_intvl": 75, "net.ipv4.tcp_keepalive_probes": 9} {
		if v, ok := m.number(name); ok && v != def {
			m.left(name, "keepalive-other", Values{})
		}
	}
}

// withoutRecycle reports whether the kernel is one that has no tcp_tw_recycle any
// more: Linux 4.12 and later (commit 4396e46187ca).
func (m *maker) withoutRecycle() bool {
	var major, minor int
	n, _ := fmt.Sscanf(m.in.Snapshot.Machine.Kernel, "%d.%d", &major, &minor)
	return m.in.Snapshot.Machine.OS == "linux" && n == 2 && (major > 4 || major == 4 && minor >= 12)
}

// synBacklog says why tcp_max_syn_backlog stays. The kernel looks at it where cookies
// are off: in the last quarter of it only peers that are known get in
// (net/ipv4/tcp_input.c tcp_conn_request, v6.18).
func (m *maker) synBacklog() {
	v, ok := m.number(synBacklogName)
	cookies, told := m.number("net.ipv4.tcp_syncookies")
	switch {
	case !ok:
	case told && cookies == 0:
		m.left(synBacklogName, "syn-backlog-counts", Values{Need: uint64(max(v, 0))})
	case v == m.ownSynBacklog():
		m.left(synBacklogName, "syn-backlog-shipped", Values{})
	default:
		m.left(synBacklogName, "syn-backlog-unused", Values{})
	}
}

// ownSynBacklog is what the kernel gives tcp_max_syn_backlog by itself, 0 where the
// size of the hash that it rests on is not told (net/ipv4/tcp_ipv4.c tcp_sk_init, v6.18).
func (m *maker) ownSynBacklog() int64 {
	entries, ok := m.ns.Settings.Int("net.ipv4.tcp_ehash_entries")
	if !ok || entries == 0 {
		return 0
	}
	return max(128, max(entries, -entries)/128)
}
