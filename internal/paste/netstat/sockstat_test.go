package netstat_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/paste/form"
	"sockeye/internal/paste/netstat"
	"sockeye/internal/paste/pastetest"
)

func TestSockstatOfBSD(t *testing.T) {
	for _, c := range []struct {
		name, text, os string
		want           []string
	}{
		{"FreeBSD without states", `root@fw:~ # sockstat -4
USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
mysql    mysqld     1567  10 tcp4 6 *:3306                *:*
www      nginx      1591  6  tcp4   *:80                  *:*
www      php-fpm    1525  0  stream /tmp/php.sock
joe      ssh        901   4  tcp4   *:*                   *:*
joe      sshd       4149  5  tcp4   192.0.2.3:22          198.51.100.8:53226
root     syslogd    453   7  udp4   *:514                 *:*
...
`, "freebsd", []string{
			"[::]:3306 - LISTEN mysqld/1567",
			"0.0.0.0:80 - LISTEN nginx/1591",
			"192.0.2.3:22 198.51.100.8:53226 UNKNOWN sshd/4149",
		}},
		{"FreeBSD with states, without a heading", `root  sshd  1718  6  tcp6  *:22  *:*  LISTEN
?     ?     ?     ?  tcp4  192.0.2.3:443  198.51.100.8:50212  TIME_WAIT
www   nginx  812  9  tcp4  192.0.2.3:443  198.51.100.8:50213  CLOSE_WAIT
daemon-user python3.1191106 35 tcp4  127.0.0.1:61115  127.0.0.1:4506  ESTABLISHED
`, "freebsd", []string{
			"[::]:22 - LISTEN sshd/1718",
			"192.0.2.3:443 198.51.100.8:50212 TIME_WAIT -",
			"192.0.2.3:443 198.51.100.8:50213 CLOSE_WAIT nginx/812",
			"127.0.0.1:61115 127.0.0.1:4506 ESTABLISHED python3./91106",
		}},
		{"NetBSD", `USER     COMMAND    PID     FD  PROTO  LOCAL ADDRESS           FOREIGN ADDRESS
root     sshd       1024    4   tcp    *.22                    *.*
joe      sshd       2210    4   tcp    192.0.2.7.22            198.51.100.3.50123
`, "netbsd", []string{
			"0.0.0.0:22 - LISTEN sshd/1024",
			"192.0.2.7:22 198.51.100.3:50123 UNKNOWN sshd/2210",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := pastetest.Reads(t, c.text, "sockstat", c.want...); p.Snapshot.Machine.OS != c.os {
				t.Errorf("system %q, want %q", p.Snapshot.Machine.OS, c.os)
			}
		})
	}
}

// TestSockstatSharers: programs that fork before they accept hold one socket together.
func TestSockstatSharers(t *testing.T) {
	p, _ := pastetest.Given(t, "www nginx 811 6 tcp4 *:80 *:* LISTEN\nwww nginx 812 6 tcp4 *:80 *:* LISTEN\nwww nginx 813 6 tcp4 *:80 *:* LISTEN\n")
	if s := p.Snapshot.Sockets; len(s) != 1 || s[0].PID != 811 || s[0].Inode != 0 {
		t.Errorf("sockets %+v", s)
	}
	if got := slices.Sorted(maps.Keys(p.Snapshot.Processes)); !slices.Equal(got, []int32{811, 812, 813}) {
		t.Errorf("processes %v", got)
	}
}

// TestSockstatLeavesOthersAlone: words that only look like its rows.
func TestSockstatLeavesOthersAlone(t *testing.T) {
	for _, line := range []string{
		"root added 2 3 tcp rules to the list",
		"java 812 app 45u IPv4 0x1 0t0 TCP *:8080 (LISTEN)",
		"tcp4 0 0 *.22 *.* LISTEN",
		"USER PID %CPU %MEM COMMAND",
	} {
		if k := form.KindOf(netstat.BSDKinds, []byte(line)); k != nil {
			t.Errorf("%q is taken for %s", line, k.Name)
		}
	}
}

// TestOwnersTellMac: of all netstats with a dot before the port only macOS' has pids.
func TestOwnersTellMac(t *testing.T) {
	row := "tcp4       0      0  192.0.2.5.52137        198.51.100.7.443       ESTABLISHED       9026        316  131072  131600   2903      0 00102 00000000 00000000023c645f 20000081 04000900      2      0 000004\n"
	p, _ := pastetest.Given(t, row)
	if s := p.Snapshot; s.Machine.OS != "darwin" || len(s.Sockets) != 1 || s.Sockets[0].PID != 2903 {
		t.Errorf("system %q, sockets %+v", s.Machine.OS, s.Sockets)
	}
	p, _ = pastetest.Given(t, strings.Fields(row)[0]+" 0 0 192.0.2.5.52137 198.51.100.7.443 ESTABLISHED\n")
	if p.Snapshot.Machine.OS != "" {
		t.Errorf("a row of any BSD is of %q", p.Snapshot.Machine.OS)
	}
}

// TestAIXListeners: netstat -o tells the queues of a listener below its row.
func TestAIXListeners(t *testing.T) {
	p, other := pastetest.Given(t, `PCB/ADDR         Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)
f1000e0002b0d3b8 tcp4       0      0  *.9443             *.*                LISTEN

         so_options: (ACCEPTCONN|REUSEADDR)
         q0len:2 qlen:17 qlimit:20      so_state: (PRIV)
         timeo:0 uid:0
         sndbuf:
                 hiwat:16384 lowat:4096 mbcnt:0 mbmax:65536
f1000e00022343b8 tcp4       0     52  192.0.2.7.22       198.51.100.3.51022 ESTABLISHED
         q0len:0 qlen:0 qlimit:0      so_state: (ISCONNECTED|PRIV)
`)
	if len(other) != 0 || len(p.Parts) != 1 || p.Snapshot.Machine.OS != "aix" {
		t.Fatalf("left over %q, parts %+v, system %q", other, p.Parts, p.Snapshot.Machine.OS)
	}
	s := p.Snapshot.Sockets
	if len(s) != 2 || s[0].RecvQ != 17 || s[0].SendQ != 20 || s[1].SendQ != 52 || s[1].RecvQ != 0 {
		t.Errorf("sockets %+v", s)
	}
}

// TestSunNamesAndSCTP: names of machines and services are no sentence, and SCTP's
// listeners are none of TCP.
func TestSunNamesAndSCTP(t *testing.T) {
	pastetest.Reads(t, `TCP: IPv4
   Local Address     Remote Address    Swind Send-Q  Rwind Recv-Q      State
----------------- -------------------- ----- ------  ----- ------     -------
shop-1.22          db-1.example.net.980 49640      0     49640    0 ESTABLISHED
SCTP:
        Local Address                   Remote Address          Swind  Send-Q  Rwind  Recv-Q StrsI/O State
------------------------------- ------------------------------- ------ ------ ------ ------ ------- -----------
 *.9001            0.0.0.0            0       0 102400      0   128/1   LISTEN
`, "netstat (Solaris)", "[100::%shop-1]:22 [100::%db-1.example.net]:980 ESTABLISHED -")
}

// TestQueuesWithoutHeading: rows of netstat -Lan that prose cut off from their heading.
func TestQueuesWithoutHeading(t *testing.T) {
	p, _ := pastetest.Given(t, "192/0/128        *.80\n")
	if s := p.Snapshot.Sockets; len(s) != 1 || s[0].RecvQ != 192 || s[0].SendQ != 128 {
		t.Errorf("sockets %+v", s)
	}
	if k := form.KindOf(netstat.Kinds, []byte("22/11/2026 10.0.0.1:80")); k != nil {
		t.Error("a date is taken for a queue")
	}
}

func FuzzSockstat(f *testing.F) {
	for _, seed := range []string{
		"USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\nwww nginx 812 6 tcp4 6 *:80 *:*\n",
		"? ? ? ? tcp4 192.0.2.3:443 198.51.100.8:50212 TIME_WAIT\n",
		"u python3.1191106 35 tcp 127.0.0.1.61115 127.0.0.1.4506\n",
		"\tmaxfiles    256            unlimited\n",
		"TCP     tcpRtoAlgorithm     =     4     tcpRtoMin           =   400\n",
		"tcp4 0 0 *.23 *.* LISTEN\n q0len:1 qlen:2 qlimit:3\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { pastetest.Sound(t, text) })
}
