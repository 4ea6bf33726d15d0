package ss

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// brief is a socket in a line, with what is known of it.
func brief(s *tcp.Socket, sn *host.Snapshot) string {
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

// Briefs are all sockets, each in a line.
func Briefs(sn *host.Snapshot) (all []string) {
	for i := range sn.Sockets {
		all = append(all, brief(&sn.Sockets[i], sn))
	}
	return all
}

// Samples are texts and what is to be read of them.
var Samples = []struct {
	Name string
	Text string
	Want []string
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

func TestSSTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"4.700ms": 4700 * time.Millisecond, "2.128ms": 2128 * time.Millisecond, "112ms": 112 * time.Millisecond, "003ms": 3 * time.Millisecond,
		"59sec": 59 * time.Second, "1min12sec": 72 * time.Second, "119min": 119 * time.Minute, "1.2min": 72 * time.Second, "": 0,
		"9.001ms": 9001 * time.Millisecond, "1.2sec": 1200 * time.Millisecond, "x": 0, "99999999999999999999min": timeMax,
	} {
		if got := readTime([]byte(text)); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestSSUDPCounted(t *testing.T) {
	for _, text := range []string{
		"Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\nudp UNCONN 0 0 *:1 *:*\nudp ESTAB 0 0 192.0.2.1:2 192.0.2.2:3\n",
		"$ ss -uan\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 *:1 *:*\nESTAB 0 0 192.0.2.1:2 192.0.2.2:3\n",
	} {
		b := form.NewBuilder(time.Time{})
		table := &table{}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if command, ok := form.Prompted([]byte(line)); ok {
				b.Command(command)
				continue
			}
			table.Read([]byte(line), b)
		}
		table.Close(b)
		if b.UDP != 2 || len(b.Sockets) != 0 {
			t.Errorf("%s\ngives %d UDP and %d TCP", text, b.UDP, len(b.Sockets))
		}
	}
}

func TestSSAsked(t *testing.T) {
	for line, want := range map[string]request{
		"netstat -an":            {},
		"sudo ss -tan":           {all: true, only: overTCP},
		"/usr/sbin/ss -ltnp":     {listening: true, only: overTCP},
		"ss -tuln":               {listening: true},
		"ss -tn state time-wait": {state: tcp.TimeWait, states: 1, only: overTCP},
		"ss -tn state time-wait state close-wait": {states: 2, only: overTCP},
		"ss -tan '( dport = :443 )'":              {all: true, only: overTCP, partly: true},
		"ss state all":                            {all: true, states: 2},
		"ss -A tcp -o state fin-wait-2 | wc -l":   {state: tcp.FinWait2, states: 1, only: overTCP, partly: true},
		"ss --query=tcp --listening state bucket": {listening: true, only: overTCP, states: 2},
		"ss -A inet -na -f inet":                  {all: true},
		"ss -A udp,unix_dgram state connected":    {states: 2},
		"ss -at state syn-rcv":                    {all: true, states: 1, state: tcp.SynReceived, only: overTCP},
		"ss --udp --all":                          {all: true, only: overUDP},
		"ss -x":                                   {only: overOther},
		"ss -tan > /tmp/x":                        {all: true, only: overTCP},
		"ss -tan exclude listening":               {all: true, states: 2, only: overTCP},
		"watch -n1 ss -tan":                       {all: true, only: overTCP},
	} {
		got := askedBy(line)
		if want != (request{}) {
			want.command = line
		}
		if got != want {
			t.Errorf("%q asks for %+v, want %+v", line, got, want)
		}
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
		if begins([]byte(line)) {
			t.Errorf("%q begins a table", line)
		}
	}
}

func FuzzSS(f *testing.F) {
	for _, c := range Samples {
		f.Add(c.Text)
	}
	f.Add("Total: 1\nTCP: 3 (estab 1, closed 0, timewait 1/0), ports 0\nTransport Total IP IPv6\nTCP 1 1 0\n")
	f.Add("# ss -tn state time-wait\nRecv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 1.2.3.4:5 6.7.8.9:10\n")
	f.Fuzz(func(t *testing.T, text string) {
		b := form.NewBuilder(time.Time{})
		for _, r := range []form.Reader{&table{}, &summary{}} {
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				begins([]byte(line))
				r.Read([]byte(line), b)
			}
			r.Close(b)
		}
		for i := range b.Sockets {
			s := &b.Sockets[i]
			if s.PID != 0 && b.Processes[s.PID] == nil {
				t.Errorf("owner %d is no process", s.PID)
			}
			if s.Timer.Expires < 0 || s.Timer.Expires > 2*timeMax {
				t.Errorf("timer of %v", s.Timer.Expires)
			}
		}
	})
}

// A row costs no allocation of its own, whatever the address family.
func TestSSAllocations(t *testing.T) {
	rows := [][]byte{
		[]byte("TIME-WAIT  0      0            10.0.0.1:41000       10.9.0.1:443"),
		[]byte("ESTAB      0      0            [::ffff:10.0.0.1]:8080       [::ffff:10.9.0.1]:44300    timer:(keepalive,1min,0)"),
		[]byte(`CLOSE-WAIT 1      0            [2001:db8::1]:8080       [2001:db8::2]:44300    users:(("java",pid=7,fd=5)) ino:5 sk:7`),
	}
	b := form.NewBuilder(time.Time{})
	table := &table{}
	b.Sockets = make([]tcp.Socket, 0, 4000)
	read := func() {
		for _, line := range rows {
			if v := table.Read(line, b); v != form.Row {
				t.Fatalf("%s is %d", line, v)
			}
		}
	}
	read()
	if n := testing.AllocsPerRun(1000, read); n > 0 {
		t.Errorf("%v allocations for %d rows", n, len(rows))
	}
}
