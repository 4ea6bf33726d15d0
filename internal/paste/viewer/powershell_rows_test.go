package viewer_test

import (
	"maps"
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/viewer"
	"sockeye/internal/tcp"
)

func TestPowerShellRows(t *testing.T) {
	p := pastetest.Reads(t, `so it looks like this

127.0.0.1    45654     0.0.0.0       0          Listen                     3474
127.0.0.1    27060     127.0.0.1     63764      Established Internet       2676
::           445       ::            0          Listen                     4
192.0.2.5    50112     198.51.100.9  443        TimeWait                   0
0.0.0.0      50112     0.0.0.0       0          Bound                      412

and then?
`, "Get-NetTCPConnection", "127.0.0.1:45654 - LISTEN /3474", "127.0.0.1:27060 127.0.0.1:63764 ESTABLISHED /2676", "[::]:445 - LISTEN /4",
		"192.0.2.5:50112 198.51.100.9:443 TIME_WAIT -")
	if p.Snapshot.Machine.OS != "windows" || pastetest.BlindTo(p, "paste-queues-unseen", "Get-NetTCPConnection") {
		t.Errorf("system %q, %+v", p.Snapshot.Machine.OS, p.Snapshot.BlindSpots)
	}
	for _, line := range []string{"192.0.2.5 50112 198.51.100.9 443 ESTABLISHED 412", "1.2.3.4 5 6.7.8.9 10 Listening 4", "10 20 30 40 Bound 5"} {
		if viewer.PowershellRowBegins([]byte(line)) {
			t.Errorf("%q", line)
		}
	}
}

func TestPowerShellGroups(t *testing.T) {
	type counts = map[tcp.State]uint64
	for name, tt := range map[string]struct {
		text string
		want counts
	}{
		"by state": {"Count Name                      Group\n----- ----                      -----\n12034 TimeWait                  {MSFT_NetTCPConnection (InstanceID = \"192.0.2.5??50123\"), ...}\n  512 Established               {MSFT_NetTCPConnection (Inst...\n",
			counts{tcp.TimeWait: 12034, tcp.Established: 512}},
		"by state and owner": {"\nCount Name               ProcessName        Group\n----- ----               -----------        -----\n 2260 Bound, 1068        shop               {MSFT_NetTCPConnection (InstanceID = \"0.0.0.0??58430??0.0.0.0??0\"), MSF...\n 1186 Bound, 1512                           {MSFT_NetTCPConnection...\n   40 Established, 812   web                {MSFT_NetTCPConnection...\n",
			counts{tcp.Bound: 3446, tcp.Established: 40}},
		"without members":   {"Count Name\n----- ----\n   12 CloseWait\n    3 Listen\n", counts{tcp.CloseWait: 12, tcp.Listen: 3}},
		"by address":        {"Count Name\n----- ----\n  812 198.51.100.9\n   44 198.51.100.12\n    3 192.0.2.1\n", counts{}},
		"by owner":          {"Count Name                      Group\n----- ----                      -----\n   62 4                         {MSFT_NetTCPConnection...\n", counts{}},
		"of something else": {"Count Name\n----- ----\n   12 Running\n    3 Stopped\n", counts{}},
	} {
		b, p, _ := pastetest.Told(tt.text)
		if !maps.Equal(b.Counted, tt.want) {
			t.Errorf("%s: %v, want %v; parts %+v", name, b.Counted, tt.want, p.Parts)
		}
	}
	b, _, _ := pastetest.Told("Count Name\n----- ----\n  812 198.51.100.9\n   44 198.51.100.12\n    3 192.0.2.1\n")
	if b.Peers["198.51.100.9"] != 812 {
		t.Errorf("remote ends %v", b.Peers)
	}
	b, _, _ = pastetest.Told("Count Name               ProcessName        Group\n----- ----               -----------        -----\n 2260 Bound, 1068        shop               {MSFT_NetTCPConnection...\n")
	if p := b.Processes[1068]; p == nil || p.Name != "shop" {
		t.Errorf("the owner's name is lost: %+v", p)
	}
}

// Newer versions of Tcpvcon tell no ports: their rows are counted.
func TestTcpvconWithoutPorts(t *testing.T) {
	for name, text := range map[string]string{
		"blocks": "[TCP] shop.exe\n\tPID:     812\n\tState:   CLOSE_WAIT\n\tLocal:   192.0.2.5\n\tRemote:  198.51.100.9\n[TCP] shop.exe\n\tPID:     812\n\tState:   CLOSE_WAIT\n\tLocal:   192.0.2.5\n\tRemote:  198.51.100.9\n[TCP] svc.exe\n\tPID:     4\n\tState:   LISTENING\n\tLocal:   0.0.0.0\n\tRemote:  0.0.0.0\n",
		"-c":     "TCP,shop.exe,812,CLOSE_WAIT,192.0.2.5,198.51.100.9\nTCP,shop.exe,812,CLOSE_WAIT,192.0.2.5,198.51.100.9\nTCP,svc.exe,4,LISTENING,0.0.0.0,0.0.0.0\n",
	} {
		b, p, _ := pastetest.Told(text)
		if len(p.Snapshot.Sockets) != 0 || !maps.Equal(b.Counted, map[tcp.State]uint64{tcp.CloseWait: 2, tcp.Listen: 1}) || len(p.Parts) != 1 || p.Parts[0].Rows < 2 || p.Parts[0].Bad != 0 {
			t.Errorf("%s: %v, %v, parts %+v", name, p.Snapshot.Sockets, b.Counted, p.Parts)
		}
		if b.Processes[812] == nil || len(p.Snapshot.BlindSpots) != 1 || p.Snapshot.BlindSpots[0].Code != "paste-ports-missing" {
			t.Errorf("%s: %v, %+v", name, b.Processes, p.Snapshot.BlindSpots)
		}
	}
}
