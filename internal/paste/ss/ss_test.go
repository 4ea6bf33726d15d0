package ss_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/ss"
	"sockeye/internal/tcp"
)

func read(t testing.TB, text string) *paste.Pasted {
	t.Helper()
	p, err := paste.Read(context.Background(), strings.NewReader(text), paste.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSSTables(t *testing.T) {
	for _, c := range ss.Samples {
		t.Run(c.Name, func(t *testing.T) {
			p := read(t, c.Text)
			got := ss.Briefs(p.Snapshot)
			slices.Sort(got) // several tables are merged, in no order that ss knows
			want := slices.Sorted(slices.Values(c.Want))
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for _, part := range p.Parts {
				if part.Bad > 0 {
					t.Errorf("%d bad lines, first %d", part.Bad, part.FirstBad)
				}
			}
			if p.Snapshot.Machine.OS != "linux" {
				t.Errorf("system %q", p.Snapshot.Machine.OS)
			}
		})
	}
}

// However wide a terminal is, what it breaks is read as if it had not.
func TestSSBroken(t *testing.T) {
	const text = `State      Recv-Q Send-Q                 Local Address:Port                     Peer Address:Port Process
LISTEN     0      128                                     *:22                                  *:*     users:(("sshd",pid=812,fd=3)) ino:12345 sk:1001 cgroup:/system.slice/ssh.service v6only:0 <->
ESTAB      0      0                              192.0.2.10:43210                   198.51.100.17:44321 users:(("java",pid=1234,fd=56),("java",pid=1235,fd=57),("java",pid=1236,fd=58)) timer:(keepalive,1min12sec,0) uid:1000 ino:77 sk:1f <->
CLOSE-WAIT 1      0      [2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:43210                [2001:db8::2]:443   timer:(keepalive,26sec,0) ino:78000 sk:20 -->
	 cubic wscale:7,7 rto:408 backoff:2 rtt:0.05/0.025 ato:40 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 bytes_sent:91234 bytes_acked:81234 bytes_received:71234 segs_out:90 segs_in:80 send 2.3Gbps lastsnd:1200 lastrcv:150034 lastack:3 pacing_rate 4.6Gbps unacked:5 retrans:1/9 rcv_space:14480 snd_wnd:65536 minrtt:0.05
TIME-WAIT  0      0                             192.0.2.100:50001                   198.51.100.17:443   timer:(timewait,4.700ms,0) ino:0 sk:21
`
	told := func(sn *host.Snapshot) (all []string) {
		all = ss.Briefs(sn)
		for i := range sn.Sockets {
			if m := sn.Sockets[i].Info; m != nil {
				all[i] += fmt.Sprintf(" %+v", *m)
			}
		}
		return all
	}
	want := told(read(t, text).Snapshot)
	if len(want) != 4 || !strings.Contains(want[2], "SendWindow:65536") {
		t.Fatal(want)
	}
	for width := 80; width <= 240; width++ {
		var broken strings.Builder
		for line := range strings.Lines(text) {
			for len(line) > width+1 {
				broken.WriteString(line[:width] + "\n")
				line = line[width:]
			}
			broken.WriteString(line)
		}
		p := read(t, broken.String())
		if got := told(p.Snapshot); !slices.Equal(got, want) || len(p.Parts) != 1 || len(p.Snapshot.BlindSpots) > 0 {
			t.Errorf("broken after %d:\n%s\ngot\n%s\nwant\n%s\n%+v", width, broken.String(), strings.Join(got, "\n"), strings.Join(want, "\n"), p.Parts)
			return
		}
	}
}

func TestSSBlindSpots(t *testing.T) {
	const heading = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"all told", "# ss -tan\n" + heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n", nil},
		{"nothing told", heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n", nil},
		{"connected only", "# ss -tn\n" + heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n", []string{"ss-states-left-out ss -tn"}},
		{"listeners only", "# ss -ltn\n" + heading + "LISTEN 0 9 192.0.2.1:1 *:*\n", []string{"paste-filtered ss -ltn"}},
		{"one state", "# ss -tn state syn-sent\n" + heading, []string{"paste-filtered ss -tn state syn-sent"}},
		{"all states", "# ss -tn state all\n" + heading, nil},
		{"UDP only", "# ss -un\n" + heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n", nil},
		{"filtered", "# ss -tan dport = :443\n" + heading, []string{"paste-filtered ss -tan dport = :443"}},
		{"cut by head", "# ss -tan | head -1\n" + heading, []string{"paste-filtered ss -tan | head -1"}},
		{"sorted", "# ss -tan | sort\n" + heading, nil},
		{"no state", "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 192.0.2.1:1 192.0.2.2:2\n", []string{"paste-states-unknown ss"}},
		{"some owners", heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n" + `ESTAB 0 0 192.0.2.1:1 192.0.2.2:3 users:(("x",pid=1,fd=2))`, []string{"ss-owners-hidden "}},
		{"not accepted", heading + "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2 ino:0 sk:1\n" + `ESTAB 0 0 192.0.2.1:1 192.0.2.2:3 users:(("x",pid=1,fd=2)) ino:4 sk:2`, nil},
		{"MPTCP", "Netid " + heading + "mptcp ESTAB 0 0 192.0.2.1:1 192.0.2.2:2\n", []string{"ss-mptcp-passed-over "}},
		{"no port", heading + "ESTAB 0 0 192.0.2.1:99999 192.0.2.2:2\n", []string{"paste-lines-bad ss"}},
		{"torn", heading + "ESTAB 0 0 192.0.2.1:99\n", []string{"paste-lines-bad ss"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, s := range read(t, c.text).Snapshot.BlindSpots {
				got = append(got, s.Code+" "+s.Subject)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSSMeasures(t *testing.T) {
	const told = "cubic wscale:7,7 rto:408 backoff:2 rtt:0.05/0.025 ato:40 mss:1448 pmtu:1500 cwnd:10 bytes_sent:900 bytes_acked:800 bytes_received:700 send 2.3Gbps lastsnd:1200 lastrcv:1.5e+06 lastack:3 pacing_rate 4.6Gbps unacked:5 retrans:1/9 rcv_space:14480 snd_wnd:0 minrtt:0.05"
	want := tcp.Info{RTO: 408 * time.Millisecond, Backoff: 2, RTT: 50 * time.Microsecond, BytesAcked: 800, BytesReceived: 700,
		LastSend: 1200 * time.Millisecond, LastRecv: 1500 * time.Second, LastAck: 3 * time.Millisecond, Unacked: 5, Retrans: 9, HasWindow: true}
	const row = "ESTAB 0 5 192.0.2.1:1 192.0.2.2:2 timer:(persist,1.2sec,4) ino:5 sk:7 <->"
	want.Probes = 4
	for _, text := range []string{
		row + "\n\t skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0) " + told,
		row + " skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0) ts sack " + told,
		row + "\n\t " + told[:77] + "\n" + told[77:154] + "\n" + told[154:],
		row + "\n\t newcc" + told[5:] + "\nESTAB 0 0 192.0.2.1:1 192.0.2.2:3",
	} {
		p := read(t, text)
		if len(p.Snapshot.Sockets) == 0 || p.Snapshot.Sockets[0].Info == nil {
			t.Errorf("%s\nhas no measurements", text)
			continue
		}
		if got := *p.Snapshot.Sockets[0].Info; got != want {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
		if last := p.Parts[len(p.Parts)-1].Last; last != p.Lines {
			t.Errorf("%s\nread to line %d of %d", text, last, p.Lines)
		}
	}
	if s := read(t, "SYN-SENT 0 1 192.0.2.1:1 192.0.2.2:2\n\t cubic rto:1000 mss:524 cwnd:1\n").Snapshot.Sockets[0]; s.Info != nil {
		t.Errorf("SYN_SENT has measurements %+v", s.Info)
	}
}

func TestSSHostileNames(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{`("x",pid=1,fd=2",pid=812,fd=5))`, `812/x",pid=1,fd=2`},
		{`("",pid=1,fd=1)) ",pid=812,fd=5)) ino:3`, `812/",pid=1,fd=1)) `},
		{`("",pid=1,fd=3),(",pid=812,fd=5))`, `812/",pid=1,fd=3),(`},
		{`("a,b)((\"",pid=812,fd=5))`, `812/a,b)((\"`},
		{`("a",pid=1,fd=1),("b",pid=2,fd=2),("a",pid=1,fd=9))`, `1/a 2/b`},
		{`("a",1,1),("b",2,2))`, `1/a 2/b`},
		{`("a",1,1)) ",812,5))`, `812/a",1,1)) `},
		{`("httpd",pid=5,proc_ctx=system_u:system_r:httpd_t:s0:c1,c2,fd=4,sock_ctx=a:b:c),("x",pid=6,proc_ctx=/usr/bin/x (enforce),fd=4))`, `5/httpd 6/x`},
		{`("java",pid=7,tid=8,fd=4),("java",pid=7,tid=9,fd=4))`, `7/java`},
		{`("java",pid=XXXX,fd=4))`, `-1/java`},
		{`("",pid=3,fd=4))`, `3/`},
		{`("a",pid=99999999999,fd=4))`, ``},
		{`("a",pid=1,fd=4),("b",pid=2`, `1/a`},
		{`("a",pid=1,fd=4)`, `1/a`},
		{`("a`, ``},
		{``, ``},
		{`)`, ``},
		{strings.Repeat(`("`, 30000), ``},
	} {
		sn := read(t, "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2 users:("+c.list+"\n").Snapshot
		var got []string
		for _, pid := range slices.Sorted(func(yield func(int32) bool) {
			for pid := range sn.Processes {
				if !yield(pid) {
					return
				}
			}
		}) {
			got = append(got, fmt.Sprintf("%d/%s", pid, sn.Processes[pid].Name))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%.200s\ngives %q, want %q", c.list, strings.Join(got, " "), c.want)
		}
	}
}

func TestSSProcesses(t *testing.T) {
	sn := read(t, `Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port
udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:* users:(("dns",pid=50,fd=3)) ino:1 sk:1 cgroup:/system.slice/dns.service
udp UNCONN 0 0 0.0.0.0:54 0.0.0.0:* users:(("dns",pid=50,fd=4))
tcp LISTEN 0 9 0.0.0.0:53 0.0.0.0:* users:(("dns",pid=50,fd=5))
tcp LISTEN 0 9 0.0.0.0:80 0.0.0.0:* users:(("web",pid=60,fd=5)) ino:4 sk:4 cgroup:unreachable:3b2
`).Snapshot
	dns, web := sn.Processes[50], sn.Processes[60]
	if dns == nil || dns.Name != "dns" || dns.UDP != 2 || dns.Unit != "dns.service" || dns.Cgroup != "/system.slice/dns.service" {
		t.Errorf("dns is %+v", dns)
	}
	if web == nil || web.UDP != -1 || web.Unit != "" || web.Cgroup != "" {
		t.Errorf("web is %+v", web)
	}
}

func TestSSSummary(t *testing.T) {
	for _, c := range []struct {
		text                     string
		estab, waits, recv       uint64
		orphans, alloc, use, udp host.Opt
	}{
		{"Total: 180 (kernel 0)\nTCP:   4595 (estab 3548, closed 956, orphaned 8, synrecv 2, timewait 954/0), ports 0\n\n" +
			"Transport Total     IP        IPv6\n*	  0         -         -        \nRAW	  1         0         1        \nUDP	  13        9         4        \nTCP	  3639      3600      39       \nINET	  3653      3609      44       \nFRAG	  0         0         0        \n",
			3548, 954, 2, host.Some(8), host.Some(3639), host.Some(3639), host.Some(13)},
		{"Total: 9\nTCP:   30 (estab 3, closed 20, orphaned 1, timewait 19)\n\nTransport Total     IP        IPv6\nTCP	  10      4      6\n",
			3, 19, 0, host.Some(1), host.Some(11), host.Some(10), host.Opt{}},
		{"TCP:   30 (estab 3, closed 20, orph", 3, 0, 0, host.Opt{}, host.Opt{}, host.Opt{}, host.Opt{}},
	} {
		b := form.NewBuilder(time.Time{})
		var s ss.Summary
		for line := range strings.Lines(c.text) {
			if v := s.Read([]byte(strings.TrimSuffix(line, "\n")), b); v == form.Bad || v == form.Foreign {
				t.Errorf("%q is %d", line, v)
			}
		}
		if b.Counted[tcp.Established] != c.estab || b.Counted[tcp.TimeWait] != c.waits || b.Counted[tcp.SynReceived] != c.recv ||
			b.System.TCPOrphans != c.orphans || b.System.TCPAlloc != c.alloc || b.NS.InUse != c.use || b.NS.UDPInUse != c.udp {
			t.Errorf("%s\ncounts %v, %+v, %+v", c.text, b.Counted, b.System, b.NS)
		}
	}
	if p := read(t, "Total: 5\n\nTotal: 6\n\n\n\nTotal: 7\nx"); len(p.Parts) != 0 {
		t.Errorf("any total is %+v", p.Parts)
	}
	if p := read(t, "Total: 9\nTCP:   30 (estab 3, closed 20, orphaned 1, timewait 19)\nTotal: 5 apples"); len(p.Parts) != 1 || p.Parts[0].Kind != "ss -s" || p.Parts[0].Last != 2 {
		t.Errorf("parts %+v", p.Parts)
	}
}

func TestSSIPv6(t *testing.T) {
	for _, text := range []string{"::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::ffff:192.0.2.1", "1::192.0.2.1",
		"1:2:3:4:5:6:192.0.2.1", "", ":", ":::", "1:2", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::1:", "1:", ":1", "g::", "::192.0.2", "::1.02.3.4", "1:2:3:4:5:6:7:192.0.2.1",
		"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "::0.0.0.0"} {
		sameAddress(t, text)
	}
}

func sameAddress(t *testing.T, text string) {
	t.Helper()
	got, ok := form.IPv6([]byte(text))
	want, err := netip.ParseAddr(text)
	if takes := err == nil && want.Is6() && want.Zone() == ""; ok != takes || ok && got != want {
		t.Errorf("%q is %v, %v, want %v, %v", text, got, ok, want, err)
	}
}

func FuzzSSAddress(f *testing.F) {
	for _, s := range []string{"::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7::", "::1.2.3.04"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, ":") {
			sameAddress(t, text)
		}
	})
}

// million is a table as ss -tan writes it.
func million(rows int) []byte {
	var out bytes.Buffer
	out.WriteString("State      Recv-Q Send-Q       Local Address:Port         Peer Address:Port  Process\n")
	for i := range rows {
		fmt.Fprintf(&out, "%-10s 0      0            10.0.%d.%d:%-5d       10.9.%d.%d:443\n",
			[]string{"ESTAB", "TIME-WAIT", "CLOSE-WAIT"}[i%3], i>>8&255, i&255, 1024+i%60000, i>>16&255, i>>8&255)
	}
	return out.Bytes()
}

func BenchmarkSS(b *testing.B) {
	text := million(1_000_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := paste.Read(context.Background(), bytes.NewReader(text), paste.Options{Size: int64(len(text))})
		if err != nil || len(p.Snapshot.Sockets) != 1_000_000 {
			b.Fatal(err, len(p.Snapshot.Sockets))
		}
	}
}

// What wraps cannot make reading quadratic: each line is joined to a bounded one.
func TestSSEndlessRow(t *testing.T) {
	head := `ESTAB 0 0 192.0.2.1:1 192.0.2.2:2 users:(` + strings.Repeat(`("name",pid=1,fd=2),`, 4) + "\n"
	text := io.MultiReader(strings.NewReader(head), strings.NewReader(strings.Repeat(strings.Repeat(`("name",pid=3,fd=2),`, 4)+"\n", 20000)))
	began := time.Now()
	if _, err := paste.Read(context.Background(), text, paste.Options{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
