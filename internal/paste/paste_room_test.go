package paste_test

import (
	"fmt"
	"strings"
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
)

// What finds no room is counted, and what further lines tell of it goes nowhere.
func TestSocketsMost(t *testing.T) {
	s := paste.NewSession(paste.Options{})
	s.Builder().Room = 3
	text := "Active Connections\n\n  Proto  Local Address          Foreign Address        State           PID\n"
	for i := range 5 {
		text += fmt.Sprintf("  TCP    192.0.2.1:%d       198.51.100.4:443       ESTABLISHED     %d\n [p%d.exe]\n", 50000+i, 100+i, i)
	}
	if err := s.Read(t.Context(), strings.NewReader(text), "", 0, nil); err != nil {
		t.Fatal(err)
	}
	p := s.Done()
	if len(p.Snapshot.Sockets) != 3 || !pastetest.BlindTo(p, "paste-sockets-many", "2") || !p.Parts[0].Cut || p.Parts[0].Rows != 5 {
		t.Errorf("%d sockets, parts %+v, blind spots %+v", len(p.Snapshot.Sockets), p.Parts, p.Snapshot.BlindSpots)
	}
	if pastetest.BlindTo(p, "paste-cut", p.Parts[0].Kind) {
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
	s := paste.NewSession(paste.Options{})
	s.Builder().Room = 1
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
		p, _ := pastetest.Given(t, text)
		if len(p.Parts) != 1 || p.Parts[0].Bad == 0 || len(p.Snapshot.Sockets) != 1 || p.Snapshot.Sockets[0].Local.Port() != 41234 || p.Snapshot.Sockets[0].PID == 8 {
			t.Errorf("%s: parts %+v, sockets %+v", name, p.Parts, p.Snapshot.Sockets)
		}
	}
}
