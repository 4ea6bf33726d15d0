package netstat_test

import (
	"testing"

	"sockeye/internal/paste/form"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/tcp"
)

// Rows whose ends were taken out still tell a state; those of connection tracking,
// which look alike, are no sockets.
func TestNetstatBlanked(t *testing.T) {
	p, _ := pastetest.Given(t, "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n"+
		"tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN\n"+
		"tcp        0      0 ...                                             ESTABLISHED\n"+
		"tcp        0      0                         ESTABLISHED 812/java\n"+
		"tcp        0      0 <hidden>                <hidden>                TIME_WAIT\n"+
		"tcp6       1      0 ****  ****  CLOSE_WAIT\ntcp 0 11088 70.x.x.x:2853 LAST_ACK\n")
	n := p.States()
	if n[tcp.Listen] != 1 || n[tcp.Established] != 2 || n[tcp.TimeWait] != 1 || n[tcp.CloseWait] != 1 || n[tcp.LastAck] != 1 {
		t.Errorf("%v", n)
	}
	if !pastetest.BlindTo(p, "paste-names", "") {
		t.Error("that the ends are missing is not told")
	}
	for _, text := range []string{
		"tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000\n",
		"tcp 0 0 is what netstat prints first, then ESTABLISHED\n",
		"udp 0 0 ... ESTABLISHED\n",
	} {
		if p, _ := pastetest.Given(t, text); len(p.Snapshot.Sockets) > 0 {
			t.Errorf("%q: %d sockets", text, len(p.Snapshot.Sockets))
		}
	}
}

// A command that leaves something out is told, with its words.
func TestNetstatFiltered(t *testing.T) {
	const rows = "tcp        1      0 10.0.0.1:8443           10.0.0.2:56834          CLOSE_WAIT  812/java\n"
	for command, filtered := range map[string]bool{
		"netstat -pant | egrep CLOSE_WAIT": true, "netstat -na|grep 1514": true, "netstat -tlnp": true, "netstat --listening -n": true,
		"netstat -tn": true, "netstat -tnp": true, "netstat": true, "sudo netstat -ntp > out.txt": true, "netstat -n -p tcp": true, "netstat -n -f inet": true,
		"netstat -ln": true, "netstat --all --tcp": false, "netstat -lan": false, "netstat -np -a tcp": false, "netstat -an | Sort-Object": false,
		"netstat -an": false, "netstat -tulpan": false, "netstat -ant | sort": false, "netstat -ant | less": false,
	} {
		p, _ := pastetest.Given(t, "# "+command+"\n"+rows)
		if got := pastetest.BlindTo(p, "paste-filtered", command); got != filtered {
			t.Errorf("%s: filtered %v", command, got)
		}
	}
}

// Addresses are shortened where a name fills its column, and not where somebody
// squeezed the heading; a row without its end was cut.
func TestNetstatWidths(t *testing.T) {
	const heading = "Proto Recv-Q Send-Q Local Address         Foreign Address         State\n"
	p, _ := pastetest.Given(t, heading+"tcp        0      0 192.168.212.138:56951 198.51.100.249:12443        ESTABLISHED\n")
	if pastetest.BlindTo(p, "paste-addresses-cut", "netstat") {
		t.Error("a whole address is said to be cut")
	}
	p, _ = pastetest.Given(t, heading+"tcp        0      0 build-host-7.exa:4022 198.51.100.9:443        ESTABLISHED\n")
	if !pastetest.BlindTo(p, "paste-addresses-cut", "netstat") {
		t.Error("a name that fills the column is not said to be cut")
	}
	p, _ = pastetest.Given(t, "tcp        0      0 192.0.2.7:22            198.51.100.9:443        ESTABLISHED\ntcp6       0      0 :::3389\n")
	if !pastetest.BlindTo(p, "paste-cut", "netstat") || len(p.Snapshot.Sockets) != 1 {
		t.Errorf("a cut row: %d sockets, %v", len(p.Snapshot.Sockets), p.Snapshot.BlindSpots)
	}
}

// A row as code in the middle of a page.
func TestRowAsCode(t *testing.T) {
	p, _ := pastetest.Given(t, "`tcp6       0      0 :::3000                 :::*                    LISTEN      23788/node`\n")
	if len(p.Snapshot.Sockets) != 1 || p.Snapshot.Sockets[0].PID != 23788 {
		t.Errorf("%+v", p.Snapshot.Sockets)
	}
}

// Quotation marks behind a port are no part of it, and localhost needs no guess.
func TestEndpointLeftovers(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.9:53`": "10.0.0.9:53", "[::1]:443',": "[::1]:443", "localhost:80": "127.0.0.1:80", "ip6-localhost:80": "[::1]:80",
	} {
		end, _, ok := form.Endpoint([]byte(text), nil)
		if !ok || end.String() != want {
			t.Errorf("%s: %v %v", text, end, ok)
		}
	}
	if end, _, _ := form.Endpoint([]byte("10.0.0.9:53x"), nil); end.Port() != 0 {
		t.Errorf("53x is port %d", end.Port())
	}
}
