package paste

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
	"sockeye/internal/tcp"
)

func ssRead(t testing.TB, text string) *Pasted {
	t.Helper()
	p, err := Read(context.Background(), strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ssBrief is a socket in a line, with what is known of it.
func ssBrief(s *tcp.Socket, sn *host.Snapshot) string {
	out := fmt.Sprintf("%s %s", s.State, s.Local)
	if s.Remote.IsValid() {
		out += " " + s.Remote.String()
	}
	if s.RecvQ != 0 || s.SendQ != 0 {
		out += fmt.Sprintf(" q=%d/%d", s.RecvQ, s.SendQ)
	}
	if s.V4Mapped {
		out += " mapped"
	}
	if s.Timer.Kind != tcp.TimerOff {
		out += fmt.Sprintf(" %s=%s,%d", s.Timer.Kind, s.Timer.Expires, s.Timer.Retries)
	}
	if s.Inode != 0 {
		out += fmt.Sprintf(" ino=%d uid=%d", s.Inode, s.UID)
	}
	if s.Cookie != 0 {
		out += fmt.Sprintf(" sk=%x", s.Cookie)
	}
	if s.Mark != 0 {
		out += fmt.Sprintf(" mark=%x", s.Mark)
	}
	if s.Orphan {
		out += " orphan"
	}
	for _, pid := range sn.Owners(s) {
		out += fmt.Sprintf(" %d/%s", pid, sn.Processes[pid].Name)
	}
	return out
}

func ssBriefs(sn *host.Snapshot) (all []string) {
	for i := range sn.Sockets {
		all = append(all, ssBrief(&sn.Sockets[i], sn))
	}
	return all
}

var ssSamples = []struct {
	name string
	text string
	want []string
}{
	{"-tan", `
State      Recv-Q Send-Q Local Address:Port               Peer Address:Port
LISTEN     0      128          *:22                       *:*
LISTEN     3      128         :::80                      :::*
ESTAB      0      36     192.0.2.10:22                 198.51.100.7:51234
TIME-WAIT  0      0      192.0.2.10:41000              198.51.100.9:3306
FIN-WAIT-1 0      1      ::ffff:192.0.2.10:8080        ::ffff:198.51.100.7:50000
`, []string{
		"LISTEN 0.0.0.0:22 q=0/128",
		"LISTEN [::]:80 q=3/128",
		"ESTABLISHED 192.0.2.10:22 198.51.100.7:51234 q=0/36",
		"TIME_WAIT 192.0.2.10:41000 198.51.100.9:3306",
		"FIN_WAIT_1 192.0.2.10:8080 198.51.100.7:50000 q=0/1 mapped",
	}},
	{"-tanp of 3.x", `
State      Recv-Q Send-Q        Local Address:Port          Peer Address:Port 
LISTEN     0      128                      :::8009                    :::*      users:(("java",1234,56))
LISTEN     0      128                       *:80                       *:*      users:(("nginx",900,6),("nginx",901,6))
`, []string{"LISTEN [::]:8009 q=0/128 1234/java", "LISTEN 0.0.0.0:80 q=0/128 900/nginx"}},
	{"-tanpoe", `
State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess                                     
LISTEN 0      511       *:80            *:*    users:(("nginx",pid=901,fd=6),("nginx",pid=900,fd=6)) ino:5001 sk:1 cgroup:/system.slice/nginx.service v6only:0 <->
CLOSE-WAIT 1  0  [::ffff:192.0.2.1]:8080 [::ffff:192.0.2.2]:4000 users:(("java",pid=700,fd=44)) timer:(keepalive,1min12sec,0) uid:33 ino:6001 sk:ffff8800aabbcc00 fwmark:0x2a cgroup:/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service -->
FIN-WAIT-2 0 0 192.0.2.1:4001 192.0.2.2:80 timer:(timewait,4.700ms,0) ino:0 sk:3
TIME-WAIT 0 0 192.0.2.1:4002 192.0.2.2:80 timer:(timewait,59sec,0) ino:0 sk:4
SYN-SENT 0 1 192.0.2.1:4003 192.0.2.2:80 users:(("curl",pid=77,fd=5)) timer:(on,200ms,1) ino:6004 sk:5 <->
`, []string{
		"LISTEN 0.0.0.0:80 q=0/511 ino=5001 uid=0 sk=1 900/nginx 901/nginx",
		"CLOSE_WAIT 192.0.2.1:8080 192.0.2.2:4000 q=1/0 mapped keepalive=1m12s,0 ino=6001 uid=33 sk=ffff8800aabbcc00 mark=2a 700/java",
		"FIN_WAIT_2 192.0.2.1:4001 192.0.2.2:80 timewait=4.7s,0 sk=3 orphan",
		"TIME_WAIT 192.0.2.1:4002 192.0.2.2:80 timewait=59s,0 sk=4",
		"SYN_SENT 192.0.2.1:4003 192.0.2.2:80 q=0/1 on=200ms,1 ino=6004 uid=0 sk=5 77/curl",
	}},
	{"names for numbers", `
State  Recv-Q Send-Q      Local Address:Port      Peer Address:Port
LISTEN 0      128    127.0.0.53%lo:domain              0.0.0.0:*
ESTAB  0      0      192.0.2.1%eth0:ssh           198.51.100.2:50000
ESTAB  0      0      [fe80::1]%eth0:https            [fe80::2]:40000
`, []string{
		"LISTEN 127.0.0.53:53 q=0/128",
		"ESTABLISHED 192.0.2.1:22 198.51.100.2:50000",
		"ESTABLISHED [fe80::1]:443 [fe80::2]:40000",
	}},
	{"one state, by the command", `
root@web:~# ss -tn state close-wait
Recv-Q Send-Q Local Address:Port Peer Address:Port Process
1      0      192.0.2.1:40000    198.51.100.2:443
1      0      192.0.2.1:40002    198.51.100.2:443
`, []string{
		"CLOSE_WAIT 192.0.2.1:40000 198.51.100.2:443 q=1/0",
		"CLOSE_WAIT 192.0.2.1:40002 198.51.100.2:443 q=1/0",
	}},
	{"one state, by the timer", `
Recv-Q Send-Q Local Address:Port Peer Address:Port
0      0      192.0.2.1:40000    198.51.100.2:443   timer:(timewait,33sec,0)
0      0      192.0.2.1:40001    198.51.100.2:443   timer:(timewait,112ms,0)
`, []string{
		"TIME_WAIT 192.0.2.1:40000 198.51.100.2:443 timewait=33s,0",
		"TIME_WAIT 192.0.2.1:40001 198.51.100.2:443 timewait=112ms,0",
	}},
	{"one state, told by nothing", `
Recv-Q Send-Q Local Address:Port Peer Address:Port
0      0      192.0.2.1:40000    198.51.100.2:443
0      5      *:443              *:*
`, []string{"UNKNOWN 192.0.2.1:40000 198.51.100.2:443", "LISTEN 0.0.0.0:443 q=0/5"}},
	{"every kind of socket", `
Netid State      Recv-Q Send-Q   Local Address:Port     Peer Address:Port
nl    UNCONN     0      0                 rtnl:kernel               *
p_raw UNCONN     0      0                    *:eth0                 *
u_str ESTAB      0      0      /run/x.sock 20001                   * 20002   users:(("evil",pid=5,fd=1))
u_dgr UNCONN     0      0                    * 20003                * 20004
udp   UNCONN     0      0           127.0.0.1:323                   *:*
udp   ESTAB      0      0           192.0.2.1:5000       198.51.100.1:53
mptcp LISTEN     0      9             0.0.0.0:443             0.0.0.0:*
tcp   LISTEN     0      9             0.0.0.0:443             0.0.0.0:*
v_str LISTEN     0      0                    *:1024                 *:*
sctp  LISTEN     0      9           192.0.2.1:900                   *:*
 ` + "`- ESTAB 0      0           192.0.2.1:900       198.51.100.4:901" + `
tcp   SYN-RECV   0      0           192.0.2.1:443        198.51.100.3:4444   timer:(on,1.2sec,2)
`, []string{
		"LISTEN 0.0.0.0:443 q=0/9",
		"SYN_RECV 192.0.2.1:443 198.51.100.3:4444 on=1.2s,2",
	}},
	{"no heading, one line each", `
ESTAB 0 0 [2001:db8::1]:443 [2001:db8::2]:55000 users:(("a b: (c)",pid=9,fd=1)) cubic rto:204 rtt:0.5/0.25 cwnd:10
LAST-ACK 0 1 192.0.2.1:443 192.0.2.9:55001
CLOSING 0 1 192.0.2.1:443 192.0.2.9:55002
`, []string{
		"ESTABLISHED [2001:db8::1]:443 [2001:db8::2]:55000 9/a b: (c)",
		"LAST_ACK 192.0.2.1:443 192.0.2.9:55001 q=0/1",
		"CLOSING 192.0.2.1:443 192.0.2.9:55002 q=0/1",
	}},
	{"no queues", `
State  Local Address:Port Peer Address:Port Process
ESTAB  192.0.2.1:443      192.0.2.9:55001   users:(("x",pid=9,fd=1))
`, []string{"ESTABLISHED 192.0.2.1:443 192.0.2.9:55001 9/x"}},
	{"without queues by awk", `
ESTAB 192.0.2.1:443 192.0.2.9:55001
`, []string{"ESTABLISHED 192.0.2.1:443 192.0.2.9:55001"}},
	{"masked", `
State Recv-Q Send-Q Local Address:Port Peer Address:Port
ESTAB 0 0 10.x.x.1:443 XX.XX.3.4:55001
`, []string{"ESTABLISHED [100::%10.x.x.1]:443 [100::%XX.XX.3.4]:55001"}},
	{"bound only", `
$ ss -tnB
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
UNCONN 0      0      192.0.2.1:9000     0.0.0.0:*
`, []string{"BOUND 192.0.2.1:9000"}},
	{"broken by a terminal of 80", `
State      Recv-Q Send-Q Local Address:Port               Peer Address:Port     
          
LISTEN     0      128          *:22                       *:*                   
users:(("sshd",pid=812,fd=3))
ESTAB      0      0      192.0.2.10:43210                       198.51.100.17:44
3                                      users:(("java",pid=1234,fd=56),("java",pi
d=1235,fd=57)) ino:77 sk:1f <->
CLOSE-WAIT 1      0      [2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:43210      [2001:
db8::2]:443   timer:(keepalive,26sec,0)
ESTAB      0      0            192.0.2.10:22     
                  198.51.100.99:60000    users:(("sshd",pid=999,fd=3))
`, []string{
		"LISTEN 0.0.0.0:22 q=0/128 812/sshd",
		"ESTABLISHED 192.0.2.10:43210 198.51.100.17:443 ino=77 uid=0 sk=1f 1234/java 1235/java",
		"CLOSE_WAIT [2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:43210 [2001:db8::2]:443 q=1/0 keepalive=26s,0",
		"ESTABLISHED 192.0.2.10:22 198.51.100.99:60000 999/sshd",
	}},
	{"a broken heading", `
State    Recv-Q    Send-Q       Local Address:Port         Peer
Address:Port   Process
LISTEN   0         4096             127.0.0.1:631           0.0.0.0:*
`, []string{"LISTEN 127.0.0.1:631 q=0/4096"}},
	{"what follows is another's", `
State      Recv-Q Send-Q Local Address:Port               Peer Address:Port     
ESTAB      0      0      192.0.2.10:43210                       198.51.100.17:44
root@web:~# uptime
 20:01:02 up 3 days
ESTAB      0      0      192.0.2.10:43210                       198.51.100.17:45 users:(("java",pid=12
ESTAB 0 0 192.0.2.10:43210 198.51.100.17:47
	 cubic wscale:7,7 rto:204 rtt:0.05/0.025 ato:40 mss:1448 cwnd:10 minrtt:0.05
Connection closed
ESTAB 0 0 192.0.2.10:43210 198.51.100.17:48
	 cubic wscale:7,7 rto:204 rtt:0.05/0.025 ato:40 mss:1448 cwnd:10 minrtt:0.05
root@web:~# ss -tn state syn-sent
Recv-Q Send-Q Local Address:Port Peer Address:Port
0      1      192.0.2.10:43333   198.51.100.17:46
`, []string{
		"ESTABLISHED 192.0.2.10:43210 198.51.100.17:44",
		"ESTABLISHED 192.0.2.10:43210 198.51.100.17:45",
		"ESTABLISHED 192.0.2.10:43210 198.51.100.17:47",
		"ESTABLISHED 192.0.2.10:43210 198.51.100.17:48",
		"SYN_SENT 192.0.2.10:43333 198.51.100.17:46 q=0/1",
	}},
}

func TestSSTables(t *testing.T) {
	for _, c := range ssSamples {
		t.Run(c.name, func(t *testing.T) {
			p := ssRead(t, c.text)
			got := ssBriefs(p.Snapshot)
			slices.Sort(got) // several tables are merged, in no order that ss knows
			want := slices.Sorted(slices.Values(c.want))
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
		all = ssBriefs(sn)
		for i := range sn.Sockets {
			if m := sn.Sockets[i].Info; m != nil {
				all[i] += fmt.Sprintf(" %+v", *m)
			}
		}
		return all
	}
	want := told(ssRead(t, text).Snapshot)
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
		p := ssRead(t, broken.String())
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
			for _, s := range ssRead(t, c.text).Snapshot.BlindSpots {
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
		p := ssRead(t, text)
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
	if s := ssRead(t, "SYN-SENT 0 1 192.0.2.1:1 192.0.2.2:2\n\t cubic rto:1000 mss:524 cwnd:1\n").Snapshot.Sockets[0]; s.Info != nil {
		t.Errorf("SYN_SENT has measurements %+v", s.Info)
	}
}

func TestSSTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"4.700ms": 4700 * time.Millisecond, "2.128ms": 2128 * time.Millisecond, "112ms": 112 * time.Millisecond, "003ms": 3 * time.Millisecond,
		"59sec": 59 * time.Second, "1min12sec": 72 * time.Second, "119min": 119 * time.Minute, "1.2min": 72 * time.Second, "": 0,
		"9.001ms": 9001 * time.Millisecond, "1.2sec": 1200 * time.Millisecond, "x": 0, "99999999999999999999min": ssTimeMax,
	} {
		if got := ssTime([]byte(text)); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
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
		sn := ssRead(t, "ESTAB 0 0 192.0.2.1:1 192.0.2.2:2 users:("+c.list+"\n").Snapshot
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
	sn := ssRead(t, `Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port
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

func TestSSUDPCounted(t *testing.T) {
	for _, text := range []string{
		"Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\nudp UNCONN 0 0 *:1 *:*\nudp ESTAB 0 0 192.0.2.1:2 192.0.2.2:3\n",
		"$ ss -uan\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 *:1 *:*\nESTAB 0 0 192.0.2.1:2 192.0.2.2:3\n",
	} {
		b := newBuilder(Options{})
		table := &ssTable{}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if command, ok := prompted([]byte(line)); ok {
				b.command(command)
				continue
			}
			table.read([]byte(line), b)
		}
		table.close(b)
		if b.udp != 2 || len(b.sockets) != 0 {
			t.Errorf("%s\ngives %d UDP and %d TCP", text, b.udp, len(b.sockets))
		}
	}
}

func TestSSAsked(t *testing.T) {
	for line, want := range map[string]ssAsked{
		"netstat -an":            {},
		"sudo ss -tan":           {all: true, only: ssTCP},
		"/usr/sbin/ss -ltnp":     {listening: true, only: ssTCP},
		"ss -tuln":               {listening: true},
		"ss -tn state time-wait": {state: tcp.TimeWait, states: 1, only: ssTCP},
		"ss -tn state time-wait state close-wait": {states: 2, only: ssTCP},
		"ss -tan '( dport = :443 )'":              {all: true, only: ssTCP, partly: true},
		"ss state all":                            {all: true, states: 2},
		"ss -A tcp -o state fin-wait-2 | wc -l":   {state: tcp.FinWait2, states: 1, only: ssTCP, partly: true},
		"ss --query=tcp --listening state bucket": {listening: true, only: ssTCP, states: 2},
		"ss -A inet -na -f inet":                  {all: true},
		"ss -A udp,unix_dgram state connected":    {states: 2},
		"ss -at state syn-rcv":                    {all: true, states: 1, state: tcp.SynReceived, only: ssTCP},
		"ss --udp --all":                          {all: true, only: ssUDP},
		"ss -x":                                   {only: ssOther},
		"ss -tan > /tmp/x":                        {all: true, only: ssTCP},
		"ss -tan exclude listening":               {all: true, states: 2, only: ssTCP},
		"watch -n1 ss -tan":                       {all: true, only: ssTCP},
	} {
		got := ssAskedBy(line)
		if want != (ssAsked{}) {
			want.command = line
		}
		if got != want {
			t.Errorf("%q asks for %+v, want %+v", line, got, want)
		}
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
		b := newBuilder(Options{})
		var s ssSummary
		for line := range strings.Lines(c.text) {
			if v := s.read([]byte(strings.TrimSuffix(line, "\n")), b); v == bad || v == foreign {
				t.Errorf("%q is %d", line, v)
			}
		}
		if b.counted[tcp.Established] != c.estab || b.counted[tcp.TimeWait] != c.waits || b.counted[tcp.SynReceived] != c.recv ||
			b.system.TCPOrphans != c.orphans || b.system.TCPAlloc != c.alloc || b.ns.InUse != c.use || b.ns.UDPInUse != c.udp {
			t.Errorf("%s\ncounts %v, %+v, %+v", c.text, b.counted, b.system, b.ns)
		}
	}
	if p := ssRead(t, "Total: 5\n\nTotal: 6\n\n\n\nTotal: 7\nx"); len(p.Parts) != 0 {
		t.Errorf("any total is %+v", p.Parts)
	}
	if p := ssRead(t, "Total: 9\nTCP:   30 (estab 3, closed 20, orphaned 1, timewait 19)\nTotal: 5 apples"); len(p.Parts) != 1 || p.Parts[0].Kind != "ss -s" || p.Parts[0].Last != 2 {
		t.Errorf("parts %+v", p.Parts)
	}
}

// Lines that are none of ss's begin nothing.
func TestSSBegins(t *testing.T) {
	for _, line := range []string{
		"", "x", "tcp        0      0 192.0.2.1:80     192.0.2.2:4000     ESTABLISHED", "LISTEN", "LISTEN on port 80: failed",
		"ESTAB 0", "1 2 3 4", "0 0 a:b c:d", "Proto Recv-Q Send-Q Local Address           Foreign Address         State",
		"2024-05-01 10:00:00 connect to 192.0.2.1:80 failed", "State of the union", "UNCONN 0 0 x y", "ESTAB 0 0 alpha beta",
		"  TCP    192.0.2.1:80     192.0.2.2:4000     ESTABLISHED", "nl", "Netid", "12 34 56:78 90:12:33.4",
		"unknown ESTABLISHED connection to 192.0.2.1:80 lost", "ESTAB alpha:1 beta:2", "raw LISTEN on eth0",
	} {
		if ssBegins([]byte(line)) {
			t.Errorf("%q begins a table", line)
		}
	}
}

func TestSSIPv6(t *testing.T) {
	for _, text := range []string{"::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::ffff:192.0.2.1", "1::192.0.2.1",
		"1:2:3:4:5:6:192.0.2.1", "", ":", ":::", "1:2", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::1:", "1:", ":1", "g::", "::192.0.2", "::1.02.3.4", "1:2:3:4:5:6:7:192.0.2.1",
		"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "::0.0.0.0"} {
		ssSameAddress(t, text)
	}
}

func ssSameAddress(t *testing.T, text string) {
	t.Helper()
	got, ok := ssIPv6([]byte(text))
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
			ssSameAddress(t, text)
		}
	})
}

func FuzzSS(f *testing.F) {
	for _, c := range ssSamples {
		f.Add(c.text)
	}
	f.Add("Total: 1\nTCP: 3 (estab 1, closed 0, timewait 1/0), ports 0\nTransport Total IP IPv6\nTCP 1 1 0\n")
	f.Add("# ss -tn state time-wait\nRecv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 1.2.3.4:5 6.7.8.9:10\n")
	f.Fuzz(func(t *testing.T, text string) {
		b := newBuilder(Options{})
		for _, r := range []reader{&ssTable{}, &ssSummary{}} {
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				ssBegins([]byte(line))
				r.read([]byte(line), b)
			}
			r.close(b)
		}
		for i := range b.sockets {
			s := &b.sockets[i]
			if s.PID != 0 && b.processes[s.PID] == nil {
				t.Errorf("owner %d is no process", s.PID)
			}
			if s.Timer.Expires < 0 || s.Timer.Expires > 2*ssTimeMax {
				t.Errorf("timer of %v", s.Timer.Expires)
			}
		}
	})
}

// ssMillion is a table as ss -tan writes it.
func ssMillion(rows int) []byte {
	var out bytes.Buffer
	out.WriteString("State      Recv-Q Send-Q       Local Address:Port         Peer Address:Port  Process\n")
	for i := range rows {
		fmt.Fprintf(&out, "%-10s 0      0            10.0.%d.%d:%-5d       10.9.%d.%d:443\n",
			[]string{"ESTAB", "TIME-WAIT", "CLOSE-WAIT"}[i%3], i>>8&255, i&255, 1024+i%60000, i>>16&255, i>>8&255)
	}
	return out.Bytes()
}

func BenchmarkSS(b *testing.B) {
	text := ssMillion(1_000_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := Read(context.Background(), bytes.NewReader(text), Options{Size: int64(len(text))})
		if err != nil || len(p.Snapshot.Sockets) != 1_000_000 {
			b.Fatal(err, len(p.Snapshot.Sockets))
		}
	}
}

// A row costs no allocation of its own, whatever the address family.
func TestSSAllocations(t *testing.T) {
	rows := [][]byte{
		[]byte("TIME-WAIT  0      0            10.0.0.1:41000       10.9.0.1:443"),
		[]byte("ESTAB      0      0            [::ffff:10.0.0.1]:8080       [::ffff:10.9.0.1]:44300    timer:(keepalive,1min,0)"),
		[]byte(`CLOSE-WAIT 1      0            [2001:db8::1]:8080       [2001:db8::2]:44300    users:(("java",pid=7,fd=5)) ino:5 sk:7`),
	}
	b := newBuilder(Options{})
	table := &ssTable{}
	b.sockets = make([]tcp.Socket, 0, 4000)
	read := func() {
		for _, line := range rows {
			if v := table.read(line, b); v != row {
				t.Fatalf("%s is %d", line, v)
			}
		}
	}
	read()
	if n := testing.AllocsPerRun(1000, read); n > 0 {
		t.Errorf("%v allocations for %d rows", n, len(rows))
	}
}

// What wraps cannot make reading quadratic: each line is joined to a bounded one.
func TestSSEndlessRow(t *testing.T) {
	head := `ESTAB 0 0 192.0.2.1:1 192.0.2.2:2 users:(` + strings.Repeat(`("name",pid=1,fd=2),`, 4) + "\n"
	text := io.MultiReader(strings.NewReader(head), strings.NewReader(strings.Repeat(strings.Repeat(`("name",pid=3,fd=2),`, 4)+"\n", 20000)))
	began := time.Now()
	if _, err := Read(context.Background(), text, Options{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
