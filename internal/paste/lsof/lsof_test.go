package lsof_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/lsof"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/viewer"
)

func TestLsof(t *testing.T) {
	for _, c := range []struct {
		name, text, kinds, os string
		want                  []string
	}{
		{"-nP -iTCP", `COMMAND    PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
nginx      812  www    6u  IPv4  70001      0t0  TCP *:80 (LISTEN)
nginx      813  www    6u  IPv4  70001      0t0  TCP *:80 (LISTEN)
shop\x20se 412  app   55u  IPv6  70002      0t0  TCP [2001:db8::5]:50112->[2001:db8::9]:443 (ESTABLISHED)
shop\x20se 412  app   56u  IPv6  70003      0t0  TCP 192.0.2.5:50113->198.51.100.9:443 (CLOSE_WAIT)
`, "lsof", "linux", []string{
			"0.0.0.0:80 - LISTEN nginx/812",
			"192.0.2.5:50113 198.51.100.9:443 CLOSE_WAIT shop se/412",
			"[2001:db8::5]:50112 [2001:db8::9]:443 ESTABLISHED shop se/412",
		}},
		{"names, and what lsof says in between", `lsof: WARNING: can't stat() fuse file system /run/user/1000/doc
      Output information may be incomplete.
COMMAND    PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
lsof: no pwd entry for UID 1001
java       412 1001   55u  IPv6  70002      0t0  TCP box.example:50112->db.example:mysql (SYN_SENT)
rpcbind     77 root    4u  IPv4  70009      0t0  TCP *:111[portmapper] (LISTEN)
`, "lsof", "linux", []string{
			"0.0.0.0:111 - LISTEN rpcbind/77",
			"[100::%box.example]:50112 [100::%db.example]:3306 SYN_SENT java/412",
		}},
		{"rows alone, a thread for each", `java      412  420 GC\x20Thre  app   55u     IPv6      70002      0t0        TCP 192.0.2.5:50112->198.51.100.9:443 (CLOSE_WAIT)
java      412  421 GC Thread#2  app   55u     IPv6      70002      0t0        TCP 192.0.2.5:50112->198.51.100.9:443 (CLOSE_WAIT)
`, "lsof", "linux", []string{"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT java/412"}},
		{"macOS", `COMMAND     PID  USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME
launchd       1  root   12u  IPv6 0x8b2f3d5c7e9a1b01      0t0  TCP *:22 (LISTEN)
Web 2 Hel   512   ann   23u  IPv4 0x8b2f3d5c7e9a1b03      0t0  TCP 192.0.2.5:50112->198.51.100.9:443 (ESTABLISHED)
Web 2 Hel   512   ann   24u  IPv4 0x8b2f3d5c7e9a1b05      0t0  TCP *:* (CLOSED)
Web 2 Hel   512   ann   25u  IPv4 0x8b2f3d5c7e9a1b07      0t0  TCP no PCB, CANTSENDMORE, CANTRCVMORE
Web 2 Hel   512   ann   26u  IPv4 0x8b2f3d5c7e9a1b09      0t0  UDP *:5353
Web 2 Hel   512   ann   27u  IPv4 0x8b2f3d5c7e9a1b03      0t0  TCP 192.0.2.5:50112->198.51.100.9:443 (ESTABLISHED)
`, "lsof", "", []string{
			"0.0.0.0:22 - LISTEN launchd/1",
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED Web 2 Hel/512",
			"0.0.0.0:0 - CLOSED Web 2 Hel/512", "invalid AddrPort - CLOSED Web 2 Hel/512",
		}},
		{"-F", `p812
cnginx
u33
f6
tIPv4
d70001
PTCP
n*:80
TST=LISTEN
TQR=0
TQS=0
p412
cshop\x20server
f55
tIPv6
d70002
PTCP
n[2001:db8::5]:50112->[2001:db8::9]:443
TST=ESTABLISHED
TQR=7
TQS=9
f56
tsock
i70003
nprotocol: TCP
`, "lsof -F", "linux", []string{
			"0.0.0.0:80 - LISTEN nginx/812",
			"[2001:db8::5]:50112 [2001:db8::9]:443 ESTABLISHED shop server/412",
			"invalid AddrPort - CLOSED shop server/412",
		}},
		{"-F0 with few fields", "p812\x00cnginx\x00\nf6\x00n*:80\x00TST=LISTEN\x00\nf7\x00n/var/log/x:1\x00\n", "lsof -F", "", []string{"0.0.0.0:80 - LISTEN nginx/812"}},
		{"-Fn of what the command asked for", "$ lsof -nP -iTCP -sTCP:CLOSE_WAIT -Fn\np412\nf6\nn192.0.2.5:50112->198.51.100.9:443\n", "lsof -F", "", []string{"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT /412"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := pastetest.Reads(t, c.text, c.kinds, c.want...); p.Snapshot.Machine.OS != c.os {
				t.Errorf("system %q, want %q", p.Snapshot.Machine.OS, c.os)
			}
		})
	}
}

const wholeLsof = `COMMAND   PID USER   FD      TYPE DEVICE SIZE/OFF   NODE NAME
shop      412  app  cwd       DIR    8,1     4096      2 /
shop      412  app  txt       REG    8,1    17584  18500 /usr/bin/shop
shop      412  app  mem       REG    8,1   191472  18501 /usr/lib/libc.so.6
shop      412  app    0r      CHR    1,3      0t0      3 /dev/null
shop      412  app    1w     FIFO   0,14      0t0  60001 pipe
shop      412  app    2w     FIFO   0,14      0t0  60001 pipe
shop      412  app    3u  a_inode   0,15        0   1057 [eventpoll]
shop      412  app    4uW     REG    8,1        0  18511 /run/shop.pid
shop      412  app    5u     sock    0,9      0t0  70003 protocol: TCP
shop      412  app    6u     sock    0,9      0t0  70004 protocol: TCPv6
shop      412  app    7u     sock    0,9      0t0  70005 protocol: UDP
shop      412  app    8u     IPv4  70006      0t0    TCP 192.0.2.5:50112->198.51.100.9:443 (ESTABLISHED)
shop      412  app    9u     IPv4  70007      0t0    UDP 192.0.2.5:50113->198.51.100.9:53
shop      412  app   10u     sock    0,9      0t0  70009 protocol: NETLINK
other     500 root  NOFD                                 /proc/500/fd (opendir: Permission denied)
other     501 root  cwd   unknown                        /proc/501/cwd (readlink: Permission denied)
other     501 root  NOFD                                 /proc/501/fd (opendir: Permission denied)
`

func TestLsofCountsDescriptors(t *testing.T) {
	p := pastetest.Reads(t, wholeLsof, "lsof", "192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop/412", "invalid AddrPort - CLOSED shop/412", "invalid AddrPort - CLOSED shop/412")
	shop := p.Snapshot.Processes[412]
	if shop.FDs == nil || *shop.FDs != 11 || shop.Sockets != 3 || shop.UDP != 2 || shop.User != "app" {
		t.Errorf("%+v, descriptors %v", shop, shop.FDs)
	}
	if other := p.Snapshot.Processes[501]; other.FDs != nil {
		t.Errorf("what could not be looked into was counted: %d", *other.FDs)
	}
	unseen := uint64(0)
	for _, b := range p.Snapshot.BlindSpots {
		if b.Code == "owners-no-permission" {
			unseen = uint64(b.Count)
		}
	}
	if unseen != 2 {
		t.Errorf("%d processes not looked into, want 2", unseen)
	}
}

// An old lsof cannot tell the protocol of an unconnected socket: it is counted
// and not listed.
func TestLsofUnidentified(t *testing.T) {
	var text strings.Builder
	for fd := range 60 {
		fmt.Fprintf(&text, "java      412  app %4du  sock    0,7      0t0 %d can't identify protocol\n", fd, 70000+fd)
		fmt.Fprintf(&text, "java      412  413  app %4du  sock    0,7      0t0 %d can't identify protocol\n", fd, 70000+fd)
	}
	p := pastetest.Reads(t, text.String(), "lsof")
	if got := p.Snapshot.Processes[412]; got.Sockets != 60 || got.FDs != nil {
		t.Errorf("%d sockets, descriptors %v", got.Sockets, got.FDs)
	}
}

func TestLsofSharedSockets(t *testing.T) {
	p, _ := pastetest.Drawn(t, `nginx 812 www 6u IPv4 0xffff8801 0t0 TCP *:80 (LISTEN)
nginx 813 www 6u IPv4 0xffff8801 0t0 TCP *:80 (LISTEN)
nginx 814 www 6u IPv4 0xffff8801 0t0 TCP *:80 (LISTEN)
`)
	if got := p.Snapshot.Owners(&p.Snapshot.Sockets[0]); !slices.Equal(got, []int32{812, 813, 814}) || len(p.Snapshot.Sockets) != 1 {
		t.Errorf("owners %v of %d sockets", got, len(p.Snapshot.Sockets))
	}
}

func TestLsofQueues(t *testing.T) {
	p, _ := pastetest.Drawn(t, `x 812 www 6u IPv4 71 0t0 TCP *:80 (LISTEN QR=5 QS=0)
x 812 www 7u IPv4 72 0t0 TCP 192.0.2.5:80->192.0.2.6:5000 (CLOSE_WAIT QR=3 QS=9)
`)
	if s := p.Snapshot.Sockets; len(s) != 2 || s[0].RecvQ != 5 || s[0].SendQ != 0 || s[1].RecvQ != 3 || s[1].SendQ != 9 {
		t.Errorf("%+v", s)
	}
}

func FuzzLsof(f *testing.F) {
	for _, seed := range []string{
		wholeLsof, "p1\ncx\nf3\ntIPv4\nPTCP\nn*:80\nTST=LISTEN\n", "p1\x00cx\x00\nf1\x00n\x00\n", "p1\nf1\nn\n",
		"x 1 u 3u IPv4 1 0t0 TCP a:1->b:2 (X\nx 1 u 3u IPv4 0xZ 0t0 TCP (\n", "x 1 u 3u sock 0,9 0t0 protocol: TCP\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { pastetest.Sound(t, text) })
}

// A whole lsof names the file that each process runs, and that it is gone.
func TestLsofProgram(t *testing.T) {
	const heading = "COMMAND     PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n"
	row := func(command, fd, kind, name string) string {
		return fmt.Sprintf("%-9s   812  app  %4s %6s  254,0  1048576 4711 %s\n", command, fd, kind, name)
	}
	for name, tt := range map[string]struct {
		text, exe, process string
		deleted            bool
	}{
		"there":              {heading + row("java", "cwd", "DIR", "/srv/shop") + row("java", "txt", "REG", "/opt/jdk/bin/java") + row("java", "mem", "REG", "/opt/jdk/lib/libjvm.so"), "/opt/jdk/bin/java", "java", false},
		"gone":               {heading + row("kdevtmpf", "txt", "REG", "/var/tmp/kdevtmpf (deleted)"), "/var/tmp/kdevtmpf", "kdevtmpf", true},
		"name cut short":     {heading + row("notificat", "txt", "REG", "/opt/bin/notification-service"), "/opt/bin/notification-service", "notification-se", false},
		"others stay":        {heading + row("shop", "txt", "REG", "/opt/shop") + row("shop", "txt", "REG", "/usr/lib/dyld"), "/opt/shop", "shop", false},
		"not to be seen":     {heading + row("shop", "txt", "unknown", "/proc/812/exe (readlink: Permission denied)"), "", "shop", false},
		"fields":             {"p812\ncshop\nftxt\ntREG\nn/opt/shop (deleted)\nf3\ntIPv4\nPTCP\nn192.0.2.5:9000\nTST=LISTEN\n", "/opt/shop", "shop", true},
		"fields, not to see": {"p812\ncshop\nftxt\ntunknown\nn/proc/812/exe (readlink: Permission denied)\nf3\ntIPv4\nPTCP\nn192.0.2.5:9000\nTST=LISTEN\n", "", "shop", false},
	} {
		p, _ := pastetest.Given(t, tt.text)
		proc := p.Snapshot.Processes[812]
		if proc == nil || proc.Exe != tt.exe || proc.ExeDeleted != tt.deleted || proc.Name != tt.process {
			t.Errorf("%s: %+v\n%s", name, proc, tt.text)
		}
	}
	p, _ := pastetest.Given(t, heading+row("java", "txt", "REG", "/opt/jdk/bin/java"))
	if got := p.Snapshot.Processes[812].Runtime; got != host.JVM {
		t.Errorf("runtime %q of java", got)
	}
}

func BenchmarkLsof(b *testing.B) {
	var text strings.Builder
	const rows = 10000
	for i := range rows {
		fmt.Fprintf(&text, "java      %5d      app %4du  IPv6           %8d      0t0        TCP 192.0.2.5:%d->198.51.100.9:443 (ESTABLISHED)\n", 412+i/1000, i%1000, 700000+i, 1024+i)
	}
	pastetest.Measure(b, text.String(), rows)
}

// What every line of a log costs that is none of these texts.
func BenchmarkRefusal(b *testing.B) {
	lines := [][]byte{
		[]byte("2025-11-02 09:00:01,123 ERROR [http-nio-8080-exec-7] com.example.shop.Dao - cannot connect to db.example:3306"),
		[]byte("\tat java.base/java.net.Socket.connect(Socket.java:633)"),
		[]byte("Nov  2 09:00:01 web kernel: TCP: too many orphaned sockets"),
	}
	for b.Loop() {
		for _, line := range lines {
			for _, family := range [][]form.Kind{viewer.PowerShellKinds, viewer.Kinds, lsof.Kinds} {
				for i := range family {
					if family[i].Begins(line) {
						b.Fatal(string(line))
					}
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/line")
}

// A UDP socket and a TCP socket never have one inode; who writes so gets both.
func TestLsofOneInodeTwoProtocols(t *testing.T) {
	const udp, tcp6 = "shop 7 app 3u sock 0,9 0t0 70005 protocol: UDP\n", "shop 8 app 4u IPv4 70005 0t0 TCP *:80 (LISTEN)\n"
	for _, text := range []string{udp + tcp6, tcp6 + udp, udp + tcp6 + udp + tcp6} {
		p, _ := pastetest.Given(t, text)
		if len(p.Snapshot.Sockets) != 1 || p.Snapshot.Sockets[0].PID != 8 || p.Snapshot.Processes[7].UDP < 1 {
			t.Errorf("%q: sockets %+v, processes %+v", text, p.Snapshot.Sockets, p.Snapshot.Processes[7])
		}
	}
}
