package diagnose

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

var update = flag.Bool("update", false, "write what the tests see into testdata")

// noPortsLeft: a shop opens a connection per query until its 1,000 ports are
// used up, and goes on trying; somebody watched.
func noPortsLeft() *pair {
	const db = "10.0.0.2:3306"
	p := newPair().process(812, "java", host.JVM, 2).setting("net.ipv4.ip_local_port_range", "32768 33767")
	p.now.Processes[812].Unit = "shop.service"
	p.now.Processes[812].Container = &host.Container{ID: "8d3c00000000", Name: "shop"}
	left := make([]time.Duration, 999)
	for i := range left {
		left[i] = tcp.TimeWaitLen - time.Duration(i)*60*time.Millisecond
	}
	return p.keep(resting(db, left...)...).keep(
		row{local: "10.0.0.1:33767", remote: db, state: tcp.Established, pid: 812, port: tcp.PortAuto}).
		connects(812, "java", db, 16, 0).fails(812, "java", "connect", errADDRNOTAVAIL, db, 3)
}

// deadBackend: a service behind a firewall that drops does not answer a Go
// program without a connect timeout; nobody watched.
func deadBackend() *pair {
	const api = "192.0.2.9:9000"
	return newPair().process(812, "shop", host.Go, 42).keep(rows(40, 40000, waiting(api, 812, 3))...).
		keep(established("10.0.0.1:50000", "10.0.0.2:5432", 812)).counted("TcpExtTCPSynRetrans", 40).
		counted("TcpActiveOpens", 5).counted("TcpAttemptFails", 0)
}

// busyWebServer: one glance at a server that closes its clients' connections
// first (H1); a process name from somebody else, and something not seen.
func busyWebServer() *pair {
	p := newPair().oneGlance().process(700, "nginx\x1b[2J", host.Nginx, 40).keep(listen("0.0.0.0:80", 700))
	for i := range 300 {
		p.keep(row{local: "10.0.0.1:80", remote: fmt.Sprintf("198.51.100.%d:%d", i%250+1, 20000+i), state: tcp.TimeWait, port: tcp.PortBound,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Duration(i) * 200 * time.Millisecond}})
	}
	p.keep(row{local: "10.0.0.1:80", remote: "198.51.100.7:33333", state: tcp.Established, pid: 700, port: tcp.PortBound})
	p.now.Machine.Uptime = 0
	return p
}

// busyServer is busyWebServer in two looks.
func busyServer() *pair {
	p := newPair().process(700, "nginx", host.Nginx, 40).keep(listen("0.0.0.0:80", 700))
	for i := range 300 {
		p.keep(row{local: "10.0.0.1:80", remote: fmt.Sprintf("198.51.100.%d:%d", i%250+1, 20000+i), state: tcp.TimeWait, port: tcp.PortBound})
	}
	return p.remembered(func(int, *tcp.Socket) *host.Life { return p.accepted(700, "nginx", codeAt("serve", "n.c", 1)) })
}

// remembersShop is noPortsLeft under a tracer that was there all along: the
// worker that opened most has ended, two connections began before it.
func remembersShop() *pair {
	p := noPortsLeft()
	query, ping := codeAt("shop.Dao.query", "src/shop/Dao.go", 88), codeAt("shop.Dao.ping", "src/shop/Dao.go", 12)
	p.now.Processes[812].Cgroup = "/system.slice/docker-8d3c.scope"
	p.seen.Failures[0].Stacks = []host.Site{site(query, 3)}
	p.seen.Outgoing[0].Ends, p.seen.Outgoing[0].Lifetime = host.Ends{Local: 16}, livedFor(16, 2*time.Millisecond)
	return p.remembered(func(i int, sk *tcp.Socket) *host.Life {
		l := p.opened(812, "java", query)
		switch {
		case i < 2:
			return &host.Life{Closer: host.CloserLocal, Ending: host.EndingFin}
		case i < 100:
			l.Opener = &host.Opener{PID: 640, Name: "java", Cgroup: "/system.slice/docker-8d3c.scope", Stack: ping}
		case i < 110:
			l.Opener.Stack = gapAt(host.GapJIT)
		case sk.State == tcp.Established:
			l.Closer, l.Ending = host.CloserUnknown, host.EndingNone
		}
		return l
	})
}

func TestReportGolden(t *testing.T) {
	for name, p := range map[string]*pair{"no-ports-left": noPortsLeft(), "dead-backend": deadBackend(), "busy-web-server": busyWebServer(), "remembers-shop": remembersShop()} {
		for _, lang := range []string{"en", "zh"} {
			t.Run(name+"/"+lang, func(t *testing.T) {
				got, err := json.MarshalIndent(reportOf(t, p, lang), "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", "report", name+"."+lang+".json")
				if *update {
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
					t.Errorf("report (-want +got; -update writes it anew):\n%s", d)
				}
			})
		}
	}
}

// The same looks give the same report, whatever order maps are walked in.
func TestReportIsDeterministic(t *testing.T) {
	p := manyFaults()
	first, _ := json.Marshal(reportOf(t, p, "en"))
	for range 20 {
		again, _ := json.Marshal(reportOf(t, p, "en"))
		if d := cmp.Diff(string(first), string(again)); d != "" {
			t.Fatalf("two reports of the same looks differ:\n%s", d)
		}
	}
}

// manyFaults are several faults of this file's neighbours at once.
func manyFaults() *pair {
	p := noPortsLeft().process(66, "worm", "", 100).process(900, "nginx", host.Nginx, 3)
	p.keep(eachTo(60, "192.0.2.%d:445", 66, 2)...).keep(rows(30, 45000, waiting("192.0.2.200:9000", 812, 2))...)
	for i := range 30 {
		p.connects(900+int32(i), "sh", "10.0.0.7:80", 20, 20).fails(900+int32(i), "sh", "bind", errADDRINUSE, "0.0.0.0:8080", 1)
	}
	return p
}

// The pictures of HEALTHY.md that could be mistaken for a finding of this
// package's rules: none of them may raise the verdict above a notice.
func TestHealthyPictures(t *testing.T) {
	pool := func(n int) []row { return rows(n, 40000, established("10.0.0.1:1", "10.0.0.2:5432", 812)) }
	app := func() *pair { return newPair().process(812, "java", host.JVM, 6000) }
	spread := func(n int, state tcp.State, pid int32) []row {
		var out []row
		for i := range n {
			out = append(out, row{local: fmt.Sprintf("10.0.0.1:%d", 32768+i%28000), state: state, pid: pid, port: tcp.PortAuto,
				remote: fmt.Sprintf("203.0.%d.%d:443", i/250%250, i%250+1),
				timer:  tcp.Timer{Kind: tcp.TimerTimeWait, Expires: time.Duration(i%60) * time.Second}})
		}
		return out
	}
	for _, c := range []struct {
		name string
		pair *pair
	}{
		{"H1 a web server's TIME_WAIT", busyWebServer()},
		{"H2 H27 outgoing TIME_WAIT to very many", app().add(spread(20000, tcp.TimeWait, 0)...)},
		{"H3 a plateau", app().add(steady("10.0.0.2:3306", 200)...)},
		{"H4 monitoring churn", app().add(steady("10.0.0.2:6379", 45)...)},
		{"H6 a test run ended", app().add(rows(6000, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortAuto,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 55 * time.Second}})...)},
		{"H8 idle pool", app().keep(pool(200)...)},
		{"H12 FIN_WAIT_2 of the kernel's", app().add(rows(300, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.FinWait2,
			timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 30 * time.Second}})...)},
		{"H19 both ends here", app().process(900, "redis-server", host.Redis, 10).keep(listen("127.0.0.1:6379", 900),
			established("127.0.0.1:40000", "127.0.0.1:6379", 812), row{local: "127.0.0.1:6379", remote: "127.0.0.1:40000", state: tcp.Established, pid: 900, port: tcp.PortBound})},
		{"a busy client far away: SYN_SENT that come and go", app().add(rows(60, 40000, waiting("192.0.2.9:443", 812, 0))...).keep(pool(20)...)},
		{"a single service that is down, asked once a second", app().connects(812, "java", "10.0.0.2:80", 1, 1).fails(812, "java", "connect", errCONNREFUSED, "10.0.0.2:80", 1)},
		{"H1 a server closes first at 2,000/s, watched", busyServer().serves(700, "nginx", 80, 2000, host.Ends{Local: 1990, LocalReset: 5, PeerReset: 5})},
		{"the peers of a crawler close first, watched", app().connects(812, "java", "10.0.0.2:80", 900, 3).ends(host.Ends{Peer: 890, PeerReset: 7}, time.Millisecond)},
		{"H4 monitoring churn, watched and remembered", func() *pair {
			p := app().keep(steady("10.0.0.2:6379", 45)...).connects(812, "java", "10.0.0.2:6379", 45, 0).ends(host.Ends{Local: 45}, time.Millisecond)
			return p.remembered(func(int, *tcp.Socket) *host.Life { return p.opened(812, "java", codeAt("f", "f.java", 1)) })
		}()},
		{"a desktop's programs reset a few, watched", app().connects(812, "java", "10.0.0.2:443", 12, 1).ends(host.Ends{LocalReset: 9, LocalLinger: 2}, time.Millisecond)},
		{"server closes first at 2,000/s, watched", app().keep(pool(30)...).connects(812, "java", "10.0.0.2:5432", 2000, 0)},
	} {
		rep := reportOf(t, c.pair, "en")
		if rep.Verdict.rank() > Notice.rank() {
			for _, f := range rep.Findings {
				t.Errorf("%s: %s %s %q", c.name, f.Severity, f.ID, f.Title)
			}
		}
	}
}

// TestOneFindingTooMany is told in the singular, and by its name in both languages.
func TestOneFindingTooMany(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"1 more finding is not told: ", "1 more finding are", "2 more findings are not told: "},
		"zh": {"还有 1 个问题没有逐一列出", "accept-queue-overflow", "还有 2 个问题没有逐一列出"},
	} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		name, err := book.FindingName("accept-queue-overflow")
		if err != nil {
			t.Fatal(err)
		}
		for more := range 2 {
			c := clipOf("linux")
			for i := range findingsOfAKind + 1 + more {
				c.Sockets = append(c.Sockets, tcp.Socket{Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80),
					State: tcp.Listen, PID: int32(i + 1), NetNS: 1, RecvQ: 129, SendQ: 128})
			}
			rep, err := Examine(Input{Now: c.Snapshot}, book)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(rep.BlindSpots, func(b BlindSpot) bool { return strings.HasPrefix(b.What, want[2*more]) })
			if at < 0 || !strings.HasSuffix(rep.BlindSpots[at].What, name) || strings.Contains(rep.BlindSpots[at].What, want[1]) {
				t.Errorf("%s, %d: %+v", lang, more+1, rep.BlindSpots)
			}
		}
	}
}
