package counted_test

import (
	"slices"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/tcp"
)

// Counts by remote end reach the snapshot, the most frequent first.
func TestCountedEnds(t *testing.T) {
	p, _ := pastetest.Given(t, "$ netstat -ant | awk '{print $5}' | cut -d: -f1 | sort | uniq -c | sort -n\n"+
		"      1 192.0.2.77\n      9 192.0.2.5\n    627 198.51.100.14\n    390 192.0.2.6\n")
	want := []host.CountedEnd{{End: "198.51.100.14", Count: 627}, {End: "192.0.2.6", Count: 390}, {End: "192.0.2.5", Count: 9}, {End: "192.0.2.77", Count: 1}}
	if got := p.Snapshot.CountedEnds; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if p, _ = pastetest.Given(t, "   3 ESTABLISHED\n   4 TIME_WAIT\n"); p.Snapshot.CountedEnds != nil {
		t.Errorf("ends of a count without any: %v", p.Snapshot.CountedEnds)
	}
}

// How states are spelled tells net-tools and ss from the others.
func TestCountedSystem(t *testing.T) {
	for text, want := range map[string]string{
		"FIN_WAIT2 10\nTIME_WAIT 30\n":                                      "linux",
		"  12 SYN_RECV\n  30 ESTABLISHED\n":                                 "linux",
		"  12 ESTAB\n  30 TIME-WAIT\n":                                      "linux",
		"TIME_WAIT 814, FIN_WAIT1 1\n":                                      "linux",
		"  12 FIN_WAIT_2\n  30 ESTABLISHED\n":                               "",
		"TIME_WAIT 30\nESTABLISHED 4\n":                                     "",
		"$ ss -ant | awk '{print $1}' | sort | uniq -c\n  30 ESTABLISHED\n": "linux",
	} {
		p, _ := pastetest.Given(t, text)
		if got := p.Snapshot.Machine.OS; got != want {
			t.Errorf("%q: system %q, not %q", text, got, want)
		}
	}
}

// What an author writes behind the numbers does not hide them.
func TestCountedWithRemarks(t *testing.T) {
	for _, text := range []string{
		"LAST_ACK 5 (waiting to be handled)\nESTABLISHED 1597 (data flows)\nFIN_WAIT1 51\nTIME_WAIT 1057 (done, 60 s to go)\n",
		"LAST_ACK 5  // waiting\nESTABLISHED 1597 # fine\nFIN_WAIT1 51\nTIME_WAIT 1057 <-- why?\n",
		"LAST_ACK 5\uff08\u7b49\u5f85\uff09\nESTABLISHED 1597\uff08\u6b63\u5e38\uff09\nFIN_WAIT1 51\nTIME_WAIT 1057\n",
	} {
		p, other := pastetest.Given(t, text)
		got := p.Snapshot.Counted
		if got[tcp.LastAck] != 5 || got[tcp.Established] != 1597 || got[tcp.FinWait1] != 51 || got[tcp.TimeWait] != 1057 || len(other) > 0 {
			t.Errorf("%q: %v, left %q", text, got, other)
		}
	}
	if p, _ := pastetest.Given(t, "TIME_WAIT 60 (seconds) is what Linux keeps\n"); len(p.Snapshot.Counted) > 0 {
		t.Errorf("a sentence was counted: %v", p.Snapshot.Counted)
	}
}

func TestCountByLsof(t *testing.T) {
	p, _ := pastetest.Given(t, "ops@web-1:~/app$ lsof -p 4711 | grep CLOSE_WAIT | wc -l\n3493\n")
	if p.Snapshot.Counted[tcp.CloseWait] != 3493 {
		t.Errorf("%v", p.Snapshot.Counted)
	}
}

// Values in the cells of a page's table.
func TestValueInACell(t *testing.T) {
	p, _ := pastetest.Given(t, "[root@app-1 ~]# cat /proc/sys/net/ipv4/tcp_max_orphans | |\n65536 |\n")
	if got := p.Snapshot.System.Settings["net.ipv4.tcp_max_orphans"]; got != "65536" {
		t.Errorf("%q", got)
	}
}
