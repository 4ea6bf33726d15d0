package tune

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// The doctor and the plan propose the same range for the same machine.
func TestRangeIsTheDoctors(t *testing.T) {
	compared := 0
	for _, limits := range []string{"20000\t20199", "1024\t4999", "40000\t44999", "32768\t60999", "1024\t60999", "10240\t65535", "30000\t65535", "45000\t60000"} {
		for _, reserved := range []string{"", "20000-20179", "32768-60000", "20000-65000"} {
			for _, start := range []string{"1024", "20001", "40000"} {
				low, high, _ := host.Settings{portRangeName: limits}.PortRange()
				// Established connections: tcp_tw_reuse gives none of their ports back.
				sn := sketchOf(set(portRangeName, limits), set(reservedName, reserved), set("net.ipv4.ip_unprivileged_port_start", start),
					connected(int(high)-int(low)+1, tcp.Established, int(low), 7), program(7, "client", 20, 1<<20))
				in := Input{Snapshot: sn, Report: examined(t, sn)}
				p := Make(in)
				planned := ""
				for _, c := range p.Changes {
					if c.Setting == portRangeName && !c.Undoes {
						planned = c.Command()
					}
				}
				for _, f := range in.Report.Findings {
					if f.ID != "port-exhaustion" && f.ID != "port-range-narrow" {
						continue
					}
					advised := ""
					for _, r := range f.Remedies {
						if strings.Contains(string(r.Command), "-w "+portRangeName) {
							advised = string(r.Command)
						}
					}
					compared++
					if advised != planned {
						t.Errorf("range %q, reserved %q, from %s: %s advises %q, the plan has %q", limits, reserved, start, f.ID, advised, planned)
					}
				}
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d findings compared", compared)
	}
}

// What a setting does not do now, nobody says that it does, and the other way round.
func TestTellsWhatIsTrueNow(t *testing.T) {
	guide := []func(*host.Snapshot){set("net.ipv4.tcp_timestamps", "0"), set("net.ipv4.tcp_syncookies", "0"), set(reuseName, "1"), set(synBacklogName, "64")}
	for _, in := range []Input{{}, {For: "port-exhaustion"}, {For: "syn-queue-pressure"}, {Profile: BusyClient}, {Profile: Server}} {
		in.Snapshot = sketchOf(guide...)
		in.Report = examined(t, in.Snapshot)
		for _, l := range Make(in).Left {
			if l.Setting == reuseName && l.Reason != "tw-reuse-waits" || l.Setting == synBacklogName && l.Reason != "syn-backlog-counts" {
				t.Errorf("for %q%q: %s is left because of %s", in.For, in.Profile, l.Setting, l.Reason)
			}
		}
	}
	var got []string
	sn := sketchOf(guide...)
	for _, l := range Make(Input{Snapshot: sn, Report: examined(t, sn)}).Left {
		got = append(got, l.Reason)
	}
	if !slices.Contains(got, "tw-reuse-waits") || !slices.Contains(got, "syn-backlog-counts") {
		t.Errorf("left because of %q", got)
	}
}

// A queue that is full on this machine is told once, at the program that does not
// take its connections: nothing is to be asked at the destination.
func TestFullQueueIsToldOnce(t *testing.T) {
	sn := sketchOf(listening(8080, 17, 16), program(7, "client", 40, 1024), func(sn *host.Snapshot) {
		at := netip.MustParseAddrPort("127.0.0.1:8080")
		for i := range 30 {
			sn.Sockets = append(sn.Sockets, tcp.Socket{NetNS: home, Local: netip.AddrPortFrom(at.Addr(), uint16(40000+i)), Remote: at, State: tcp.SynSent,
				Port: tcp.PortAuto, PID: 7, Inode: uint64(5000 + i), Timer: tcp.Timer{Kind: tcp.TimerOn, Retries: 3}})
		}
	})
	r := examined(t, sn)
	silent := slices.IndexFunc(r.Findings, func(f diagnose.Finding) bool { return f.ID == "unreachable-destination" })
	if silent < 0 || !slices.Equal(r.Findings[silent].Causes, []string{"accept-queue-overflow"}) {
		t.Fatalf("findings %+v", r.Findings)
	}
	got := inShort(Make(Input{Snapshot: sn, Report: r}))
	if !slices.Contains(got, "source accept-queue-overflow") || slices.ContainsFunc(got, func(l string) bool { return strings.HasSuffix(l, " unreachable-destination") }) {
		t.Errorf("%q", got)
	}
	// Who asks for it is told of it.
	if got := inShort(Make(Input{Snapshot: sn, Report: r, For: "unreachable-destination"})); !slices.Contains(got, "only unreachable-destination") {
		t.Errorf("asked for: %q", got)
	}
}

// What eats a range is named, and numbers of one text are written in one manner.
func TestWhyNamesWhatEats(t *testing.T) {
	for lang, want := range map[string][]string{"en": {"180 of the range are reserved", "After 7,200 s"}, "zh": {"有 180 个被 ip_local_reserved_ports 保留", "7,200 秒"}} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []Change{{Reason: "range-shipped", Values: Values{Capacity: 20, Reserved: 180}}, {Reason: "keepalive-time", From: "7200", To: "200"}} {
			told, err := Tell(book, c)
			if err != nil || !strings.Contains(told.Why, want[i]) {
				t.Errorf("%s: %q, %v", lang, told.Why, err)
			}
		}
	}
	sn := sketchOf(set(portRangeName, "20000\t20199"), set(reservedName, "20000-20179"), connected(20, tcp.TimeWait, 20180, 0))
	p := Make(Input{Snapshot: sn, Report: examined(t, sn)})
	at := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Setting == portRangeName })
	if at < 0 || p.Changes[at].Values.Reserved != 180 || !slices.Contains(inShort(p), "left ip_local_reserved_ports reserved-eats") {
		t.Errorf("%s", fmt.Sprint(inShort(p)))
	}
}

// What a restart of the service would cure is said first, and nobody says of it that
// no setting helps; nor where the setting that helps is on already.
func TestAlreadySetIsNotUseless(t *testing.T) {
	for lang, order := range map[string][]string{"en": {"16 places, and 4,096 are allowed", "restart the service", "listen()"}, "zh": {"16 个位置", "4,096", "重启服务", "listen()"}} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		said, err := TellLeft(book, Left{Setting: somaxconnName, Value: "4096", Reason: "backlog-of-program", Values: Values{Backlog: 16, Capacity: 4096}})
		at := -1
		for _, part := range order {
			next := strings.Index(said, part)
			if err != nil || next <= at {
				t.Errorf("%s: %q does not stand in its place in %q, %v", lang, part, said, err)
			}
			at = next
		}
	}
	sn := sketchOf(set(reuseName, "1"), set("net.ipv4.tcp_tw_reuse_delay", "60000"), connected(28232, tcp.TimeWait, 32768, 0), set(portRangeName, "32768\t60999"))
	for _, draw := range []func(*host.Snapshot){set(portRangeName, "32768\t60999"), set(portRangeName, "10240\t65535")} {
		draw(sn)
		p := Make(Input{Snapshot: sn, Report: examined(t, sn), For: "port-exhaustion"})
		got := inShort(p)
		if !slices.Contains(got, "left tcp_tw_reuse tw-reuse-on") || slices.Contains(got, "only port-exhaustion") {
			t.Errorf("%q", got)
		}
	}
}
