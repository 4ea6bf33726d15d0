package netstat_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/paste"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/netstat"
	"sockeye/internal/paste/pastetest"
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
	if s.Orphan {
		out += " orphan"
	}
	if s.PID != 0 {
		out += fmt.Sprintf(" pid=%d", s.PID)
		if p := sn.Processes[s.PID]; p != nil {
			out += "/" + p.Name
		}
	}
	return out
}

func blind(sn *host.Snapshot) string {
	var all []string
	for _, b := range sn.BlindSpots {
		if strings.HasPrefix(b.Code, "paste-") {
			all = append(all, strings.TrimSpace(b.Code+" "+b.Subject))
		}
	}
	return strings.Join(all, "; ")
}

// Every case is a text and what is to be read of it, in the order of the rows.
func TestNetstat(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
		os, blind  string
		udp, bad   int
	}{
		{name: "windows -ano", os: "windows", udp: 2, text: `
Active Connections

  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924
  TCP    192.168.7.20:50123     203.0.113.9:443        ESTABLISHED     5112
  TCP    192.168.7.20:50124     203.0.113.9:443        TIME_WAIT       0
  TCP    [::]:445               [::]:0                 LISTENING       4
  TCP    [fe80::1c2:3%12]:50125 [fe80::9%12]:445       CLOSE_WAIT      5112
  UDP    0.0.0.0:123            *:*                                    1100
  UDP    [::1]:1900             *:*                                    1100
`, want: []string{
			"LISTEN 0.0.0.0:135 pid=924/", "ESTABLISHED 192.168.7.20:50123 203.0.113.9:443 pid=5112/",
			"TIME_WAIT 192.168.7.20:50124 203.0.113.9:443", "LISTEN [::]:445 pid=4/System",
			"CLOSE_WAIT [fe80::1c2:3]:50125 [fe80::9]:445 pid=5112/",
		}},
		{name: "windows -anobq with components", os: "windows", text: `
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924
  RpcSs
 [svchost.exe]
  TCP    0.0.0.0:445            0.0.0.0:0              LISTENING       4
 Can not obtain ownership information
  TCP    0.0.0.0:50100          0.0.0.0:0              BOUND           7001
 [shop server.exe]
  TCP    10.1.2.3:50100         10.1.2.9:1433          ESTABLISHED     7001           InHost
 [shop server.exe]
`, want: []string{
			"LISTEN 0.0.0.0:135 pid=924/svchost.exe", "LISTEN 0.0.0.0:445 pid=4/System",
			"ESTABLISHED 10.1.2.3:50100 10.1.2.9:1433 pid=7001/shop server.exe",
		}},
		{name: "windows -anb: names without pids", os: "windows", udp: 1, blind: "paste-owners-refused", text: `
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status
  TCP    127.0.0.1:49185        127.0.0.1:49186        HERGESTELLT
 [alpha.exe]
  TCP    127.0.0.1:49186        127.0.0.1:49185        FIN_WARTEN_2
 [alpha.exe]
  TCP    0.0.0.0:445            0.0.0.0:0              ABHÖREN
 Es konnten keine Besitzerinformationen abgerufen werden.
  UDP    0.0.0.0:5353           *:*
 [beta.exe]
`, want: []string{
			"ESTABLISHED 127.0.0.1:49185 127.0.0.1:49186 pid=-1/alpha.exe",
			"FIN_WAIT_2 127.0.0.1:49186 127.0.0.1:49185 pid=-1/alpha.exe", "LISTEN 0.0.0.0:445",
		}},
		{name: "windows, german, every state and broken letters", os: "windows", text: `
  TCP    0.0.0.0:135            0.0.0.0:0              ABH™REN         1
  TCP    0.0.0.0:136            0.0.0.0:0              ABH�REN         1
  TCP    10.0.0.1:1             10.0.0.2:2             SCHLIESSEN_WARTEN 9
  TCP    10.0.0.1:2             10.0.0.2:2             WARTEND         0
  TCP    10.0.0.1:3             10.0.0.2:2             SYN_GESENDET    9
  TCP    10.0.0.1:4             10.0.0.2:2             FIN_WARTEN_1    9
  TCP    10.0.0.1:5             10.0.0.2:2             LETZTES_ACK     9
  TCP    10.0.0.1:6             10.0.0.2:2             SYN_EMPFANGEN   9
`, want: []string{
			"LISTEN 0.0.0.0:135 pid=1/", "LISTEN 0.0.0.0:136 pid=1/", "CLOSE_WAIT 10.0.0.1:1 10.0.0.2:2 pid=9/",
			"TIME_WAIT 10.0.0.1:2 10.0.0.2:2", "SYN_SENT 10.0.0.1:3 10.0.0.2:2 pid=9/", "FIN_WAIT_1 10.0.0.1:4 10.0.0.2:2 pid=9/",
			"LAST_ACK 10.0.0.1:5 10.0.0.2:2 pid=9/", "SYN_RECV 10.0.0.1:6 10.0.0.2:2 pid=9/",
		}},
		{name: "windows in a language nobody taught", os: "windows",
			blind: "paste-states-inferred ALFA BETA = ESTABLISHED; paste-states-inferred GAMMA = TIME_WAIT; paste-states-unknown DELTA; paste-states-inferred ZETA = CLOSE_WAIT",
			text: `
  TCP    0.0.0.0:8080           0.0.0.0:0              OMEGA           70
  TCP    127.0.0.1:8080         127.0.0.1:50001        ALFA BETA       70
  TCP    127.0.0.1:50001        127.0.0.1:8080         ALFA BETA       71
  TCP    127.0.0.1:50002        127.0.0.1:8080         GAMMA           0
  TCP    10.0.0.1:50003         10.0.0.2:443           DELTA           71
  TCP    10.0.0.1:8080          10.0.0.2:50004         SYN_ETA         70
  TCP    10.0.0.1:50005         10.0.0.2:443           SYN_ETA         71
  TCP    127.0.0.1:8080         127.0.0.1:50006        ZETA            70
  TCP    127.0.0.1:50006        127.0.0.1:8080         FIN_ETA_2       71
`, want: []string{
				"LISTEN 0.0.0.0:8080 pid=70/", "ESTABLISHED 127.0.0.1:8080 127.0.0.1:50001 pid=70/",
				"ESTABLISHED 127.0.0.1:50001 127.0.0.1:8080 pid=71/", "TIME_WAIT 127.0.0.1:50002 127.0.0.1:8080",
				"UNKNOWN 10.0.0.1:50003 10.0.0.2:443 pid=71/", "SYN_RECV 10.0.0.1:8080 10.0.0.2:50004 pid=70/",
				"SYN_SENT 10.0.0.1:50005 10.0.0.2:443 pid=71/", "CLOSE_WAIT 127.0.0.1:8080 127.0.0.1:50006 pid=70/",
				"FIN_WAIT_2 127.0.0.1:50006 127.0.0.1:8080 pid=71/",
			}},
		{name: "windows without -n", os: "windows", text: `
  Proto  Local Address          Foreign Address        State
  TCP    KIOSK:epmap            KIOSK:0                LISTENING
  TCP    KIOSK:50001            files:microsoft-ds     ESTABLISHED
`, want: []string{"LISTEN [100::%KIOSK]:135", "ESTABLISHED [100::%KIOSK]:50001 [100::%files]:445"}},
		{name: "windows, chinese, a row broken by mail and quoted", os: "windows", text: `
> 活动连接
>
>   协议  本地地址          外部地址        状态           PID
>   TCP    192.168.7.20:50123     203.0.113.9:443
> ESTABLISHED     5112
>   TCP    192.168.7.20:50124     203.0.113.9:443        ESTABLISHED     5112
`, want: []string{"ESTABLISHED 192.168.7.20:50123 203.0.113.9:443 pid=5112/", "ESTABLISHED 192.168.7.20:50124 203.0.113.9:443 pid=5112/"}},
		{name: "a wiki's table", os: "windows", text: `
| 1 | TCP | 0.0.0.0:80 | 0.0.0.0:0 | LISTENING | 4 |
| 2 | TCP | 10.0.0.1:80 | 10.0.0.2:5000 | ESTABLISHED | 4 |
`, want: []string{"LISTEN 0.0.0.0:80 pid=4/System", "ESTABLISHED 10.0.0.1:80 10.0.0.2:5000 pid=4/System"}},
		{name: "linux -anpo", os: "linux", udp: 1, text: `
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer
tcp        3      0 0.0.0.0:80              0.0.0.0:*               LISTEN      812/nginx: master    off (0.00/0/0)
tcp        0      0 10.0.0.1:41234          10.0.0.2:3306           TIME_WAIT   -                    timewait (41.21/0/0)
tcp        0    512 10.0.0.1:80             10.0.0.9:50000          ESTABLISHED 813/nginx: worker    on (0.20/3/0)
tcp        0      0 10.0.0.1:22             10.0.0.9:50001          ESTABLISHED 900/sshd             keepalive (7187.41/0/2)
tcp        0      0 10.0.0.1:80             10.0.0.9:50002          FIN_WAIT2   -                    timewait (12.00/0/0)
tcp6       0      0 :::8080                 :::*                    LISTEN      77/java              off (0.00/0/0)
tcp6       0      0 10.0.0.1:8080           10.0.0.9:50003          CLOSE_WAIT  77/java              off (0.00/0/0)
tcp6       0      0 ::ffff:10.0.0.1:8080    ::ffff:10.0.0.9:51      SYN_RECV    -                    probe (1.50/0/4)
udp        0      0 0.0.0.0:68              0.0.0.0:*                           600/dhclient         off (0.00/0/0)
Active UNIX domain sockets (servers and established)
Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path
unix  2      [ ACC ]     STREAM     LISTENING     1234     1/init               /run/x
unix  3      [ ]         DGRAM                    1235     -
`, want: []string{
			"LISTEN 0.0.0.0:80 q=3/0 pid=812/nginx: master", "TIME_WAIT 10.0.0.1:41234 10.0.0.2:3306 timewait=41.21s,0",
			"ESTABLISHED 10.0.0.1:80 10.0.0.9:50000 q=0/512 on=200ms,3 pid=813/nginx: worker",
			"ESTABLISHED 10.0.0.1:22 10.0.0.9:50001 keepalive=1h59m47.41s,2 pid=900/sshd",
			"FIN_WAIT_2 10.0.0.1:80 10.0.0.9:50002 timewait=12s,0 orphan", "LISTEN [::]:8080 pid=77/java",
			"CLOSE_WAIT 10.0.0.1:8080 10.0.0.9:50003 mapped pid=77/java",
			"SYN_RECV 10.0.0.1:8080 10.0.0.9:51 mapped persist=1.5s,4",
		}},
		{name: "linux -tulpen by a user", os: "linux", udp: 1, blind: "paste-owners-hidden", text: `
(Not all processes could be identified, non-owned process info
 will not be shown, you would have to be root to see it all.)
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name
tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      114        20001      -
tcp        0      0 0.0.0.0:9000            0.0.0.0:*               LISTEN      shop       20002      4242/server
tcp        0      0 10.0.0.1:9000           10.0.0.3:4000           LAST_ACK    0          0          -
udp        0      0 0.0.0.0:5353            0.0.0.0:*                           110        20003      -
`, want: []string{
			"LISTEN 127.0.0.1:5432 ino=20001 uid=114", "LISTEN 0.0.0.0:9000 ino=20002 uid=0 pid=4242/server",
			"LAST_ACK 10.0.0.1:9000 10.0.0.3:4000 orphan",
		}},
		{name: "linux, german", os: "linux", text: `
Aktive Internetverbindungen (Server und stehende Verbindungen)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    Timer
tcp        0      0 10.0.0.1:22             10.0.0.9:50001          VERBUNDEN   900/sshd            aus (0.00/0/0)
tcp        0      0 10.0.0.1:23             10.0.0.9:50001          VERBUNDEN   900/sshd            ein (0.40/1/0)
`, want: []string{"ESTABLISHED 10.0.0.1:22 10.0.0.9:50001 pid=900/sshd", "ESTABLISHED 10.0.0.1:23 10.0.0.9:50001 on=400ms,1 pid=900/sshd"}},
		{name: "linux, spanish and czech and portuguese", os: "linux", text: `
Conexiones activas de Internet (servidores y establecidos)
Proto  Recib Enviad Dirección local         Dirección remota       Estado       PID/Program name    Temporizador
tcp        0      0 0.0.0.0:25              0.0.0.0:*               ESCUCHAR    29/exim4            apagado (0.00/0/0)
tcp        0      0 10.0.0.1:25             10.0.0.2:3000           ESTABLECIDO 29/exim4            encendido (0.30/2/0)
tcp        0      0 10.0.0.1:26             10.0.0.2:3000           SPOJENO     29/exim4            vyp (0.00/0/0)
tcp        0      0 10.0.0.1:27             10.0.0.2:3000           POSLEDNÍ ACK 29/exim4            vyp (0.00/0/0)
tcp        0      0 10.0.0.1:28             10.0.0.2:3000           ESPERANDO_FECHAR 29/exim4
tcp        0      0 10.0.0.1:29             10.0.0.2:3000           ESPERA_FIN2 -
`, want: []string{
			"LISTEN 0.0.0.0:25 pid=29/exim4", "ESTABLISHED 10.0.0.1:25 10.0.0.2:3000 on=300ms,2 pid=29/exim4",
			"ESTABLISHED 10.0.0.1:26 10.0.0.2:3000 pid=29/exim4", "LAST_ACK 10.0.0.1:27 10.0.0.2:3000 pid=29/exim4",
			"CLOSE_WAIT 10.0.0.1:28 10.0.0.2:3000 pid=29/exim4", "FIN_WAIT_2 10.0.0.1:29 10.0.0.2:3000",
		}},
		{name: "linux, by a user without the complaint", os: "linux", blind: "paste-owners-hidden", text: `
tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      -
tcp        0      0 10.0.0.1:80             10.0.0.9:5              ESTABLISHED -
`, want: []string{"LISTEN 0.0.0.0:80", "ESTABLISHED 10.0.0.1:80 10.0.0.9:5"}},
		{name: "linux, rows broken at 72", os: "linux", text: `
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer
tcp        0      0 10.0.0.1:41234          10.0.0.2:3306
TIME_WAIT   -                    timewait (41.21/0/0)
tcp        0      0 10.0.0.1:41235          10.0.0.2:3306           ESTABLISHED
77/java              keepalive (10.00/0/0)
tcp        0      0 10.0.0.1:41236
10.0.0.2:3306           ESTABLISHED 77/java
`, want: []string{
			"TIME_WAIT 10.0.0.1:41234 10.0.0.2:3306 timewait=41.21s,0",
			"ESTABLISHED 10.0.0.1:41235 10.0.0.2:3306 keepalive=10s,0 pid=77/java",
			"ESTABLISHED 10.0.0.1:41236 10.0.0.2:3306 pid=77/java",
		}},
		{name: "narrow columns cut addresses", os: "linux", blind: "paste-addresses-cut netstat", text: `
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 2001:db8:0:1:5054:ff:fe 2001:db8:0:1:5054:ff:fe ESTABLISHED
tcp        0      0 10.0.0.1:443            10.0.0.2:5000           ESTABLISHED
`, want: []string{
			"ESTABLISHED [100::%2001:db8:0:1:5054:ff]:0 [100::%2001:db8:0:1:5054:ff]:0", "ESTABLISHED 10.0.0.1:443 10.0.0.2:5000",
		}},
		{name: "markdown, masked, and a number of lines left out", os: "linux", blind: "paste-owners-hidden; paste-cut netstat", text: `
tcp 0 0 XX.XX.3.4:80 198.51.100.9:5000 ESTABLISHED
…
tcp 0 0 0.0.0.0:22 0.0.0.0:\* LISTEN -
`, want: []string{"ESTABLISHED [100::%XX.XX.3.4]:80 198.51.100.9:5000", "LISTEN 0.0.0.0:22"}},
		{name: "macos -anv", os: "darwin", udp: 1, text: `
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat shiwat    pid   epid  state    options
tcp46      0      0  *.3000                 *.*                    LISTEN      131072 131072  33784      0 0x0100 0x00000106
tcp4      24      0  192.168.1.191.52040    203.0.113.4.443        CLOSE_WAIT  131072 132432   9811      0 0x0122 0x00000008
tcp4       0      0  127.0.0.1.6379         127.0.0.1.50123        FIN_WAIT_2  131072 132432      0      0 0x0122 0x00000008
tcp6       0      0  fe80::1%lo0.49152      fe80::1%lo0.49153      ESTABLISHED 131072 132432   9811      0 0x0122 0x00000008
udp4       0      0  *.5353                 *.*                                196724   9216    412      0 0x0100 0x00000004
Active Multipath Internet connections
Proto/ID  Flags      Local Address          Foreign Address        (state)
Active LOCAL (UNIX) domain sockets
Address          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr
a0b1c2d3e4f50617 stream      0      0                0 a0b1c2d3e4f50618                0                0
Registered kernel control modules
`, want: []string{
			"LISTEN [::]:3000 pid=33784/", "CLOSE_WAIT 192.168.1.191:52040 203.0.113.4:443 q=24/0 pid=9811/",
			"FIN_WAIT_2 127.0.0.1:6379 127.0.0.1:50123", "ESTABLISHED [fe80::1]:49152 [fe80::1]:49153 pid=9811/",
		}},
		{name: "macos, newer: process:pid with blanks", os: "darwin", text: `
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)          rxbytes      txbytes  rhiwat  shiwat          process:pid    state  options           gencnt    flags   flags1 usecnt rtncnt fltrs
tcp4       0      0  127.0.0.1.49515        127.0.0.1.49472        ESTABLISHED       118268        40208  408008  146988  Paint Pro 3:22712  00002 00000000 000000000025c5ff 00000081 04000800      3      0 000000
`, want: []string{"ESTABLISHED 127.0.0.1:49515 127.0.0.1:49472 pid=22712/Paint Pro 3"}},
		{name: "freebsd", text: `
Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
tcp4       0     44 192.0.2.7.22           198.51.100.3.51234     ESTABLISHED
tcp4       0      0 localhost.56324        localhost.http         TIME_WAIT
tcp6       0      0 *.22                   *.*                    LISTEN
tcp4       0      0 *.*                    *.*                    CLOSED
`, want: []string{
			"ESTABLISHED 192.0.2.7:22 198.51.100.3:51234 q=0/44", "TIME_WAIT 127.0.0.1:56324 127.0.0.1:80",
			"LISTEN [::]:22", "CLOSED 0.0.0.0:0",
		}},
		{name: "listen queues", text: `
Current listen queue sizes (qlen/incqlen/maxqlen)
Proto Listen                           Local Address
tcp46 193/0/128                        *.80
tcp4  0/0/128                          127.0.0.1.31025
Some tcp sockets may have been deleted.
unix  0/0/4                            /var/run/devd.pipe
`, want: []string{"LISTEN [::]:80 q=193/128", "LISTEN 127.0.0.1:31025 q=0/128"}},
		{name: "solaris", os: "solaris", udp: 1, text: `

UDP: IPv4
   Local Address        Remote Address      State
-------------------- -------------------- ----------
      *.111                               Idle

TCP: IPv4
   Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State
-------------------- -------------------- ----- ------ ----- ------ -----------
      *.*                  *.*                0      0 49152      0 IDLE
      *.8080               *.*                0      0 128000     0 LISTEN
10.0.0.101.4505      10.0.0.1.45329       1064800      7 1055864      9 ESTABLISHED
10.0.0.101.4506      10.0.0.1.45330       root 531 sshd 134664 51 128872 0 CLOSE_WAIT
`, want: []string{
			"LISTEN 0.0.0.0:8080", "ESTABLISHED 10.0.0.101:4505 10.0.0.1:45329 q=9/7",
			"CLOSE_WAIT 10.0.0.101:4506 10.0.0.1:45330 q=0/51 pid=531/sshd",
		}},
		{name: "what awk left", text: `
tcp 10.0.0.1:80 10.0.0.2:5000 ESTABLISHED
tcp 0.0.0.0:80 0.0.0.0:* LISTEN
`, want: []string{"ESTABLISHED 10.0.0.1:80 10.0.0.2:5000", "LISTEN 0.0.0.0:80"}},
		{name: "ports out of range", os: "linux", bad: 1, blind: "paste-lines-bad netstat", text: `
tcp        0      0 10.0.0.1:99999          10.0.0.2:3306           ESTABLISHED
tcp        0      0 10.0.0.1:9999           10.0.0.2:3306           ESTABLISHED
`, want: []string{"ESTABLISHED 10.0.0.1:9999 10.0.0.2:3306"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pastetest.Read(t, c.text)
			var got []string
			for i := range p.Snapshot.Sockets {
				got = append(got, brief(&p.Snapshot.Sockets[i], p.Snapshot))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("sockets\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if p.Snapshot.Machine.OS != c.os {
				t.Errorf("os %q, want %q", p.Snapshot.Machine.OS, c.os)
			}
			if blind := blind(p.Snapshot); blind != c.blind {
				t.Errorf("blind spots %q, want %q", blind, c.blind)
			}
			wrong := 0
			for _, part := range p.Parts {
				if !strings.HasPrefix(part.Kind, "netstat") {
					t.Errorf("taken for %q in lines %d–%d", part.Kind, part.First, part.Last)
				}
				wrong += int(part.Bad)
			}
			if wrong != c.bad {
				t.Errorf("%d bad lines, want %d", wrong, c.bad)
			}
			if b, _, _ := pastetest.Told(c.text); int(b.UDP) != c.udp {
				t.Errorf("%d UDP sockets, want %d", b.UDP, c.udp)
			}
		})
	}
}

// Text that is about netstat and is none.
func TestNotNetstat(t *testing.T) {
	for _, text := range []string{
		"TCP connections to db:3306 fail", "tcp: request_sock_TCP: Possible SYN flooding on port 80.",
		"2026-11-22 09:05:00,123 ERROR 10.0.0.1:80 10.0.0.2:90 refused", "udp 17 29 src=10.0.0.1 dst=10.0.0.2",
		"TCP port:80 is: closed", "tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*",
		"Kernel IP routing table\nDestination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n0.0.0.0         10.0.0.1        0.0.0.0         UG        0 0          0 eth0",
		"Kernel Interface table\nIface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\neth0      1500  1000      0      0 0          1000      0      0      0 BMRU",
		"tcp:\n  port: 80\n", "In 2024 connections established a trend.",
	} {
		p := pastetest.Read(t, text)
		for _, part := range p.Parts {
			if strings.HasPrefix(part.Kind, "netstat") {
				t.Errorf("%q is taken for %s", text, part.Kind)
			}
		}
	}
}

// A log behind a table is the log's: nothing of it may vanish into the table.
func TestNetstatEnds(t *testing.T) {
	for _, table := range []string{
		"  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924\n  RpcSs\n [svchost.exe]\n",
		"tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      812/nginx\n",
		"(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\ntcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      812/nginx\n",
		"TCP: IPv4\n 10.0.0.101.4505      10.0.0.1.45329       1064800      7 1055864      9 ESTABLISHED\n",
		"Tcp:\n    219 active connection openings\n",
		"tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      812/nginx\nActive UNIX domain sockets (w/o servers)\nunix  3      [ ]         DGRAM                    1235     -\n",
		"tcp4       0      0 *.80                   *.*                    LISTEN\nActive LOCAL (UNIX) domain sockets\na0b1c2d3e4f50617 stream      0      0                0 a0b1c2d3e4f50618                0                0\n",
	} {
		log := "2026-11-22 09:05:00,123 ERROR connect to 10.0.0.2:3306 failed: Cannot assign requested address (errno=99)"
		var got []string
		_, err := paste.Read(context.Background(), strings.NewReader(table+"\n"+log+"\n"), paste.Options{Other: func(_ uint64, line []byte) { got = append(got, string(line)) }})
		if err != nil || !slices.Equal(got, []string{log}) {
			t.Errorf("after %q the log had %q, %v", table, got, err)
		}
	}
}

// An interval lists everything again: that is another table, not twice as many sockets.
func TestNetstatRepeated(t *testing.T) {
	table := "Active Internet connections (w/o servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n" +
		"tcp        0      0 10.0.0.1:80             10.0.0.9:50000          ESTABLISHED\n"
	if p := pastetest.Read(t, table+table); len(p.Parts) != 2 {
		t.Errorf("%d parts, want 2", len(p.Parts))
	}
	win := "Active Connections\n\n  Proto  Local Address          Foreign Address        State\n  TCP    10.0.0.1:80            10.0.0.9:50000         ESTABLISHED\n\n"
	if p := pastetest.Read(t, win+win); len(p.Parts) != 2 {
		t.Errorf("%d parts, want 2", len(p.Parts))
	}
}

func FuzzNetstat(f *testing.F) {
	for _, seed := range []string{
		"  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       924\n  RpcSs\n [svchost.exe]\n",
		"tcp        0      0 10.0.0.1:41234          10.0.0.2:3306\nTIME_WAIT   -  timewait (41.21/0/0)\n",
		"tcp4 0 0 127.0.0.1.49515 127.0.0.1.49472 ESTABLISHED 1 2 3 4 a b:22712 00002\n", "0/0/128 *.80\n",
		"TCP: IPv4\n10.0.0.101.4505 10.0.0.1.45329 1064800 7 1055864 9 ESTABLISHED\n", "TCP [::1]:1 [::1]:2 Ж Ж 0\nTCP [::1]:2 [::1]:1 Ж Ж 5\n",
		"Tcp:\n    1 active connection openings\n", "TCP Statistics for IPv4\n  A = 1\n", "\t1 listen queue overflow\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := paste.Read(context.Background(), bytes.NewReader(text), paste.Options{})
		pastetest.TextOnly(t, err)
		for i := range p.Snapshot.Sockets {
			if s := &p.Snapshot.Sockets[i]; s.State >= tcp.NumStates {
				t.Fatalf("state %d was left unsettled", s.State)
			}
		}
		var rows uint64
		for _, part := range p.Parts {
			rows += part.Rows
		}
		if rows > p.Lines {
			t.Fatalf("%d rows in %d lines", rows, p.Lines)
		}
	})
}

const benchRows = 200_000

func many(row func(i int) string) []byte {
	var text bytes.Buffer
	for i := range benchRows {
		text.WriteString(row(i))
	}
	return text.Bytes()
}

func linuxRow(i int) string {
	return fmt.Sprintf("tcp        0      0 10.0.%d.%d:%-9d 10.0.0.2:3306           TIME_WAIT   -                    timewait (%d.21/0/0)\n",
		i>>16&255, i>>8&255, 1024+i%60000, i%60)
}

func linuxOwnedRow(i int) string {
	return fmt.Sprintf("tcp        0      0 10.0.%d.%d:%-9d 10.0.0.2:3306           ESTABLISHED %d/java            \n",
		i>>16&255, i>>8&255, 1024+i%60000, 1000+i%50)
}

func windowsRow(i int) string {
	return fmt.Sprintf("  TCP    10.0.%d.%d:%-9d    203.0.113.9:443        FIN_WAIT_2      %d\r\n", i>>16&255, i>>8&255, 1024+i%60000, 4000+i%50)
}

func BenchmarkNetstat(b *testing.B) {
	for _, c := range []struct {
		name string
		row  func(int) string
	}{{"linux", linuxRow}, {"linux -p", linuxOwnedRow}, {"windows", windowsRow}} {
		text := many(c.row)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				began := time.Now()
				p, err := paste.Read(context.Background(), bytes.NewReader(text), paste.Options{Size: int64(len(text))})
				if err != nil || len(p.Snapshot.Sockets) != benchRows {
					b.Fatal(len(p.Snapshot.Sockets), err)
				}
				b.ReportMetric(float64(time.Since(began).Nanoseconds())/benchRows, "ns/row")
			}
		})
	}
}

func linux6Row(i int) string {
	return fmt.Sprintf("tcp6       0      0 2001:db8::%x:%d ::ffff:10.0.0.2:3306    CLOSE_WAIT  %d/java\n", i&0xffff, 1024+i%60000, 1000+i%50)
}

// Rows allocate nothing besides the sockets' room.
func TestNetstatAllocates(t *testing.T) {
	for name, row := range map[string]func(int) string{"linux": linuxRow, "linux -p": linuxOwnedRow, "linux, IPv6": linux6Row, "windows": windowsRow} {
		k := form.KindOf(netstat.Kinds, []byte(row(1)))
		if k == nil {
			t.Fatal(name, "is not recognised")
		}
		r, b := k.Open(), form.NewBuilder(time.Time{})
		b.Sockets = make([]tcp.Socket, 0, 3000)
		line := []byte(strings.TrimRight(row(1), "\r\n"))
		r.Read(line, b)
		if n := testing.AllocsPerRun(1000, func() { r.Read(line, b) }); n != 0 {
			t.Errorf("%s: %v allocations a row", name, n)
		}
	}
}
