package viewer_test

import (
	"fmt"
	"strings"
	"testing"

	"sockeye/internal/paste/form"
	"sockeye/internal/paste/lsof"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/viewer"
)

func tabs(text string) string { return strings.ReplaceAll(text, "|", "\t") }

func TestViewers(t *testing.T) {
	for _, c := range []struct {
		name, text, kinds, os string
		udp                   uint64
		want                  []string
	}{
		{"TCPView, as copied from its window", `The server shows
ftpd.exe:1260 TCP 192.168.7.10:21 192.168.7.1:3009 ESTABLISHED
and afterwards
[System Process]:0 TCP 192.168.7.10:21 192.168.7.1:3011 TIME_WAIT
Shop Sync.exe:77	TCP	box:4000	db.example:mysql	SYN_SENT
`, "TCPView", "windows", 0, []string{
			"192.168.7.10:21 192.168.7.1:3009 ESTABLISHED ftpd.exe/1260",
			"192.168.7.10:21 192.168.7.1:3011 TIME_WAIT -",
			"[100::%box]:4000 [100::%db.example]:3306 SYN_SENT Shop Sync.exe/77",
		}},
		{"TCPView 3, saved", tabs(`shop.exe|412|TCP|192.0.2.5|50112|198.51.100.9|443|ESTABLISHED||||
[System Process]|0|TCP|192.0.2.5|50110|198.51.100.9|443|TIME_WAIT
svchost.exe|900|TCPV6|[0:0:0:0:0:0:0:0]|135|[0:0:0:0:0:0:0:0]|0|LISTENING
svchost.exe|900|TCP|box|epmap|box|0|LISTENING
svchost.exe|900|UDP|0.0.0.0|123|*|*||
`), "TCPView", "windows", 1, []string{
			"192.0.2.5:50110 198.51.100.9:443 TIME_WAIT -",
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412",
			"[100::%box]:135 - LISTEN svchost.exe/900",
			"[::]:135 - LISTEN svchost.exe/900",
		}},
		{"TCPView 4, the state before the ends", tabs(`shop.exe|412|TCP|Established|192.0.2.5|50112|198.51.100.9|443|11/2/2025 9:00:01 AM|shop.exe
[Time Wait]|0|TCP|Time Wait|192.0.2.5|50110|198.51.100.9|443||
System|4|TCPv6|Listen|::|445|::|0||System
`), "TCPView", "windows", 0, []string{
			"192.0.2.5:50110 198.51.100.9:443 TIME_WAIT -",
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412",
			"[::]:445 - LISTEN System/4",
		}},
		{"TCPView with its heading, tabs lost", `Process Name PID Protocol State Local Address Local Port Remote Address Remote Port Create Time Module Name
shop.exe 412 TCP Close Wait 192.0.2.5 50112 198.51.100.9 443 shop.exe
`, "CurrPorts", "windows", 0, []string{"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT shop.exe/412"}},
		{"Tcpvcon", `[TCP] C:\Program Files\Shop\shop.exe
	PID:     412
	State:   CLOSE_WAIT
	Local:   192.0.2.5:50112
	Remote:  198.51.100.9:443
[UDP] svchost.exe
	PID:     900
	State:
	Local:   0.0.0.0:123
	Remote:  *:*
[TCP] shop.exe
	PID:     412
	State:   FIN_WAIT2
	Local:   192.0.2.5:50113
	Remote:  198.51.100.9:443
`, "Tcpvcon", "windows", 1, []string{
			"192.0.2.5:50112 198.51.100.9:443 CLOSE_WAIT shop.exe/412",
			"192.0.2.5:50113 198.51.100.9:443 FIN_WAIT_2 shop.exe/412",
		}},
		{"Tcpvcon -c", `TCP,shop.exe,412,ESTABLISHED,192.0.2.5:50112,198.51.100.9:443
TCPV6,svchost.exe,900,LISTENING,[0:0:0:0:0:0:0:0]:135,[0:0:0:0:0:0:0:0]:0
UDP,svchost.exe,900,*,0.0.0.0:123,*:*
`, "TCPView", "windows", 1, []string{
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412",
			"[::]:135 - LISTEN svchost.exe/900",
		}},
		{"CurrPorts with its heading", tabs(`Process Name|Process ID|Protocol|Local Port|Local Port Name|Local Address|Remote Port|Remote Port Name|Remote Address|Remote Host Name|State|Process Path
shop.exe|412|TCP|50112||192.0.2.5|443|https|198.51.100.9|api.example|Established|C:\Shop\shop.exe
svchost.exe|900|TCP|135|epmap|0.0.0.0||||| Listening|
svchost.exe|900|UDP|123|ntp|0.0.0.0||||||
Unknown|0|TCP|50110||192.0.2.5|443|https|198.51.100.9||Time Wait|
`), "CurrPorts", "windows", 1, []string{
			"0.0.0.0:135 - LISTEN svchost.exe/900",
			"192.0.2.5:50110 198.51.100.9:443 TIME_WAIT -",
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412",
		}},
		{"CurrPorts without", tabs(`shop.exe|412|TCP|50112||192.0.2.5|443|https|198.51.100.9|api.example|Established|C:\Shop\shop.exe
svchost.exe|900|TCP|135|epmap|0.0.0.0|||0.0.0.0||Listening|
`), "TCPView", "windows", 0, []string{
			"0.0.0.0:135 - LISTEN svchost.exe/900",
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412",
		}},
		{"CurrPorts' text", `==================================================
Process Name      : shop.exe
Process ID        : 412
Protocol          : TCP
Local Port        : 50112
Local Port Name   :
Local Address     : 192.0.2.5
Remote Port       : 443
Remote Port Name  : https
Remote Address    : 198.51.100.9
Remote Host Name  : api.example
State             : Sent
Process Path      : C:\Shop\shop.exe
==================================================

==================================================
Process Name      : svchost.exe
Process ID        : 900
Protocol          : UDP
Local Port        : 123
Local Address     : 0.0.0.0
State             :
==================================================
`, "CurrPorts (list)", "windows", 1, []string{"192.0.2.5:50112 198.51.100.9:443 SYN_SENT shop.exe/412"}},
		{"any CSV, German", `"Prozess";"PID";"Protokoll";"Lokale Adresse";"Lokaler Port";"Remoteadresse";"Remoteport";"Status"
"shop.exe";"412";"TCP";"192.0.2.5";"50112";"198.51.100.9";"443";"HERGESTELLT"
`, "table", "", 0, []string{"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop.exe/412"}},
		{"any CSV, Chinese, without a pid", `进程名,本地地址,本地端口,远程地址,远程端口,状态
shop.exe,192.0.2.5,50112,198.51.100.9,443,TIME_WAIT
shop.exe,192.0.2.5,50113,198.51.100.9,443,CLOSE_WAIT
`, "table", "", 0, []string{
			"192.0.2.5:50112 198.51.100.9:443 TIME_WAIT shop.exe/-1",
			"192.0.2.5:50113 198.51.100.9:443 CLOSE_WAIT shop.exe/-1",
		}},
		{"any CSV, ends in one column", `local_address,remote_address,status,pid,name
192.0.2.5:50112,198.51.100.9:443,ESTABLISHED,412,x
[::1]:631,*:*,LISTEN,9,cups
`, "table", "", 0, []string{
			"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED /412",
			"[::1]:631 - LISTEN /9",
		}},
		{"Markdown, French", `| Processus | PID | Adresse locale | Port local | Adresse distante | Port distant | État |
|---|---|---|---|---|---|---|
| shop | 412 | 192.0.2.5 | 50112 | 198.51.100.9 | 443 | ESTABLISHED |
`, "table", "", 0, []string{"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED shop/412"}},
		{"FreeBSD's sockstat", `USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS       STATE
www      nginx      812   6   tcp4   *:80                  *:*                   LISTEN
www      nginx      812   11  tcp4   192.0.2.5:80          198.51.100.9:51000    ESTABLISHED
root     ntpd       77    20  udp4   *:123                 *:*
`, "sockstat", "freebsd", 1, []string{
			"0.0.0.0:80 - LISTEN nginx/812",
			"192.0.2.5:80 198.51.100.9:51000 ESTABLISHED nginx/812",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pastetest.Reads(t, c.text, c.kinds, c.want...)
			if p.Snapshot.Machine.OS != c.os {
				t.Errorf("system %q, want %q", p.Snapshot.Machine.OS, c.os)
			}
			if b, _, _ := pastetest.Told(c.text); b.UDP != c.udp {
				t.Errorf("%d UDP sockets, want %d", b.UDP, c.udp)
			}
		})
	}
}

// What others write is not taken.
func TestViewersLeaveOthersAlone(t *testing.T) {
	for _, line := range []string{
		"  Proto  Local Address          Foreign Address        State           PID",
		"Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name",
		"State      Recv-Q Send-Q Local Address:Port               Peer Address:Port",
		"Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
		"  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       900",
		"tcp        0      0 192.0.2.5:22        198.51.100.9:51000    ESTABLISHED 900/sshd",
		"ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.5 dst=198.51.100.9 sport=5 dport=80",
		"2025-11-02 09:00:01 ERROR java.net.SocketException: No buffer space available",
		"\tat java.net.Socket.connect(Native Method)",
		"kernel: TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
		"kernel: IN=eth0 OUT= SRC=192.0.2.5 DST=198.51.100.9 PROTO=TCP SPT=51000 DPT=80",
		"the local address and the remote address of a socket are told by its owner",
		`{"time":"2025-11-02","msg":"cannot connect","state":"failed"}`,
		`  "State": "Running",`,
		"State:          Running",
		"Connection refused : connect",
		"p12 failed",
	} {
		for _, family := range [][]form.Kind{viewer.PowerShellKinds, viewer.Kinds, lsof.Kinds} {
			if k := form.KindOf(family, []byte(line)); k != nil {
				t.Errorf("%q is taken for %s", line, k.Name)
			}
		}
	}
}

func TestTasklistNamesPids(t *testing.T) {
	for name, text := range map[string]string{
		"table": `
Image Name                     PID Session Name        Session#    Mem Usage
========================= ======== ================ =========== ============
System Idle Process              0 Services                   0          8 K
Shop 24 Sync.exe               412 Services                   0     14,800 K
`,
		"svc": `
映像名称                       PID 服务
========================= ======== ============================================
Shop 24 Sync.exe               412 LanmanServer, Schedule,
                                   Winmgmt
`,
		"csv": `"Image Name","PID","Session Name","Session#","Mem Usage"
"System Idle Process","0","Services","0","8 K"
"Shop 24 Sync.exe","412","Services","0","14,800 K"
`,
		"Get-Process": `
Handles  NPM(K)    PM(K)      WS(K)     CPU(s)     Id  SI ProcessName
-------  ------    -----      -----     ------     --  -- -----------
    162       9     2188       7420       0,20    412   0 Shop 24 Sync.exe
`,
	} {
		t.Run(name, func(t *testing.T) {
			p := pastetest.Reads(t, text+"\n  TCP    192.0.2.5:50112    198.51.100.9:443    ESTABLISHED    412\n", map[string]string{"table": "tasklist", "svc": "tasklist", "csv": "processes", "Get-Process": "processes"}[name]+"+netstat (Windows)",
				"192.0.2.5:50112 198.51.100.9:443 ESTABLISHED Shop 24 Sync.exe/412")
			if pr := p.Snapshot.Processes[412]; pr == nil || pr.Name != "Shop 24 Sync.exe" || len(p.Snapshot.Processes) != 1 {
				t.Errorf("processes %v", p.Snapshot.Processes)
			}
		})
	}
}

func TestPathsAreKept(t *testing.T) {
	p := pastetest.Reads(t, "[TCP] C:\\Temp\\EXPLORE.EXE\n\tPID:     3120\n\tState:   ESTABLISHED\n\tLocal:   192.0.2.5:1045\n\tRemote:  198.51.100.9:80\n", "Tcpvcon",
		"192.0.2.5:1045 198.51.100.9:80 ESTABLISHED EXPLORE.EXE/3120")
	if got := p.Snapshot.Processes[3120].Exe; got != `C:\Temp\EXPLORE.EXE` {
		t.Errorf("path %q", got)
	}
}

func FuzzViewers(f *testing.F) {
	for _, seed := range []string{
		"x.exe:1 TCP 192.0.2.1:1 192.0.2.2:2 ESTABLISHED\n", "TCP,x,1,LISTENING,a:1,b:0\n", "[TCP] x\nPID: 1\nLocal: a:1\n",
		"Local Address,Local Port,Remote Address,Remote Port,State\n::,1,::,0,LISTEN\n", "===== ==== ===\na 1 b\n",
		"Process Name Local Address Local Port Remote Address Remote Port\na b 1 c 2\n",
		"Process Name      : x\nLocal Port  : 1\nLocal Address: ::\n", "\"PID\",\"Image Name\"\n\"1\",\"x\"\n", "Id ProcessName\n-- -\n1 x\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { pastetest.Sound(t, text) })
}

func BenchmarkPowerShellTable(b *testing.B) {
	var text strings.Builder
	const rows = 10000
	text.WriteString(powershellTable[strings.Index(powershellTable, "LocalAddress"):strings.Index(powershellTable, "::")])
	for i := range rows {
		fmt.Fprintf(&text, "192.0.2.5                           %-9d 198.51.100.9                        443        TimeWait    Internet       0\n", 1024+i)
	}
	pastetest.Measure(b, text.String(), rows)
}

func BenchmarkTCPView(b *testing.B) {
	var text strings.Builder
	const rows = 10000
	for i := range rows {
		fmt.Fprintf(&text, "shop.exe\t412\tTCP\t192.0.2.5\t%d\t198.51.100.9\t443\tESTABLISHED\n", 1024+i)
	}
	pastetest.Measure(b, text.String(), rows)
}

// Rows of tasklist that were looked for by pid name the owners.
func TestTasklistRows(t *testing.T) {
	pastetest.Reads(t, "  TCP    192.0.2.5:50123        198.51.100.9:443       ESTABLISHED     11300\n\nshop web.exe                 11300 Console                    1     81,040 K\nother.exe                      912 Services                   0      8.192 K\n",
		"netstat (Windows)+tasklist", "192.0.2.5:50123 198.51.100.9:443 ESTABLISHED shop web.exe/11300")
	for _, line := range []string{"run shop.exe 12 times and see 3 K", "C:\\shop.exe 5 K", "shop.exe 12 34"} {
		if viewer.TasklistRowBegins([]byte(line)) {
			t.Errorf("%q", line)
		}
	}
}
