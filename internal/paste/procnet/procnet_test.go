package procnet_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
	"sockeye/internal/tcp"
)

func TestProcTable(t *testing.T) {
	row := func(local, remote string, s tcp.Socket) tcp.Socket {
		s.Local, s.Remote = sample.Ends(local, remote)
		s.NetNS = form.PastedNS
		return s
	}
	want := []tcp.Socket{
		row("0.0.0.0:22", "", tcp.Socket{State: tcp.Listen, RecvQ: 3, Inode: 1136}),
		row("10.0.1.10:37216", "10.0.0.2:3306", tcp.Socket{State: tcp.Established, SendQ: 16, RecvQ: 32, UID: 1000, Inode: 284624,
			Timer: tcp.Timer{Kind: tcp.TimerKeepalive, Expires: 4600 * time.Millisecond, Retries: 2}}),
		row("10.0.1.10:37217", "10.0.0.2:3306", tcp.Socket{State: tcp.TimeWait, Timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 38850 * time.Millisecond}}),
		row("127.0.0.1:8080", "127.0.0.1:49153", tcp.Socket{State: tcp.FinWait1, SendQ: 1, Orphan: true,
			Timer: tcp.Timer{Kind: tcp.TimerOn, Expires: 200 * time.Millisecond, Retries: 5}}),
		row("10.0.1.10:37218", "203.0.113.46:443", tcp.Socket{State: tcp.SynSent, SendQ: 1, UID: 1000, Inode: 99,
			Timer: tcp.Timer{Kind: tcp.TimerOn, Expires: time.Second, Retries: 2}}),
	}
	for name, text := range map[string]string{"little-endian": sample.ProcLittle, "big-endian": sample.ProcBig, "in a mail": "> " + strings.ReplaceAll(strings.TrimSpace(sample.ProcLittle), "\n", "\n> ")} {
		p, other := pastetest.Given(t, text)
		if len(other) > 0 {
			t.Errorf("%s: left over: %q", name, other)
		}
		if len(p.Snapshot.Sockets) != len(want) {
			t.Fatalf("%s: %d sockets", name, len(p.Snapshot.Sockets))
		}
		for i, s := range p.Snapshot.Sockets {
			if s != want[i] {
				t.Errorf("%s: row %d is\n%+v, not\n%+v", name, i, s, want[i])
			}
		}
		if p.Snapshot.Machine.OS != "linux" {
			t.Errorf("%s: system %q", name, p.Snapshot.Machine.OS)
		}
	}
}

func TestProcTable6(t *testing.T) {
	rows := func(a, mapped, loop string) string {
		return sample.ProcHeading +
			"   0: " + a + ":9160 " + a + ":01BB 01 00000000:00000000 00:00000000 00000000  1000        0 5 1 0000000000000000\n" +
			"   1: " + mapped + ":9161 " + mapped + ":01BB 01 00000000:00000000 00:00000000 00000000  1000        0 6 1 0000000000000000\n" +
			"   2: " + loop + ":9162 " + loop + ":01BB 08 00000000:00000001 00:00000000 00000000  1000        0 7 1 0000000000000000\n"
	}
	for name, text := range map[string]string{
		"little": rows("B80D0120000000000000000001000000", "0000000000000000FFFF00000200000A", "00000000000000000000000001000000"),
		"big":    rows("20010DB8000000000000000000000001", "00000000000000000000FFFF0A000002", "00000000000000000000000000000001"),
	} {
		p, _ := pastetest.Given(t, text)
		if len(p.Snapshot.Sockets) != 3 {
			t.Fatalf("%s: %d sockets", name, len(p.Snapshot.Sockets))
		}
		for i, want := range []string{"[2001:db8::1]:443", "10.0.0.2:443", "[::1]:443"} {
			if s := p.Snapshot.Sockets[i]; s.Remote.String() != want || s.V4Mapped != (i == 1) {
				t.Errorf("%s: row %d goes to %s, mapped %v; not %s", name, i, s.Remote, s.V4Mapped, want)
			}
		}
	}
}

func TestProcTableDamaged(t *testing.T) {
	p, other := pastetest.Given(t, sample.ProcHeading+
		"   0: 0100007F:0016 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1136 1\n"+
		"   1: 0100007F:0016 00000000:0000 FF 00000000:00000003 00:00000000 00000000     0        0 1136 1\n"+
		"   2: 0100007F:0016 00000000:0000 0A 000\n"+
		"that was all of it\n")
	if len(p.Snapshot.Sockets) != 1 || p.Parts[0].Bad != 2 || p.Parts[0].FirstBad != 3 || len(other) != 1 {
		t.Errorf("%d sockets, part %+v, other %q", len(p.Snapshot.Sockets), p.Parts[0], other)
	}
}

// What the kernel writes here and now must name the connection that the test holds.
func TestProcTableOfThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/net/tcp"); err != nil {
		t.Skip("no /proc here: ", err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := pastetest.Given(t, string(text))
	local, remote := sample.Ends(c.LocalAddr().String(), c.RemoteAddr().String())
	var client, listener bool
	for _, s := range p.Snapshot.Sockets {
		client = client || s.Local == local && s.Remote == remote && s.State == tcp.Established && s.Inode != 0
		listener = listener || s.Local == remote && s.State == tcp.Listen && s.RecvQ == 1
	}
	if !client || !listener || p.Parts[0].Bad > 0 {
		t.Errorf("client found: %v, listener with one waiting: %v, part %+v", client, listener, p.Parts[0])
	}
}

func TestSockstat(t *testing.T) {
	p, _ := pastetest.Given(t, `sockets: used 418
TCP: inuse 20 orphan 3 tw 954 alloc 71 mem 149
UDP: inuse 5 mem 2
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0

$ cat /proc/net/sockstat6
TCP6: inuse 7
UDP6: inuse 4
`)
	ns, system := pastetest.NetNS(p), p.Snapshot.System
	pastetest.WantOpt(t, "inuse", ns.InUse, 27)
	pastetest.WantOpt(t, "tw", ns.TimeWait, 954)
	pastetest.WantOpt(t, "UDP inuse", ns.UDPInUse, 9)
	pastetest.WantOpt(t, "orphan", system.TCPOrphans, 3)
	pastetest.WantOpt(t, "alloc", system.TCPAlloc, 71)
	pastetest.WantOpt(t, "mem", system.TCPMemPages, 149)
}

func TestCounters(t *testing.T) {
	for name, text := range map[string]string{
		"two lines": "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 15\n" +
			"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens\nTcp: 1 200 120000 -1 4711\n",
		"nstat": "#kernel\nTcpActiveOpens                  4711               0.0\n" +
			"TcpExtListenOverflows           12                 0.0\nTcpExtListenDrops               15                 0.0\n",
		"nstat without its heading": "TcpExtListenOverflows           12                 0.0\nTcpExtListenDrops               15                 0.0\nTcpActiveOpens                  4711               0.0\n",
		"nstat -j":                  `{"kernel":{"TcpActiveOpens":4711,"TcpExtListenOverflows":12,"TcpExtListenDrops":15}}` + "\n",
		"nstat -jp":                 "{\n    \"kernel\": {\n        \"TcpActiveOpens\": 4711,\n        \"TcpExtListenOverflows\": 12,\n        \"TcpExtListenDrops\": 15\n    }\n}\n",
	} {
		p, other := pastetest.Given(t, text)
		got := pastetest.NetNS(p).Counters
		want := host.Counters{"TcpActiveOpens": 4711, "TcpExtListenOverflows": 12, "TcpExtListenDrops": 15}
		for counter, n := range want {
			if got[counter] != n {
				t.Errorf("%s: %s is %d, not %d", name, counter, got[counter], n)
			}
		}
		if _, ok := got["TcpMaxConn"]; ok || len(other) > 0 && other[0] != "{" {
			t.Errorf("%s: MaxConn %v, left over %q", name, ok, other)
		}
	}
}

func TestPerCPU(t *testing.T) {
	p, _ := pastetest.Given(t, `$ cat /proc/net/stat/nf_conntrack
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000001f  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000003 00000010 00000001 00000000  00000000 00000000 00000000 00000000
0000001f  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000001 00000001 00000000 00000000  00000000 00000000 00000000 00000000
$ cat /proc/net/stat/arp_cache
entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls
00000400 00000000 00000000 00000000 00000000 00000000 00000000   00000000         00000000         00000000         00000000       00000000            0000000a
00000400 00000000 00000000 00000000 00000000 00000000 00000000   00000000         00000000         00000000         00000000       00000000            00000001
`)
	pastetest.WantOpt(t, "entries", pastetest.NetNS(p).ConntrackCount, 31)
	pastetest.WantOpt(t, "insert_failed", p.Snapshot.System.Conntrack.InsertFailed, 4)
	pastetest.WantOpt(t, "drop", p.Snapshot.System.Conntrack.Drop, 17)
	pastetest.WantOpt(t, "early_drop", p.Snapshot.System.Conntrack.EarlyDrop, 1)
	if n := p.Snapshot.System.Neighbours; len(n) != 1 || n[0].Family != "ipv4" || n[0].Entries.Value != 1024 || n[0].Full.Value != 11 {
		t.Errorf("neighbours %+v", n)
	}
}

func BenchmarkProcTable(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(sample.ProcHeading)
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%4d: 0100007F:%04X 0A00000A:0CEA 06 00000000:00000000 03:00000F2D 00000000     0        0 0 3 00000000c05a6de4\n", i, i&0xffff)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		p, err := paste.Read(context.Background(), bytes.NewReader(text.Bytes()), paste.Options{Size: int64(text.Len())})
		if err != nil || len(p.Snapshot.Sockets) != 1_000_000 {
			b.Fatal(err, len(p.Snapshot.Sockets))
		}
	}
}
