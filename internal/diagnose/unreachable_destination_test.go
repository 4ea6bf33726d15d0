package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// waiting is a SYN_SENT row whose SYN was repeated so many times.
func waiting(remote string, pid int32, retries uint8) row {
	return row{local: "10.0.0.1:40000", remote: remote, state: tcp.SynSent, pid: pid, port: tcp.PortAuto, sendq: 1,
		timer: tcp.Timer{Kind: tcp.TimerOn, Expires: 700 * time.Millisecond, Retries: retries}}
}

func established(local, remote string, pid int32) row {
	return row{local: local, remote: remote, state: tcp.Established, pid: pid, port: tcp.PortAuto}
}

func TestUnreachableDestination(t *testing.T) {
	const far = "192.0.2.9:9000"
	app := func() *pair { return newPair().process(812, "java", "jvm", 500) }
	testRule(t, unreachableDestination, []ruleCase{
		{name: "forty in both looks", looks: app().keep(rows(40, 40000, waiting(far, 812, 2))...).counted("TcpExtTCPSynRetrans", 40),
			want: []verdict{{Warning, Likely, 812, far}}, facts: []string{"waiting", "again", "stayed", "retrans"}},
		{name: "seen failing", looks: app().keep(rows(40, 40000, waiting(far, 812, 0))...).connects(812, "java", far, 20, 12),
			want: []verdict{{Warning, Proven, 812, far}}},
		{name: "timeouts below a second", looks: app().add(waiting(far, 812, 0)).connects(812, "java", far, 20, 18),
			want: []verdict{{Warning, Proven, 812, far}}},
		{name: "refused is not silence", looks: app().connects(812, "java", far, 20, 20).fails(812, "java", "connect", errCONNREFUSED, far, 20)},
		{name: "one glance, two repeats", looks: app().oneGlance().add(rows(40, 40000, waiting(far, 812, 2))...),
			want: []verdict{{Warning, Likely, 812, far}}},
		{name: "one glance, one repeat", looks: app().oneGlance().add(rows(40, 40000, waiting(far, 812, 1))...),
			want: []verdict{{Notice, Possible, 812, far}}},
		{name: "a saved dump without timers", looks: app().oneGlance().add(rows(25, 40000, row{local: "10.0.0.1:1", remote: far, state: tcp.SynSent, pid: 812})...),
			want: []verdict{{Notice, Possible, 812, far}}},
		{name: "a long way and a busy client: no repeats, none stays", looks: app().add(rows(200, 40000, waiting(far, 812, 0))...)},
		{name: "one or two on a desktop", looks: app().keep(rows(2, 40000, waiting(far, 812, 4))...)},
		{name: "a tenth of a small process", looks: newPair().process(812, "java", "jvm", 50).keep(rows(5, 40000, waiting(far, 812, 3))...),
			want: []verdict{{Notice, Likely, 812, far}}},
		{name: "five of a big process", looks: app().keep(rows(5, 40000, waiting(far, 812, 3))...)},
		{name: "others to it live", looks: app().keep(rows(20, 40000, waiting(far, 812, 3))...).keep(established("10.0.0.1:50000", far, 812)),
			want: []verdict{{Warning, Likely, 812, far}}, facts: []string{"waiting", "again", "stayed", "others-live"}},
		{name: "its listener here is full", looks: app().keep(row{local: "10.0.0.1:9000", state: tcp.Listen, pid: 900, recvq: 3, sendq: 2}).
			keep(rows(20, 40000, waiting("10.0.0.1:9000", 812, 3))...),
			want: []verdict{{Warning, Likely, 812, "10.0.0.1:9000"}}, facts: []string{"waiting", "again", "stayed", "local-queue"}},
		{name: "the network is gone", looks: app().keep(eachTo(30, "192.0.2.%d:443", 812, 3)...),
			want: []verdict{{Warning, Likely, 812, "192.0.2.1:443"}}},
		{name: "file sharing: some peers have left", looks: app().keep(eachTo(30, "192.0.2.%d:5001", 812, 3)...).
			keep(established("10.0.0.1:50000", "203.0.113.5:7000", 812))},
	})
}

// A full conntrack table drops SYNs here: nothing is said of the other side then.
func TestUntrackedIsNotUnreachable(t *testing.T) {
	const far = "192.0.2.9:9000"
	for used, full := range map[uint64]bool{1000: true, 950: true, 949: false} {
		p := newPair().process(812, "java", "jvm", 500).setting("net.netfilter.nf_conntrack_max", "1000").
			keep(rows(40, 40000, waiting(far, 812, 2))...).keep(established("10.0.0.1:50000", far, 812))
		for _, sn := range p.looks() {
			sn.Namespaces[0].ConntrackCount = host.Some(used)
		}
		x := p.examine()
		got := unreachableDestination(x)
		tellAll(t, p, got)
		if len(got) != 1 || slices.Contains(got[0].cures, "check-destination") == full {
			t.Fatalf("%d of 1000: %+v", used, got)
		}
		for lang, guess := range map[string][]string{"en": {"machine is off", "the machine is there"}, "zh": {"关机", "机器还在"}} {
			book, err := knowledge.Open(lang)
			if err != nil {
				t.Fatal(err)
			}
			w, err := x.inWords(got[0], book)
			if err != nil {
				t.Fatal(err)
			}
			said := w.Explanation
			for _, e := range w.Evidence {
				said += e.Fact
			}
			for _, g := range guess {
				if strings.Contains(said, g) == full {
					t.Errorf("%d of 1000: %q in %q", used, g, said)
				}
			}
		}
	}
}

// A server on this machine whose queue is full is up: nobody is sent to look at a
// firewall. One that only has the port of a silent destination is another matter.
func TestFullQueueIsNotUnreachable(t *testing.T) {
	for _, c := range []struct {
		listens, to string
		here        bool
	}{
		{"0.0.0.0:9000", "127.0.0.1:9000", true}, {"10.0.0.1:9000", "10.0.0.1:9000", true}, {"0.0.0.0:9000", "10.0.0.1:9000", true},
		{"0.0.0.0:9000", "192.0.2.9:9000", false}, {"10.0.0.1:9000", "192.0.2.9:9000", false},
	} {
		clients := rows(20, 40000, waiting(c.to, 812, 3))
		p := newPair().process(812, "java", "jvm", 500).process(900, "proxy", "", 50).
			keep(row{local: c.listens, state: tcp.Listen, pid: 900, recvq: 17, sendq: 16}).keep(clients...).
			counted("TcpExtListenOverflows", 9)
		x := p.examine()
		got := unreachableDestination(x)
		if len(got) != 1 {
			t.Fatalf("%+v: %d findings", c, len(got))
		}
		f := got[0]
		if slices.Contains(f.cures, "check-destination") == c.here || slices.Contains(f.causes, "accept-queue-overflow") != c.here {
			t.Errorf("%+v: cures %q, causes %q", c, f.cures, f.causes)
		}
		for lang, guess := range map[string]string{"en": "firewall drops the packets", "zh": "防火墙丢包"} {
			book, err := knowledge.Open(lang)
			if err != nil {
				t.Fatal(err)
			}
			w, err := x.inWords(f, book)
			if err != nil || strings.Contains(w.Explanation, guess) == c.here {
				t.Errorf("%s %+v: %q, %v", lang, c, w.Explanation, err)
			}
		}
		all := append(acceptQueueOverflow(x), f)
		f.blamed = append(f.blamed, blamed{pid: 900}) // the proxy waits for it as well
		link(all)
		if slices.Contains(f.causes, "accept-queue-overflow") != c.here || len(all) != 2 {
			t.Errorf("%+v linked: causes %q of %d findings", c, f.causes, len(all))
		}
	}
}

// eachTo makes one waiting socket to each of n destinations, counted from 1.
func eachTo(n int, pattern string, pid int32, retries uint8) []row {
	var out []row
	for i := range n {
		r := waiting(fmt.Sprintf(pattern, i+1), pid, retries)
		r.local = fmt.Sprintf("10.0.0.1:%d", 40000+i)
		out = append(out, r)
	}
	return out
}

func TestGiveUpAfter(t *testing.T) {
	for _, c := range []struct {
		retries, linear string
		want            time.Duration
	}{
		{"6", "4", 131 * time.Second}, // ip-sysctl.rst, v6.18
		{"6", "0", 127 * time.Second},
		{"1", "0", 3 * time.Second}, // tried on 6.18: 3.04 s
		{"8", "0", (127 + 120 + 120) * time.Second},
		{"", "4", 0}, {"nonsense", "4", 0},
	} {
		s := newPair().setting("net.ipv4.tcp_syn_retries", c.retries).setting("net.ipv4.tcp_syn_linear_timeouts", c.linear)
		if got := s.examine().spaces[0].giveUpAfter(); got != c.want {
			t.Errorf("retries %q linear %q: %v, want %v", c.retries, c.linear, got, c.want)
		}
	}
}
