package paste

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"sockeye/internal/tcp"
)

// What finds no room is counted, and what further lines tell of it goes nowhere.
func TestSocketsMost(t *testing.T) {
	s := NewSession(Options{})
	b := s.pass.builder
	b.room = 3
	text := "Active Connections\n\n  Proto  Local Address          Foreign Address        State           PID\n"
	for i := range 5 {
		text += fmt.Sprintf("  TCP    192.0.2.1:%d       198.51.100.4:443       ESTABLISHED     %d\n [p%d.exe]\n", 50000+i, 100+i, i)
	}
	if err := s.Read(t.Context(), strings.NewReader(text), "", 0, nil); err != nil {
		t.Fatal(err)
	}
	p := s.Done()
	if len(p.Snapshot.Sockets) != 3 || !blindTo(p, "paste-sockets-many", "2") || !p.Parts[0].Cut || p.Parts[0].Rows != 5 {
		t.Errorf("%d sockets, parts %+v, blind spots %+v", len(p.Snapshot.Sockets), p.Parts, p.Snapshot.BlindSpots)
	}
	if blindTo(p, "paste-cut", p.Parts[0].Kind) {
		t.Error("the text does not say that anything was left out")
	}
	for _, sk := range p.Snapshot.Sockets {
		if sk.PID != int32(sk.Local.Port())-50000+100 {
			t.Errorf("socket %v is of %d", sk.Local, sk.PID)
		}
	}
}

// lsof, too, tells of a socket twice; what was not kept has no place to point at.
func TestSocketsMostOfLsof(t *testing.T) {
	s := NewSession(Options{})
	s.pass.builder.room = 1
	text := ""
	for pid := 1; pid < 4; pid++ {
		for inode := range 3 {
			text += fmt.Sprintf("shop %d app %du IPv4 7000%d 0t0 TCP 192.0.2.5:4000%d->192.0.2.9:443 (ESTABLISHED)\n", pid, inode+3, inode, inode)
		}
	}
	if err := s.Read(t.Context(), strings.NewReader(text), "", 0, nil); err != nil {
		t.Fatal(err)
	}
	if p := s.Done(); len(p.Snapshot.Sockets) != 1 || len(p.Snapshot.Sharers) != 1 {
		t.Errorf("sockets %+v, sharers %v", p.Snapshot.Sockets, p.Snapshot.Sharers)
	}
}

// A million names are not kept: those beyond the bound share masks.
func TestNamesMost(t *testing.T) {
	b := newBuilder(Options{})
	const beyond = 4 * namesMost
	for i := range namesMost + beyond {
		name := address([]byte("h" + strconv.Itoa(i) + ".example.net"))
		b.socket(tcp.Socket{Local: netip.AddrPortFrom(name, 1), Remote: netip.AddrPortFrom(name, 2)})
	}
	names, masks := map[string]int{}, map[string]int{}
	for i := range b.sockets {
		zone := b.sockets[i].Remote.Addr().Zone()
		if b.sockets[i].Local.Addr().Zone() != zone {
			t.Fatalf("%v and %v were one name", b.sockets[i].Local, b.sockets[i].Remote)
		}
		if strings.HasPrefix(zone, "***") {
			masks[zone]++
		} else {
			names[zone]++
		}
	}
	most := 0
	for _, n := range masks {
		most = max(most, n)
	}
	if len(names) != namesMost || len(masks) > namesMost || most > 10*beyond/namesMost {
		t.Errorf("%d names, %d masks, %d sockets behind one", len(names), len(masks), most)
	}
	if !blindTo((&pass{builder: b}).done(0), "paste-names-many", "") {
		t.Error("that names were not kept is not said")
	}
}

func TestProcessesMost(t *testing.T) {
	b := newBuilder(Options{})
	for pid := int32(1); pid <= processesMost+1000; pid++ {
		if p := b.process(pid, "p"); p.PID != pid {
			t.Fatalf("process %d is %d", pid, p.PID)
		}
		b.nameless("n" + strconv.Itoa(int(pid)))
	}
	if len(b.processes) != processesMost || len(b.named) > processesMost {
		t.Errorf("%d processes, %d without a pid", len(b.processes), len(b.named))
	}
	if !blindTo((&pass{builder: b}).done(0), "paste-processes-many", "") {
		t.Error("that processes were not kept is not said")
	}
}

// No queue is that long: the row is one that cannot be read, whatever wrote it.
func TestImpossibleQueues(t *testing.T) {
	for name, text := range map[string]string{
		"netstat": "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n" +
			"tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       ESTABLISHED\ntcp 999999999999 0 192.0.2.10:41235 198.51.100.4:3306 ESTABLISHED\n",
		"ss": "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" +
			"ESTAB 0 0 192.0.2.10:41234 198.51.100.4:3306 users:((\"shop\",pid=7,fd=3))\nESTAB 0 4294967295 192.0.2.10:41235 198.51.100.4:3306 users:((\"other\",pid=8,fd=3))\n",
		"ss, the impossible first": "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" +
			"ESTAB 0 4294967295 192.0.2.10:41235 198.51.100.4:3306 users:((\"other\",pid=8,fd=3),\n(\"third\",pid=9,fd=3))\nESTAB 0 0 192.0.2.10:41234 198.51.100.4:3306 users:((\"shop\",pid=7,fd=3))\n",
	} {
		p, _ := given(t, text)
		if len(p.Parts) != 1 || p.Parts[0].Bad == 0 || len(p.Snapshot.Sockets) != 1 || p.Snapshot.Sockets[0].Local.Port() != 41234 || p.Snapshot.Sockets[0].PID == 8 {
			t.Errorf("%s: parts %+v, sockets %+v", name, p.Parts, p.Snapshot.Sockets)
		}
	}
}

// What tooShort refuses unasked, no kind would have taken.
func TestTooShort(t *testing.T) {
	const alphabet = "aprsuACEHILMPSTW019 \t:.=$#%>[{\"-*\x00"
	var line [4]byte
	for i := range len(alphabet) * len(alphabet) * len(alphabet) {
		line[0], line[1], line[2] = alphabet[i%len(alphabet)], alphabet[i/len(alphabet)%len(alphabet)], alphabet[i/len(alphabet)/len(alphabet)]
		line[3] = line[0]
		for n := 1; n <= len(line); n++ {
			if !tooShort(line[:n]) {
				continue
			}
			for k := range allKinds {
				if allKinds[k].begins(line[:n]) {
					t.Fatalf("%q begins %s", line[:n], allKinds[k].name)
				}
			}
		}
	}
	for _, line := range []string{"p1", "p12", "Ip:", "Tcp:"} {
		if kindOf([]byte(line)) == nil {
			t.Errorf("%q begins nothing", line)
		}
	}
}

// A UDP socket and a TCP socket never have one inode; who writes so gets both.
func TestLsofOneInodeTwoProtocols(t *testing.T) {
	const udp, tcp6 = "shop 7 app 3u sock 0,9 0t0 70005 protocol: UDP\n", "shop 8 app 4u IPv4 70005 0t0 TCP *:80 (LISTEN)\n"
	for _, text := range []string{udp + tcp6, tcp6 + udp, udp + tcp6 + udp + tcp6} {
		p, _ := given(t, text)
		if len(p.Snapshot.Sockets) != 1 || p.Snapshot.Sockets[0].PID != 8 || p.Snapshot.Processes[7].UDP < 1 {
			t.Errorf("%q: sockets %+v, processes %+v", text, p.Snapshot.Sockets, p.Snapshot.Processes[7])
		}
	}
}

// Rows of JSON cost no map and no tree of values: one line costs no more than its
// socket and what its process costs once.
func TestJSONAllocations(t *testing.T) {
	b, j := newBuilder(Options{}), &jsonRows{seen: powershellSeen()}
	line := []byte(`{"LocalAddress":"192.0.2.1","LocalPort":50000,"RemoteAddress":"198.51.100.4","RemotePort":443,"State":5,"OwningProcess":7,"CimClass":{"a":[1,{"b":"}"}]}}`)
	j.read(line, b)
	b.sockets = make([]tcp.Socket, 0, 1024)
	if allocs := testing.AllocsPerRun(500, func() {
		if j.read(line, b) != row {
			t.Fatal("no row")
		}
	}); allocs > 1 {
		t.Errorf("%v allocations for a row", allocs)
	}
}

// One line that is longer than any other may be: ConvertTo-Json -Compress.
func TestJSONOnOneLine(t *testing.T) {
	var rows bytes.Buffer
	const n = 3000
	for i := range n {
		if i > 0 {
			rows.WriteString(", ")
		}
		fmt.Fprintf(&rows, `{"CimClass":{"q":[{"n":"}{][\"\\"},{}]},"LocalAddress":"192.0.2.1","LocalPort":%d,"RemoteAddress":"198.51.100.4","RemotePort":443,"State":5,"OwningProcess":7}`, 50000+i%1000)
	}
	for name, text := range map[string]string{
		"an array":           "[" + rows.String() + "]\nNov 22 something else\n",
		"in an object":       `{"Count":3000,"value": [ ` + rows.String() + " ]}\r\nNov 22 something else\n",
		"cut":                "[" + rows.String() + ",{\"Local\nNov 22 something else\n",
		"a prompt before it": "PS C:\\> Get-NetTCPConnection | ConvertTo-Json -Compress\n[" + rows.String() + "]\n\nNov 22 something else",
	} {
		p, other := given(t, text)
		if len(p.Parts) != 1 || p.Parts[0].Rows != n || (p.Parts[0].Bad > 0) != (name == "cut") || p.Parts[0].First != p.Parts[0].Last && name != "a prompt before it" || len(p.Snapshot.Sockets) != n || other[len(other)-1] != "Nov 22 something else" {
			t.Errorf("%s: parts %+v, %d sockets, other lines %q", name, p.Parts, len(p.Snapshot.Sockets), other)
		}
		if want := uint64(strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1); p.Lines != want {
			t.Errorf("%s: %d lines, not %d", name, p.Lines, want)
		}
	}
}
