package diagnose

import (
	"strings"
	"testing"
	"time"

	"sockeye/internal/paste"
	"sockeye/internal/symptom"
)

// errorsIn counts the error messages of a text as explain does: those of the lines
// that are part of no table.
func errorsIn(t *testing.T, text string) (errors uint64, parts []paste.Part) {
	t.Helper()
	now := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	scan := symptom.NewScanner(symptom.Options{Now: now})
	p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{Now: now, Other: scan.Line})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scan.Result() {
		errors += s.Count
	}
	return errors, p.Parts
}

// errorLines are messages in the shapes in which they follow a table: bare,
// indented as in a stack trace, as an item of a list, with colons, with the
// protocol in front.
var errorLines = []string{
	"java.net.BindException: Address already in use: connect",
	"java.net.SocketException: Too many open files",
	"Caused by: java.net.SocketException: No buffer space available (maximum connections reached?): connect",
	"  java.net.ConnectException: Connection refused",
	"\tjava.net.ConnectException: Connection refused",
	" - socket: Too many open files",
	" * connect: Connection refused",
	"-- accept: Too many open files",
	"accept: Too many open files",
	"  accept4: Too many open files",
	"    Too many open files",
	" Too many open files",
	"error : Connection refused",
	"TCP: out of memory -- consider tuning tcp_mem",
	"TCP: time wait bucket table overflow",
	"  TCP: too many orphaned sockets",
	"nf_conntrack: table full, dropping packet",
	"neighbour: arp_cache: neighbor table overflow!",
	"OSError: [Errno 99] Cannot assign requested address",
	"  OSError: [Errno 24] Too many open files",
	"dial tcp 192.0.2.9:80: connect: cannot assign requested address",
	"  dial tcp 192.0.2.9:80: connect: cannot assign requested address",
	"Error: connect ECONNREFUSED 192.0.2.9:80",
	"error: connect ECONNREFUSED 192.0.2.9:80",
	"curl: (7) Failed to connect to 192.0.2.9 port 80: Connection refused",
	"bind: Address already in use",
	"socket.error: (98, 'Address already in use')",
}

// tables are the beginnings of what programs print, one of each kind.
var tables = map[string]string{
	"netstat": "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n" +
		"tcp        0      0 192.0.2.5:40000         192.0.2.9:3306          ESTABLISHED\n" +
		"tcp        0      0 192.0.2.5:40001         192.0.2.9:3306          ESTABLISHED\n",
	"netstat -p": "(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n" +
		"Active Internet connections (servers and established)\n" +
		"Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n" +
		"tcp        0      0 0.0.0.0:8080            0.0.0.0:*               LISTEN      812/shop\n" +
		"tcp        0      0 192.0.2.5:40000         192.0.2.9:3306          ESTABLISHED -\n",
	"netstat, the complaint alone": "(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n",
	"netstat, UNIX": "Active Internet connections (servers and established)\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n" +
		"tcp        0      0 192.0.2.5:40000         192.0.2.9:3306          ESTABLISHED\nActive UNIX domain sockets (servers and established)\n" +
		"Proto RefCnt Flags       Type       State         I-Node   Path\nunix  2      [ ACC ]     STREAM     LISTENING     20480    /run/shop.sock\n",
	"netstat (macOS)": "Active Internet connections (including servers)\nProto Recv-Q Send-Q  Local Address          Foreign Address        (state)\n" +
		"tcp4       0      0  192.0.2.5.50000        192.0.2.9.443          ESTABLISHED\ntcp4       0      0  *.8080                 *.*                    LISTEN\n",
	"netstat -o (AIX)": "Active Internet connections (including servers)\nPCB/ADDR         Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)\n" +
		"f1000e0000abc3b8 tcp4       0      0  *.8080             *.*                LISTEN\n\n     so_options: (REUSEADDR|ACCEPTCONN)\n     q0len:0 qlen:3 qlimit:1000     so_state: (PRIV)\n     timeo:0 uid:0\n",
	"ss": "State      Recv-Q Send-Q Local Address:Port               Peer Address:Port\n" +
		"ESTAB      0      0      192.0.2.5:40000  192.0.2.9:3306\nESTAB      0      0      192.0.2.5:40002  192.0.2.9:3306\n",
	"ss -s": "Total: 214\nTCP:   12 (estab 3, closed 4, orphaned 0, timewait 4)\n\nTransport Total     IP        IPv6\nRAW\t  0         0         0\nUDP\t  6         4         2\nTCP\t  8         6         2\n",
	"netstat (Windows)": "Active Connections\n\n  Proto  Local Address          Foreign Address        State           PID\n" +
		"  TCP    192.0.2.5:50000        192.0.2.9:1433         ESTABLISHED     1234\n",
	"netstat -b": "Active Connections\n\n  Proto  Local Address          Foreign Address        State\n" +
		"  TCP    192.0.2.5:50000        192.0.2.9:1433         ESTABLISHED\n [shop.exe]\n" +
		"  TCP    192.0.2.5:50001        192.0.2.9:1433         ESTABLISHED\n  RpcEptMapper\n [svchost.exe]\n",
	"lsof": "COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n" +
		"shop    1234 root  10u  IPv4  12345      0t0  TCP 192.0.2.5:40000->192.0.2.9:3306 (ESTABLISHED)\n",
	"counted":        "   2000 TIME_WAIT\n    300 ESTABLISHED\n     10 LISTEN\n",
	"sysctl":         "net.ipv4.ip_local_port_range = 32768\t60999\nnet.ipv4.tcp_tw_reuse = 2\n",
	"/proc sockstat": "sockets: used 300\nTCP: inuse 27 orphan 1 tw 800 alloc 30 mem 1\nUDP: inuse 3 mem 1\n",
	"netstat -s":     "Tcp:\n    1204 active connection openings\n    33 passive connection openings\n    4 failed connection attempts\n",
	"netstat -s, TcpExt": "Ip:\n    Forwarding: 1\n    1 incoming packets delivered\nIcmp:\n    5 ICMP messages received\n    ICMP input histogram:\n" +
		"        destination unreachable: 5\nTcpExt:\n    12 delayed acks sent\n    TCPTimeouts: 6\n",
	"netstat -s (Windows)": "TCP Statistics for IPv4\n\n  Active Opens                        = 1000\n  Passive Opens                       = 200\n  Failed Connection Attempts          = 3\n",
	"netstat -s (BSD)":     "tcp:\n\t120 packets sent\n\t\t100 data packets (9000 bytes)\n\t40 connection requests\n\t3 connection accepts\n",
	"netstat -s (Solaris)": "TCP     tcpRtoAlgorithm     =     4     tcpRtoMin           =   400\n        tcpActiveOpens      =  1204     tcpPassiveOpens     =    12\n",
	"nstat":                "#kernel\nTcpActiveOpens                  100                0.0\nTcpPassiveOpens                 20                0.0\n",
	"limits": "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max cpu time              unlimited            unlimited            seconds   \nMax open files            1024                 4096                 files     \n",
	"ulimit":      "core file size          (blocks, -c) 0\nopen files                      (-n) 1024\nmax user processes              (-u) 4096\n",
	"registry":    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\n    TcpTimedWaitDelay    REG_DWORD    0x1e\n",
	"tcpglobal":   "TCP Global Parameters\n----------------------------------------------\nReceive-Side Scaling State          : enabled\nReceive Window Auto-Tuning Level    : normal\nAdd-On Congestion Control Provider  : default\nECN Capability                      : disabled\n",
	"dynamicport": "Protocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n",
	"excludedportrange": "Protocol tcp Port Exclusion Ranges\n\nStart Port    End Port\n----------    --------\n      5000        5059\n\n" +
		"* - Administered port exclusions.\n",
	"Get-NetTCPSetting":          "SettingName                     : Internet\nDynamicPortRangeStartPort       : 49152\nDynamicPortRangeNumberOfPorts   : 16384\n",
	"Get-NetTCPSetting, a table": "SettingName      DynamicPortRangeStartPort DynamicPortRangeNumberOfPorts\n-----------      ------------------------- -----------------------------\nAutomatic\nInternet                             49152                         16384\n",
	"Get-NetTCPConnection": "LocalAddress  LocalPort RemoteAddress RemotePort State       OwningProcess\n------------  --------- ------------- ---------- -----       -------------\n" +
		"192.0.2.5     50000     192.0.2.9     1433       Established 1234\n",
	"Get-NetTCPConnection, a list":              "LocalAddress  : 192.0.2.5\nLocalPort     : 50000\nRemoteAddress : 192.0.2.9\nRemotePort    : 1433\nState         : Established\nOwningProcess : 1234\n",
	"Get-NetTCPConnection, a list, blanks lost": "LocalAddress : 192.0.2.5\nLocalPort : 50000\nRemoteAddress : 192.0.2.9\nRemotePort : 1433\nState : Established\nOwningProcess : 1234\n",
	"Tcpvcon":                "[TCP] C:\\shop\\shop.exe\n\tPID:     1234\n\tState:   ESTABLISHED\n\tLocal:   192.0.2.5:50000\n\tRemote:  192.0.2.9:1433\n",
	"tcpglobal, blanks lost": "TCP Global Parameters\n----------------------------------------------\nReceive-Side Scaling State : enabled\nReceive Window Auto-Tuning Level : normal\nAdd-On Congestion Control Provider : default\nECN Capability : disabled\n",
	"Group-Object":           "Count Name                      Group\n----- ----                      -----\n 2000 TimeWait                  {MSFT}\n  300 Established               {MSFT}\n",
	"launchctl":              "\tcpu         unlimited      unlimited      \n\tmaxfiles    256            unlimited      \n",
	"/proc/net/tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 050200C0:9C40 090200C0:0CEA 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 20 4 30 10 -1\n",
	"tasklist":    "Image Name                     PID Session Name        Session#    Mem Usage\n========================= ======== ================ =========== ============\nshop.exe                      1234 Services                   0     12,345 K\n",
	"Get-Process": "Handles  NPM(K)    PM(K)      WS(K)     CPU(s)     Id  SI ProcessName\n-------  ------    -----      -----     ------     --  -- -----------\n    512      30    23456      34567       1.25   1234   1 shop\n",
	"conntrack": "tcp      6 431999 ESTABLISHED src=192.0.2.5 dst=192.0.2.9 sport=40000 dport=3306 " +
		"src=192.0.2.9 dst=192.0.2.5 sport=3306 dport=40000 [ASSURED] mark=0 use=1\n",
	"netstat -L":         "Current listen queue sizes (qlen/incqlen/maxqlen)\nListen         Local Address         \n0/0/128        *.80           \n",
	"sockstat (FreeBSD)": "USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS      \nroot     shop       900   6  tcp4   *:80                  *:*\n",
	"TCPView":            "Process Name,Process ID,Protocol,State,Local Address,Local Port,Remote Address,Remote Port\nshop.exe,1234,TCP,Established,192.0.2.5,50000,192.0.2.9,1433\n",
	"ip neigh":           "192.0.2.1 dev eth0 lladdr 02:00:5e:10:00:01 REACHABLE\n192.0.2.7 dev eth0 FAILED\n",
}

// A message below a table is no row of it, whether a blank line stands between or not.
func TestErrorsBelowTables(t *testing.T) {
	for name, table := range tables {
		own, parts := errorsIn(t, table)
		if len(parts) == 0 && name != "netstat, the complaint alone" {
			t.Errorf("%s: nothing was recognised", name)
		}
		for _, line := range errorLines {
			alone, _ := errorsIn(t, line+"\n")
			if alone == 0 {
				t.Fatalf("%q is known to nobody: it proves nothing", line)
			}
			for _, gap := range []string{"", "\n"} {
				if got, _ := errorsIn(t, table+gap+line+"\n"); got != own+alone {
					t.Errorf("%s, then %q%q: %d errors, not %d", name, gap, line, got, own+alone)
				}
			}
		}
	}
}
