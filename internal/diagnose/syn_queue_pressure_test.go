package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

func TestSynQueuePressure(t *testing.T) {
	queue := func(waiting, backlog uint32) func(*sketch) {
		return drawAll(drawProgram(7, "nginx", 60, 1024), drawListener(7, "0.0.0.0:443", waiting, backlog))
	}
	half := func(n int, retries uint8) func(*sketch) { // from as many machines
		return func(s *sketch) {
			drawSockets(n, 0, tcp.NewSynRecv, "10.0.0.1:443", "10.0.0.9:%d", func(sk *tcp.Socket) {
				i := len(s.Sockets)
				sk.Remote = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250)), 4000)
				sk.Timer.Retries = retries
			})(s)
		}
	}
	clients := func(n int) func(*sketch) { return drawSockets(n, 0, tcp.NewSynRecv, "10.0.0.1:443", "10.0.0.9:%d") }
	cookies := func(sent, came uint64) func(*sketch) {
		return drawAll(drawCounted("TcpExtSyncookiesSent", sent), drawCounted("TcpExtSyncookiesRecv", came))
	}
	gunicorn := func(s *sketch) { s.Processes[7].Cmdline = []string{"python3", "/usr/bin/gunicorn", "app:app"} }
	if got := examine(nil, sketchOf(queue(0, 128), gunicorn), nil).serverKnown([]blamed{{pid: 7}}); got != "gunicorn" {
		t.Errorf("server %q", got)
	}
	if got := examine(nil, sketchOf(queue(0, 128)), nil).serverKnown([]blamed{{pid: 7}, {pid: 99}}); got != "" {
		t.Errorf("server %q", got)
	}
	off := drawSetting("net.ipv4.tcp_syncookies", "0")
	judgeSketches(t, synQueuePressure, []sketchCase{
		{name: "flood in one glance", now: drawAll(queue(0, 128), half(129, 1)),
			want: []string{"warning proven pid:7 half-open,sources,unanswered => filter-upstream,larger-backlog"}},
		{name: "flood with cookies", before: drawAll(queue(0, 128), half(100, 0)), now: drawAll(queue(0, 128), half(129, 0), cookies(5000, 3)),
			want: []string{"warning proven pid:7 half-open,sources,cookies => filter-upstream,larger-backlog"}},
		{name: "as long as the system allows", now: drawAll(drawSetting("net.core.somaxconn", "128"), queue(0, 128), half(129, 1)),
			want: []string{"warning proven pid:7 half-open,sources,unanswered => filter-upstream,raise-somaxconn,larger-backlog"}},
		{name: "burst of real clients", before: queue(0, 128), now: drawAll(queue(0, 128), clients(129), cookies(300, 290)),
			want: []string{"warning proven pid:7 half-open,sources,cookies => larger-backlog,accept-faster"}},
		{name: "cookies off, queue full", now: drawAll(off, queue(0, 128), half(129, 2)),
			want: []string{"critical proven pid:7 half-open,sources,unanswered => enable-syncookies,filter-upstream,larger-backlog"}},
		{name: "cookies off, tcp_max_syn_backlog is the wall", now: drawAll(off, drawSetting("net.ipv4.tcp_max_syn_backlog", "128"), queue(0, 4096), half(97, 2)),
			want: []string{"critical proven pid:7 half-open,sources,unanswered => enable-syncookies,filter-upstream"}},
		{name: "a third of the room", now: drawAll(queue(0, 128), clients(43)),
			want: []string{"notice possible pid:7 half-open,sources => larger-backlog,accept-faster"}},
		{name: "nearly all and growing", before: drawAll(queue(0, 128), clients(60)), now: drawAll(queue(0, 128), clients(110)),
			want: []string{"warning likely pid:7 half-open,sources => larger-backlog,accept-faster"}},
		{name: "drained when looked at", before: queue(0, 128), now: drawAll(queue(0, 128), cookies(500, 480)),
			want: []string{"warning proven pid:- cookies => larger-backlog,accept-faster"}},
		{name: "dropped between the looks", before: drawAll(off, queue(0, 128)), now: drawAll(off, queue(0, 128), drawCounted("TcpExtTCPReqQFullDrop", 9)),
			want: []string{"critical proven pid:- dropped => enable-syncookies,larger-backlog,accept-faster"}},

		{name: "H13: some from clients that vanished", now: drawAll(queue(0, 4096), half(40, 2))},
		{name: "H14: cookies since boot, none now", before: queue(0, 128), now: queue(0, 128)},
		{name: "a short backlog with one handshake", now: drawAll(queue(0, 1), clients(2))},
		{name: "F11 instead: the accept queue is full", now: drawAll(queue(129, 128), clients(129))},
		{name: "tcp_syncookies 2 answers every SYN so", before: drawAll(drawSetting("net.ipv4.tcp_syncookies", "2"), queue(0, 128)),
			now: drawAll(drawSetting("net.ipv4.tcp_syncookies", "2"), queue(0, 128), cookies(900, 900))},
	})
}

// The SYN queue and the accept queue are two, and what bounds both is said of both.
func TestTwoQueuesAreTold(t *testing.T) {
	x := examine(nil, sketchOf(drawProgram(7, "nginx", 60, 1024), drawSetting("net.core.somaxconn", "128"), drawListener(7, "0.0.0.0:443", 0, 128),
		drawSockets(129, 0, tcp.NewSynRecv, "10.0.0.1:443", "10.0.0.9:%d")), nil)
	found := synQueuePressure(x)
	if len(found) != 1 {
		t.Fatalf("%d findings", len(found))
	}
	for lang, want := range map[string][3]string{
		"en": {"not the accept queue", "SYN queue for half-open handshakes", "caps the queues of a listener at 128"},
		"zh": {"是两个队列", "没完成的在半连接队列", "限制在 128"},
	} {
		book, err := knowledge.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.inWords(found[0], book)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(got.Remedies, func(r Remedy) bool { return strings.Contains(string(r.Command), "somaxconn") })
		if i < 0 {
			t.Fatalf("%s: %+v", lang, got.Remedies)
		}
		if r := got.Remedies[i]; !strings.Contains(got.Explanation, want[0]) || !strings.Contains(r.Detail, want[1]) || !strings.Contains(r.Title, want[2]) {
			t.Errorf("%s: %s\n%s\n%s", lang, got.Explanation, r.Title, r.Detail)
		}
	}
}
