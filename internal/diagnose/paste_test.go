package diagnose

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

// clip is a snapshot as text makes it: one namespace, one glance, and little else.
type clip struct{ *host.Snapshot }

func clipOf(os string) clip {
	return clip{&host.Snapshot{
		Machine: host.Machine{OS: os}, TakenAt: time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC),
		Source:     host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "text"},
		Namespaces: []*host.NetNS{{Inode: 1, Settings: host.Settings{}, Counters: host.Counters{}}},
		Processes:  map[int32]*host.Process{}, Sharers: map[uint64][]int32{},
		System: host.System{Settings: host.Settings{}},
	}}
}

func (c clip) process(pid int32, name string) clip {
	c.Processes[pid] = &host.Process{PID: pid, Name: name, NetNS: 1, UDP: -1}
	return c
}

func (c clip) setting(name, value string) clip {
	c.Namespaces[0].Settings[name] = value
	return c
}

func (c clip) blind(code string) clip {
	c.BlindSpots = append(c.BlindSpots, host.BlindSpot{Code: code, Count: 1})
	return c
}

// rows adds n sockets; %d in an address counts up from the number behind "+".
func (c clip) rows(n int, st tcp.State, pid int32, local, remote string, from int) clip {
	at := func(format string, i int) (ap netip.AddrPort) {
		if format == "" {
			return ap
		}
		if strings.Contains(format, "%d") {
			format = strings.ReplaceAll(format, "%d", fmt.Sprint(from+i))
		}
		if strings.Contains(format, "%h") {
			format = strings.ReplaceAll(format, "%h", fmt.Sprintf("%d.%d", i/250%250, i%250+1))
		}
		if name, port, masked := strings.Cut(format, "#"); masked {
			var p uint16
			_, _ = fmt.Sscan(port, &p)
			return netip.AddrPortFrom(standIn.WithZone(name), p)
		}
		return netip.MustParseAddrPort(format)
	}
	fast := func(format string) func(int) netip.AddrPort { // thousands that differ by their port
		addr, counts := strings.CutSuffix(format, ":%d")
		if !counts || strings.Contains(addr, "%") {
			if !strings.Contains(format, "%") {
				same := at(format, 0)
				return func(int) netip.AddrPort { return same }
			}
			return func(i int) netip.AddrPort { return at(format, i) }
		}
		parsed := netip.MustParseAddr(addr)
		return func(i int) netip.AddrPort { return netip.AddrPortFrom(parsed, uint16(from+i)) }
	}
	localAt, remoteAt := fast(local), fast(remote)
	c.Sockets = slices.Grow(c.Sockets, n)
	for i := range n {
		c.Sockets = append(c.Sockets, tcp.Socket{Local: localAt(i), Remote: remoteAt(i), State: st, PID: pid, NetNS: 1})
	}
	return c
}

func (c clip) one(st tcp.State, pid int32, local, remote string) clip {
	return c.rows(1, st, pid, local, remote, 0)
}

func (c clip) counts(st tcp.State, n uint64) clip {
	if c.Counted == nil {
		c.Counted = map[tcp.State]uint64{}
	}
	c.Counted[st] = n
	return c
}

// tells examines a clip in both languages, holds every sentence to the rules of
// style, and returns the English report.
func (c clip) tells(t *testing.T, messages ...host.Symptom) *Report {
	t.Helper()
	var first *Report
	for _, lang := range []string{"zh", "en"} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := Examine(Input{Now: c.Snapshot, Symptoms: messages}, book)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.MarshalIndent(rep, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"100::", "\"100:", "pid -", "(-1", "pid 0)", "<no value>", "\"pid\": 0", "\"pid\": -", "(0)"} {
			if strings.Contains(string(raw), bad) {
				i := strings.Index(string(raw), bad)
				t.Errorf("%s: report holds %q: …%s…", lang, bad, raw[max(i-60, 0):min(i+60, len(raw))])
			}
		}
		for _, f := range rep.Findings {
			if n := utf8.RuneCountInString(f.Title); n == 0 || n > 80 {
				t.Errorf("%s: title of %d characters: %q", lang, n, f.Title)
			}
			t.Logf("%s: %s %s %s %q\n  %s", lang, f.Severity, f.Certainty, f.ID, f.Title, f.Explanation)
			for _, e := range f.Evidence {
				t.Logf("  - %s [%s]", e.Fact, e.Source)
			}
			for _, r := range f.Remedies {
				t.Logf("  * %s: %s", r.Title, r.Command)
			}
		}
		for _, b := range rep.BlindSpots {
			t.Logf("  ? %s %s %s", b.What, b.Why, b.Remedy)
		}
		first = rep
	}
	return first
}

// short writes a report's findings as "id severity certainty culprit", in order.
func short(r *Report) (out []string) {
	for _, f := range r.Findings {
		who := "-"
		if len(f.Culprits) > 0 {
			who = f.Culprits[0].Process
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", f.ID, f.Severity, f.Certainty, who))
	}
	return out
}

func noPort(count uint64, candidates ...string) host.Symptom {
	return host.Symptom{ID: "no-port", Code: "EADDRNOTAVAIL", Errno: errADDRNOTAVAIL, Call: "connect", Count: count, Line: 12,
		First: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Last: time.Date(2026, 11, 22, 9, 4, 0, 0, time.UTC),
		Example: "dial tcp 10.0.0.2:3306: connect: cannot assign requested address", Candidates: candidates}
}

func noBuffers(count uint64) host.Symptom {
	return host.Symptom{ID: "no-buffers", Code: "WSAENOBUFS", Errno: errNOBUFS, Call: "connect", OS: "windows", Runtime: host.JVM, Count: count, Line: 3,
		Example: "java.net.SocketException: No buffer space available (maximum connections reached?): connect"}
}

func at(sym host.Symptom, ends ...string) host.Symptom {
	for _, e := range ends {
		ap, _ := netip.ParseAddrPort(e)
		sym.Endpoints = append(sym.Endpoints, host.SymptomEnd{Name: e, Addr: ap, Count: sym.Count})
	}
	return sym
}

func TestPastedTables(t *testing.T) {
	const db = "10.0.0.2:3306"
	linux := func() clip {
		return clipOf("linux").process(812, "java").one(tcp.Listen, 812, "0.0.0.0:8080", "")
	}
	windows := func() clip { return clipOf("windows").process(4040, "java.exe").process(900, "svchost.exe") }
	for _, c := range []struct {
		name     string
		clip     clip
		messages []host.Symptom
		want     []string
	}{
		{"Linux, no ports left, without any settings", linux().rows(28232, tcp.TimeWait, 0, "10.0.0.1:%d", db, 32768).one(tcp.Established, 812, "10.0.0.1:40000", db), nil,
			[]string{"port-exhaustion critical proven java", "short-lived-connections notice likely java"}},
		{"Linux, a wider range than the default's is seen in use", linux().rows(40000, tcp.TimeWait, 0, "10.0.0.1:%d", db, 20000), nil,
			[]string{"short-lived-connections notice possible -", "port-exhaustion notice possible -"}},
		{"Linux, most ports taken and the log says that one was missing", linux().rows(23500, tcp.TimeWait, 0, "10.0.0.1:%d", db, 32768), []host.Symptom{at(noPort(40), db)},
			[]string{"port-exhaustion critical proven -", "short-lived-connections notice possible -"}},
		{"Linux, to one destination most ports, but the log names another", linux().rows(23500, tcp.TimeWait, 0, "10.0.0.1:%d", db, 32768), []host.Symptom{at(noPort(40), "10.0.0.9:443")},
			[]string{"address-not-local warning possible -", "short-lived-connections notice possible -"}},
		{"Linux, few ports taken and the log says that one was missing", linux().rows(20, tcp.Established, 812, "10.0.0.1:%d", db, 40000), []host.Symptom{noPort(40)},
			[]string{"address-not-local warning possible -"}},
		{"Linux, loopback TIME_WAIT, tw_reuse unknown", linux().rows(28232, tcp.TimeWait, 0, "127.0.0.1:%d", "127.0.0.1:6379", 32768), nil,
			[]string{"port-exhaustion warning possible -", "short-lived-connections notice likely -"}},
		{"Linux, tw_reuse on, no ages", linux().setting("net.ipv4.tcp_tw_reuse", "1").rows(28232, tcp.TimeWait, 0, "10.0.0.1:%d", db, 32768), nil,
			[]string{"short-lived-connections notice possible -"}},
		{"Linux, one mask hides many destinations", linux().rows(20000, tcp.TimeWait, 0, "10.0.0.1:%d", "x.x.x.x#443", 32768).rows(20000, tcp.TimeWait, 0, "10.0.0.1:%d", "x.x.x.x#443", 32768), nil, nil},
		{"Linux, a name for the destination, the process without a pid", clipOf("linux").process(-1, "node").rows(28232, tcp.TimeWait, 0, "10.0.0.1:%d", "db.example.net#5432", 32768).
			rows(3, tcp.Established, -1, "10.0.0.1:%d", "db.example.net#5432", 61001), nil,
			[]string{"port-exhaustion critical proven node", "short-lived-connections notice likely node"}},
		{"Linux, unread requests that nobody accepts, netstat as root", clipOf("linux").process(812, "java").one(tcp.Listen, 812, "0.0.0.0:8080", "").
			rows(3, tcp.Established, 812, "10.0.0.1:8080", "198.51.100.7:%d", 40000).rows(76, tcp.CloseWait, 0, "10.0.0.1:8080", "198.51.100.8:%d", 40000), nil,
			[]string{"never-accepted notice possible java"}},
		{"Linux, CLOSE_WAIT without owners", clipOf("linux").rows(300, tcp.CloseWait, 0, "10.0.0.1:%d", "203.0.113.5:443", 40000).rows(50, tcp.Established, 0, "10.0.0.1:%d", "203.0.113.5:443", 45000), nil,
			[]string{"close-wait-leak notice possible -"}},
		{"Linux, descriptors ran out and CLOSE_WAIT stand there", linux().rows(1000, tcp.CloseWait, 812, "10.0.0.1:8080", "198.51.100.8:%d", 40000),
			[]host.Symptom{{ID: "emfile", Code: "EMFILE", Errno: errMFILE, Call: "accept", Count: 9, PIDs: []int32{812}, Example: "accept: too many open files"}},
			[]string{"fd-exhaustion critical proven java", "close-wait-leak warning likely java"}},
		{"Linux, the same with the causes among the candidates", linux().rows(1000, tcp.CloseWait, 812, "10.0.0.1:8080", "198.51.100.8:%d", 40000),
			[]host.Symptom{{ID: "emfile", Code: "EMFILE", Errno: errMFILE, Call: "accept", Count: 9, Example: "accept: too many open files", Candidates: []string{"fd-exhaustion", "close-wait-leak", "never-accepted"}}},
			[]string{"fd-exhaustion critical proven -", "close-wait-leak warning likely java"}},
		{"Linux, a port in use, and who listens there", linux(), []host.Symptom{at(host.Symptom{ID: "in-use", Errno: errADDRINUSE, Call: "bind", Count: 2, Example: "bind: Address already in use"}, "0.0.0.0:8080")},
			[]string{"address-in-use warning likely java"}},
		{"Windows, all dynamic ports in TIME_WAIT", windows().rows(16384, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 49152).one(tcp.Established, 4040, "10.1.0.5:49152", "10.1.0.9:1433"), nil,
			[]string{"port-exhaustion critical proven java.exe", "short-lived-connections notice possible java.exe"}},
		{"Windows, spread over many destinations it is the same", windows().rows(16300, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil,
			[]string{"port-exhaustion critical likely -"}},
		{"Windows, the last port, over many destinations", windows().rows(16384, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil,
			[]string{"port-exhaustion critical proven -"}},
		{"Windows, a hundredth free", windows().rows(16221, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil,
			[]string{"port-exhaustion critical likely -"}},
		{"Windows, one port more than a hundredth free", windows().rows(16220, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil,
			[]string{"port-exhaustion warning possible -"}},
		{"Windows, most ports and the exception", windows().rows(13500, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 49152), []host.Symptom{noBuffers(7)},
			[]string{"port-exhaustion critical proven -", "short-lived-connections notice possible -"}},
		{"Windows, many TIME_WAIT alone", windows().rows(6000, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 49152), nil,
			[]string{"short-lived-connections notice possible -"}},
		{"Windows, bound and forgotten", windows().rows(16317, tcp.Bound, 4040, "0.0.0.0:%d", "", 49160), nil,
			[]string{"port-exhaustion critical likely java.exe", "unconnected-socket-leak warning likely java.exe"}},
		{"Windows, a bound row beside each connection", windows().rows(3000, tcp.Established, 4040, "10.1.0.5:%d", "10.%h.9:443", 50000).rows(3000, tcp.Bound, 4040, "0.0.0.0:%d", "", 50000), nil, nil},
		{"Windows, the exception, and ports free in a table that hides bound sockets", windows().rows(40, tcp.Established, 4040, "10.1.0.5:%d", "10.1.0.9:1433", 50000), []host.Symptom{noBuffers(7)},
			[]string{"unconnected-socket-leak warning possible -"}},
		{"Windows, the exception, and ports free with bound sockets shown", windows().rows(40, tcp.Established, 4040, "10.1.0.5:%d", "10.1.0.9:1433", 50000).rows(12, tcp.Bound, 4040, "0.0.0.0:%d", "", 50000), []host.Symptom{noBuffers(7)},
			[]string{"nonpaged-pool warning possible -"}},
		{"Windows, wider dynamic range", windows().setting("windows.dynamicport.ipv4.tcp", "10000 55536").rows(16384, tcp.TimeWait, 0, "10.1.0.5:%d", "10.1.0.9:1433", 49152), nil,
			[]string{"short-lived-connections notice possible -"}},
		{"Windows, an excluded port", windows().setting("windows.excludedportrange.ipv4.tcp", "5357-5357,50000-50059"),
			[]host.Symptom{at(host.Symptom{ID: "eacces", Code: "WSAEACCES", Errno: errACCES, Call: "listen", OS: "windows", Count: 1, Example: "listen EACCES: permission denied 0.0.0.0:50037"}, "0.0.0.0:50037")},
			[]string{"excluded-port-range warning proven -"}},
		{"Windows, excluded ranges alone", windows().setting("windows.excludedportrange.ipv4.tcp", "5357-5357,50000-50059").one(tcp.Established, 4040, "10.1.0.5:50100", "10.1.0.9:1433"), nil, nil},
		{"macOS, the pool is full", clipOf("darwin").rows(16384, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil,
			[]string{"port-exhaustion critical proven -"}},
		{"macOS, Linux's range does not matter", clipOf("darwin").rows(10000, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 49152), nil, nil},
		{"FreeBSD, its own range", clipOf("freebsd").rows(28232, tcp.TimeWait, 0, "10.1.0.5:%d", db, 32768), nil,
			[]string{"short-lived-connections notice possible -"}},
		{"unknown system", clipOf("").rows(28232, tcp.TimeWait, 0, "10.1.0.5:%d", db, 32768), nil, nil},
		{"counts only", clipOf("linux").counts(tcp.CloseWait, 4049).counts(tcp.Established, 200).counts(tcp.TimeWait, 60000), nil,
			[]string{"close-wait-leak notice possible -"}},
		{"TIME_WAIT counted alone", clipOf("linux").counts(tcp.TimeWait, 28231).counts(tcp.Established, 1), nil, nil},
		{"TIME_WAIT counted, and the log", clipOf("linux").counts(tcp.TimeWait, 28231).counts(tcp.Established, 1), []host.Symptom{noPort(3)},
			[]string{"port-exhaustion critical likely -"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := short(c.clip.tells(t, c.messages...)); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestClockMayStand(t *testing.T) {
	for _, c := range []struct {
		os, kernel string
		days       int
		want       bool
	}{
		{"darwin", "24.6.0", 93, true}, {"darwin", "24.6.0", 49, false}, {"windows", "6.1.7601", 500, true},
		{"windows", "10.0.17763", 500, false}, {"windows", "6.1.7601", 90, false}, {"linux", "6.1.0", 800, false},
	} {
		clip := clipOf(c.os).rows(3000, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 50000)
		clip.Machine.Kernel, clip.Machine.Uptime = c.kernel, time.Duration(c.days)*24*time.Hour
		got := slices.Contains(short(clip.tells(t)), "time-wait-stuck notice possible -")
		if got != c.want {
			t.Errorf("%s %s after %d days: told %v", c.os, c.kernel, c.days, got)
		}
	}
}

// The pictures of HEALTHY.md as somebody would paste them: without settings,
// counters and timers, some without owners. None raises more than a notice.
func TestHealthyPastes(t *testing.T) {
	web := func(os string) clip {
		return clipOf(os).process(700, "nginx").one(tcp.Listen, 700, "0.0.0.0:443", "")
	}
	for _, c := range []struct {
		name string
		clip clip
	}{
		{"H1 a web server's TIME_WAIT", web("linux").rows(30000, tcp.TimeWait, 0, "10.0.0.1:443", "198.51.100.7:%d", 20000)},
		{"H1 the same, without the LISTEN rows", clipOf("linux").rows(20000, tcp.TimeWait, 0, "10.0.0.1:443", "198.51.100.7:%d", 33000)},
		{"H1 on Windows", web("windows").rows(30000, tcp.TimeWait, 0, "10.0.0.1:443", "198.51.100.7:%d", 20000)},
		{"H1 on an unknown system", clipOf("").rows(30000, tcp.TimeWait, 0, "10.0.0.1:443", "198.51.100.7:%d", 20000)},
		{"H2 outgoing TIME_WAIT to very many", clipOf("linux").rows(14000, tcp.TimeWait, 0, "10.0.0.1:%d", "203.%h.9:443", 32768).rows(14000, tcp.TimeWait, 0, "10.0.0.1:%d", "192.%h.9:80", 40000)},
		{"H3 a plateau on Linux", clipOf("linux").rows(12000, tcp.TimeWait, 0, "10.0.0.1:%d", "10.0.0.2:3306", 32768)},
		{"H3 a plateau on macOS", clipOf("darwin").rows(9000, tcp.TimeWait, 0, "10.0.0.1:%d", "203.%h.9:443", 49152)},
		{"H4 monitoring churn", clipOf("linux").rows(2535, tcp.TimeWait, 0, "10.0.0.1:%d", "10.0.0.2:6379", 40000)},
		{"H5 Windows, many TIME_WAIT of PID 0", clipOf("windows").rows(13000, tcp.TimeWait, 0, "10.0.0.1:%d", "10.%h.9:443", 49152)},
		{"H7 a monitoring host, counted", clipOf("linux").counts(tcp.Established, 3548).counts(tcp.TimeWait, 954).counts(tcp.FinWait1, 8)},
		{"H8 an idle pool", clipOf("linux").process(812, "java").rows(200, tcp.Established, 812, "10.0.0.1:%d", "10.0.0.2:5432", 40000)},
		{"H9 a hundred thousand clients", web("linux").rows(50000, tcp.Established, 700, "10.0.0.1:443", "198.51.100.7:%d", 1024).rows(50000, tcp.Established, 700, "10.0.0.1:443", "198.51.100.8:%d", 1024)},
		{"H10 a few CLOSE_WAIT of a pool", clipOf("linux").process(812, "java").rows(7, tcp.CloseWait, 812, "10.0.0.1:%d", "203.0.113.9:443", 40000).rows(60, tcp.Established, 812, "10.0.0.1:%d", "203.0.113.9:443", 41000)},
		{"H11 a mirror on loopback", clipOf("windows").process(44, "helper.exe").rows(3, tcp.CloseWait, 44, "127.0.0.1:%d", "127.0.0.1:5354", 50000).rows(3, tcp.FinWait2, 44, "127.0.0.1:5354", "127.0.0.1:%d", 50000)},
		{"H12 FIN_WAIT_2 without owners", clipOf("linux").rows(300, tcp.FinWait2, 0, "10.0.0.1:443", "198.51.100.7:%d", 20000)},
		{"H13 some clients vanish", web("linux").rows(3000, tcp.Established, 700, "10.0.0.1:443", "198.51.100.7:%d", 20000).rows(20, tcp.SynReceived, 0, "10.0.0.1:443", "198.51.100.9:%d", 20000).rows(15, tcp.LastAck, 0, "10.0.0.1:443", "198.51.100.10:%d", 20000)},
		{"H14 counters since boot", func() clip {
			c := web("linux")
			c.Namespaces[0].Counters = host.Counters{"TcpExtListenOverflows": 9000, "TcpExtListenDrops": 9100, "TcpExtSyncookiesSent": 4000, "TcpExtTCPTimeWaitOverflow": 12, "TcpExtTCPAbortOnMemory": 3}
			return c.one(tcp.Established, 700, "10.0.0.1:443", "198.51.100.7:2000")
		}()},
		{"H15 a queue for an instant", func() clip {
			c := clipOf("linux").process(700, "nginx").one(tcp.Listen, 700, "0.0.0.0:443", "")
			c.Sockets[0].RecvQ, c.Sockets[0].SendQ = 10, 4096
			return c
		}()},
		{"H15 the same in netstat, which has no limit", func() clip {
			c := clipOf("linux").one(tcp.Listen, 0, "0.0.0.0:443", "")
			c.Sockets[0].RecvQ = 10
			return c
		}()},
		{"H18 more tracked than sockets", func() clip {
			c := web("linux").setting("net.netfilter.nf_conntrack_max", "262144").one(tcp.Established, 700, "10.0.0.1:443", "198.51.100.7:2000")
			c.Namespaces[0].ConntrackCount = host.Some(90000)
			return c
		}()},
		{"H20 a Windows desktop's pairs", clipOf("windows").process(77, "firefox.exe").rows(60, tcp.Established, 77, "127.0.0.1:%d", "127.0.0.1:49999", 50000).rows(60, tcp.Established, 77, "127.0.0.1:49999", "127.0.0.1:%d", 50000)},
		{"H22 the defaults", clipOf("linux").setting("net.ipv4.tcp_tw_reuse", "2").setting("net.ipv4.tcp_timestamps", "1").setting("net.ipv4.tcp_fin_timeout", "60").setting("net.core.somaxconn", "128").setting("net.ipv4.ip_local_port_range", "32768 60999")},
		{"H24 a database server", clipOf("linux").process(55, "postgres").one(tcp.Listen, 55, "0.0.0.0:5432", "").rows(97, tcp.Established, 55, "10.0.0.2:5432", "10.0.0.7:%d", 40000)},
		{"H27 an edge", web("linux").rows(15000, tcp.TimeWait, 0, "10.0.0.1:%d", "203.%h.9:80", 32768).rows(15000, tcp.TimeWait, 0, "10.0.0.1:443", "198.51.100.7:%d", 20000)},
		{"a Windows server's dynamic listeners", clipOf("windows").process(4, "System").rows(40, tcp.Listen, 4, "0.0.0.0:%d", "", 49664).rows(200, tcp.Established, 4, "10.0.0.1:445", "10.0.0.9:%d", 50000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if rep := c.clip.tells(t); rep.Verdict.rank() > Notice.rank() {
				t.Errorf("verdict %s: %q", rep.Verdict, short(rep))
			}
		})
	}
}

// What is missing of a text is told, and what was counted in it is "at least".
func TestCutTexts(t *testing.T) {
	rep := clipOf("linux").blind("paste-cut").rows(300, tcp.CloseWait, 0, "10.0.0.1:%d", "203.0.113.5:443", 40000).tells(t)
	if !rep.Totals.AtLeast || len(rep.Findings) != 1 {
		t.Fatalf("at least: %v, findings %q", rep.Totals.AtLeast, short(rep))
	}
	f := rep.Findings[0]
	if !strings.HasSuffix(f.Title, "(at least)") || !strings.Contains(f.Evidence[0].Fact, "at least") {
		t.Errorf("title %q, fact %q", f.Title, f.Evidence[0].Fact)
	}
	for _, l := range rep.Limits {
		if l.ID == "ephemeral-ports" && !l.AtLeast {
			t.Errorf("limit %+v is not told as a lower bound", l)
		}
	}
	// A cut table clears nobody: the first suspect stays.
	rep = clipOf("linux").blind("paste-cut").rows(20, tcp.Established, 0, "10.0.0.1:%d", "10.0.0.2:3306", 40000).tells(t, noPort(40))
	if got, want := short(rep), []string{"port-exhaustion warning possible -"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a kind of text cannot show is decided from the snapshot.
func TestUnseen(t *testing.T) {
	for _, c := range []struct {
		name     string
		clip     clip
		messages []host.Symptom
		want     []string
	}{
		{"a bare netstat -an", clipOf("linux").one(tcp.Listen, 0, "0.0.0.0:80", "").one(tcp.Established, 0, "10.0.0.1:40000", "10.0.0.2:80"), nil,
			[]string{"paste-no-owners", "paste-no-queues", "paste-no-settings", "paste-no-counters"}},
		{"Windows with owners and range", clipOf("windows").setting("windows.dynamicport.ipv4.tcp", "49152 16384").one(tcp.Established, 9, "10.0.0.1:50000", "10.0.0.2:80"), nil, nil},
		{"counts", clipOf("").counts(tcp.Established, 9), nil, []string{"paste-counts-only", "paste-os-unknown"}},
		{"names and a strange state", clipOf("darwin").setting("net.inet.ip.portrange.first", "49152").setting("net.inet.ip.portrange.last", "65535").one(tcp.Unknown, 9, "10.0.0.1:50000", "XX.XX.0.1#443"), nil,
			[]string{"paste-names", "paste-states-unknown"}},
		{"a log that the table does not bear out", clipOf("linux").setting("net.ipv4.ip_local_port_range", "32768 60999").one(tcp.Established, 9, "10.0.0.1:50000", "10.0.0.2:80"), []host.Symptom{noPort(3)},
			[]string{"paste-no-counters", "paste-one-namespace"}},
		{"settings alone", clipOf("linux").setting("net.ipv4.tcp_tw_reuse", "2"), nil, []string{"paste-no-sockets"}},
		{"a message alone, whose remedy asks for the table", clipOf("linux"), []host.Symptom{noPort(3)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := c.clip.tells(t, c.messages...)
			x := examineAll(Input{Now: c.clip.Snapshot, Symptoms: c.messages})
			x.hear(nil)
			var got []string
			for _, b := range x.unseen() {
				got = append(got, b.Code)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if len(rep.BlindSpots) != len(c.want) {
				t.Errorf("%d blind spots told, want %d", len(rep.BlindSpots), len(c.want))
			}
		})
	}
}

// A message without any table: as sure as the message is, and the others named.
func TestMessagesAlone(t *testing.T) {
	emfile := host.Symptom{ID: "emfile", Errno: errMFILE, Call: "accept", Count: 4, Example: "accept4: too many open files; retrying in 1s", Candidates: []string{"fd-exhaustion"}}
	tracked := host.Symptom{ID: "conntrack", OS: "linux", Count: 900, Example: "nf_conntrack: nf_conntrack: table full, dropping packet", Candidates: []string{"conntrack-full"}}
	for _, c := range []struct {
		name     string
		messages []host.Symptom
		want     []string
	}{
		{"several suspects", []host.Symptom{noPort(40, "port-exhaustion", "port-range-narrow", "address-not-local")}, []string{"port-exhaustion warning possible -"}},
		{"one suspect that the message does not name", []host.Symptom{noPort(40, "port-exhaustion")}, []string{"port-exhaustion critical likely -"}},
		{"what brings it about is no rival", []host.Symptom{{ID: "emfile", Errno: errMFILE, Call: "accept", Count: 4, Example: "too many open files",
			Candidates: []string{"fd-exhaustion", "close-wait-leak", "connection-leak"}}}, []string{"fd-exhaustion critical proven -"}},
		{"the limit by its name", []host.Symptom{emfile}, []string{"fd-exhaustion critical proven -"}},
		{"two troubles", []host.Symptom{tracked, emfile}, []string{"conntrack-full critical proven -", "fd-exhaustion critical proven -"}},
		{"two messages of one trouble", []host.Symptom{emfile, {ID: "emfile-2", Errno: errMFILE, Count: 1, Example: "socket: Too many open files"}}, []string{"fd-exhaustion critical proven -"}},
		{"Windows: ports first", []host.Symptom{noBuffers(3)}, []string{"port-exhaustion warning possible -"}},
		{"none that anything is known of", []host.Symptom{{ID: "strange", Count: 3, Example: "?", Candidates: []string{"no-such-finding"}}}, nil},
		{"hostile text", []host.Symptom{at(host.Symptom{ID: "x", Errno: errADDRNOTAVAIL, Call: "connect", Count: 1, Example: "\x1b[2Jevil\x00" + strings.Repeat("A", 9999)}, "\x1b[1mhost:99999", "[::1]:443", ":")}, []string{"port-exhaustion warning possible -"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := clipOf("").tells(t, c.messages...)
			if got := short(rep); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			raw, _ := json.Marshal(rep)
			if strings.Contains(string(raw), `\u001b`) || len(raw) > 40000 {
				t.Errorf("a message's own text shows: %d bytes", len(raw))
			}
		})
	}
}

// A program of which only the name is known has no pid in the report.
func TestPIDUnknownIsNull(t *testing.T) {
	rep := clipOf("linux").process(-3, "node <1>").rows(300, tcp.CloseWait, -3, "10.0.0.1:%d", "203.0.113.5:443", 40000).tells(t)
	var out struct {
		Findings []struct {
			Culprits []map[string]any `json:"culprits"`
		} `json:"findings"`
	}
	raw, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	c := out.Findings[0].Culprits[0]
	if pid, has := c["pid"]; !has || pid != nil || c["process"] != "node <1>" {
		t.Errorf("culprit %v", c)
	}
}

// Windows gives its TIME_WAIT rows to nobody: who holds living connections to the
// same place is blamed, or who makes pairs with itself on loopback.
func TestBlameOfLoopbackPairs(t *testing.T) {
	c := clipOf("windows").process(50, "jeromq.exe").process(51, "other.exe").
		rows(2, tcp.Established, 50, "127.0.0.1:50001", "127.0.0.1:50002", 0)
	c.Sockets = nil
	for i := range 20 {
		a, b := 50000+2*i, 50001+2*i
		c.one(tcp.Established, 50, fmt.Sprintf("127.0.0.1:%d", a), fmt.Sprintf("127.0.0.1:%d", b))
		c.one(tcp.Established, 50, fmt.Sprintf("127.0.0.1:%d", b), fmt.Sprintf("127.0.0.1:%d", a))
	}
	c.one(tcp.Established, 51, "10.0.0.1:51000", "10.0.0.2:443")
	for i := range 4000 {
		c.one(tcp.TimeWait, 0, fmt.Sprintf("127.0.0.1:%d", 52000+2*i), fmt.Sprintf("127.0.0.1:%d", 52001+2*i))
	}
	rep := c.tells(t)
	if got, want := short(rep), []string{"short-lived-connections notice possible jeromq.exe"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A setting without a table is a capacity without a use.
func TestDynamicPortsWithoutTable(t *testing.T) {
	rep := clipOf("windows").setting("windows.dynamicport.ipv4.tcp", "49152 16384").tells(t)
	if len(rep.Limits) != 1 || rep.Limits[0].ID != "dynamic-ports" || rep.Limits[0].Used != nil || rep.Limits[0].Capacity != 16384 {
		t.Errorf("limits %+v", rep.Limits)
	}
}
