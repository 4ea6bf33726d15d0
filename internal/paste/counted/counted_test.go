package counted_test

import (
	"maps"
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/tcp"
)

func TestCounted(t *testing.T) {
	type counts = map[tcp.State]uint64
	for name, tt := range map[string]struct {
		text string
		want counts
		left int // lines that are part of nothing
	}{
		"remarks":                           {"TIME_WAIT 504 (closed by us)\nCLOSE_WAIT 12 -- rising\nESTABLISHED 3\n", counts{tcp.TimeWait: 504, tcp.CloseWait: 12, tcp.Established: 3}, 0},
		"uniq -c":                           {"  28230 TIME_WAIT\n    390 ESTABLISHED\n     12 LISTEN\n      1 State\n", counts{tcp.TimeWait: 28230, tcp.Established: 390, tcp.Listen: 12}, 0},
		"headings first":                    {"      1 established)\n      1 Foreign\n      2 FIN_WAIT2\n     16 ESTABLISHED\n", counts{tcp.FinWait2: 2, tcp.Established: 16}, 0},
		"unix sockets, too":                 {"$ netstat -an | awk '{print $6}' | sort | uniq -c\n     3 \n   120 CONNECTED\n    44 DGRAM\n     7 ESTABLISHED\n", counts{tcp.Established: 7}, 2},
		"awk":                               {"CLOSE_WAIT 1\nESTABLISHED 23\nFIN_WAIT2 12\nTIME_WAIT 30\n", counts{tcp.CloseWait: 1, tcp.Established: 23, tcp.FinWait2: 12, tcp.TimeWait: 30}, 0},
		"colons":                            {"TIME_WAIT: 814\nCLOSE_WAIT:1\nESTAB : 5\n", counts{tcp.TimeWait: 814, tcp.CloseWait: 1, tcp.Established: 5}, 0},
		"equals signs and commas":           {"TIME_WAIT=814, CLOSE_WAIT=1, ESTABLISHED=23\n", counts{tcp.TimeWait: 814, tcp.CloseWait: 1, tcp.Established: 23}, 0},
		"tabs":                              {"TIME_WAIT\t814\nSYN_RECV\t3\n", counts{tcp.TimeWait: 814, tcp.SynReceived: 3}, 0},
		"ss":                                {"   5 ESTAB\n  99 TIME-WAIT\n   2 FIN-WAIT-1\n", counts{tcp.Established: 5, tcp.TimeWait: 99, tcp.FinWait1: 2}, 0},
		"by protocol":                       {"   5 tcp ESTABLISHED\n  99 tcp6 ESTABLISHED\n   2 tcp LISTEN\n", counts{tcp.Established: 104, tcp.Listen: 2}, 0},
		"by state and address":              {"  28229 TIME_WAIT 10.0.0.2:3306\n   4 ESTABLISHED 10.0.0.2:3306\n", counts{tcp.TimeWait: 28229, tcp.Established: 4}, 0},
		"by owner":                          {"   512 CLOSE_WAIT 812/java\n   4 ESTABLISHED 77/sshd:\n", counts{tcp.CloseWait: 512, tcp.Established: 4}, 0},
		"blank lines between":               {"767 FIN_WAIT_1 \n\n103 FIN_WAIT_2\n\n866 TIME_WAIT\n", counts{tcp.FinWait1: 767, tcp.FinWait2: 103, tcp.TimeWait: 866}, 0},
		"German Windows":                    {"   12 ABH\xd6REN\n  300 HERGESTELLT\n   40 WARTEND\n", counts{tcp.Listen: 12, tcp.Established: 300, tcp.TimeWait: 40}, 0},
		"PowerShell groups":                 {"Count Name\n----- ----\n   23 Established\n   12 TimeWait\n", counts{tcp.Established: 23, tcp.TimeWait: 12}, 0},
		"one line of uniq":                  {"   4049 CLOSE_WAIT\n", counts{tcp.CloseWait: 4049}, 0},
		"one line of awk, asked for":        {"$ netstat -n | awk '/^tcp/ {++S[$NF]} END {for(a in S) print a, S[a]}'\nTIME_WAIT 30\n", counts{tcp.TimeWait: 30}, 1},
		"one number":                        {"$ netstat -ant | grep -c TIME_WAIT\n28230\n", counts{tcp.TimeWait: 28230}, 0},
		"another":                           {"C:\\> netstat -an | find /c \"TIME_WAIT\"\n1234\n", counts{tcp.TimeWait: 1234}, 0},
		"wc":                                {"$ ss -tan state close-wait | wc -l\n77\n", counts{tcp.CloseWait: 77}, 0},
		"twice, of which the larger counts": {"  5 TIME_WAIT\n  6 ESTABLISHED\nand after an hour\n  50 TIME_WAIT\n  6 ESTABLISHED\n", counts{tcp.TimeWait: 50, tcp.Established: 6}, 1},

		"a sentence":           {"TIME_WAIT 60\n", counts{}, 1},
		"a setting in prose":   {"TIME_WAIT: 240\nis the default\n", counts{}, 2},
		"a web server's ports": {"Listen 80\nListen 443\n", counts{}, 2},
		"another's":            {"    listen 80;\n    listen 443;\n", counts{}, 2},
		"a numbered list":      {"1 established connections are fine\n2 time_wait is normal\n", counts{}, 2},
		"a log":                {"200 10.0.0.7\n", counts{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b, p, other := pastetest.Told(tt.text)
			if !maps.Equal(b.Counted, tt.want) {
				t.Errorf("counts %v, not %v; parts %+v", b.Counted, tt.want, p.Parts)
			}
			if len(other) != tt.left {
				t.Errorf("left over: %q", other)
			}
		})
	}
}

func TestCountedByAddress(t *testing.T) {
	b, p, other := pastetest.Told("$ netstat -nt | awk '{print $5}' | sort | uniq -c | sort -rn | head\n   4049 10.0.0.2:3306\n    120 192.0.2.7:443\n      3 2001:db8::7\n      1 servers)\n      1 Address\n")
	if len(b.Counted) > 0 || len(other) != 1 || len(p.Parts) != 1 || b.Peers["10.0.0.2:3306"] != 4049 || b.Peers["2001:db8::7"] != 3 {
		t.Errorf("peers %v, counts %v, left over %q, parts %+v", b.Peers, b.Counted, other, p.Parts)
	}
}

func FuzzCounted(f *testing.F) {
	for _, seed := range []string{"  28230 TIME_WAIT\n  1 servers)\n", "TIME_WAIT:814\nCLOSE_WAIT=1", "5 tcp ESTABLISHED 10.0.0.1:1", "18446744073709551615 TIME_WAIT\n1 TIME_WAIT", "Count Name\n-----\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, p, _ := pastetest.Told(text)
		for _, part := range p.Parts {
			if part.Kind == "counts of states" && part.Rows == 0 {
				t.Errorf("part without rows: %+v", part)
			}
		}
	})
}
