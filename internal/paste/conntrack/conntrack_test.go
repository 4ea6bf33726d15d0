package conntrack_test

import (
	"strings"
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
)

func TestConntrackList(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		count  uint64
		states map[string]uint64
	}{
		"conntrack -L": {`tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 [ASSURED] mark=0 use=1
tcp      6 117 TIME_WAIT src=10.0.0.1 dst=10.0.0.2 sport=40001 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40001 [ASSURED] mark=0 use=1
tcp      6 60 SYN_SENT src=10.0.0.1 dst=192.0.2.9 sport=40002 dport=80 [UNREPLIED] src=192.0.2.9 dst=10.0.0.1 sport=80 dport=40002 mark=0 use=1
udp      17 29 src=10.0.0.1 dst=10.0.0.53 sport=5000 dport=53 src=10.0.0.53 dst=10.0.0.1 sport=53 dport=5000 mark=0 use=1
icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.
`, 5, map[string]uint64{"ESTABLISHED": 1, "TIME_WAIT": 1, "SYN_SENT": 1}},
		"/proc/net/nf_conntrack": {`ipv4     2 tcp      6 86399 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 [ASSURED] mark=0 zone=0 use=2
ipv6     10 udp      17 20 src=2001:db8::1 dst=2001:db8::2 sport=5353 dport=5353 [UNREPLIED] src=2001:db8::2 dst=2001:db8::1 sport=5353 dport=5353 mark=0 zone=0 use=2
`, 2, map[string]uint64{"ESTABLISHED": 1}},
		"the kernel's count is believed": {"$ conntrack -C\n262144\n$ conntrack -L\nudp 17 29 src=10.0.0.1 dst=10.0.0.53 sport=5000 dport=53 src=10.0.0.53 dst=10.0.0.1 sport=53 dport=5000\n", 262144, nil},
		"sysctl":                         {"net.netfilter.nf_conntrack_count = 7\nnet.netfilter.nf_conntrack_max = 8\n", 7, nil},
		"cat":                            {"# cat /proc/sys/net/netfilter/nf_conntrack_count\n65536\n", 65536, nil},
	} {
		b, got, _ := pastetest.Told(tt.text)
		pastetest.WantOpt(t, name, pastetest.NetNS(got).ConntrackCount, tt.count)
		if len(b.Tracked) != len(tt.states) || len(got.Snapshot.Sockets) > 0 {
			t.Errorf("%s: by state %v, %d sockets", name, b.Tracked, len(got.Snapshot.Sockets))
		}
		for state, n := range tt.states {
			if b.Tracked[state] != n {
				t.Errorf("%s: %d in %s, not %d", name, b.Tracked[state], state, n)
			}
		}
	}
}

func TestConntrackStatistics(t *testing.T) {
	p, _ := pastetest.Given(t, "$ conntrack -S\n"+
		"cpu=0   \tfound=4 invalid=91 insert=0 insert_failed=3 drop=2 early_drop=1 error=0 search_restart=17 clash_resolve=0 chaintoolong=0\n"+
		"cpu=1   \tfound=1 invalid=7 insert=0 insert_failed=4 drop=5 early_drop=0 error=0 search_restart=1 clash_resolve=0 chaintoolong=0\n"+
		"$ sleep 10; conntrack -S\n"+
		"cpu=0   \tfound=4 invalid=91 insert=0 insert_failed=4 drop=2 early_drop=1 error=0 search_restart=17\n"+
		"cpu=1   \tfound=1 invalid=7 insert=0 insert_failed=5 drop=5 early_drop=0 error=0 search_restart=1\n")
	pastetest.WantOpt(t, "insert_failed of the last look", p.Snapshot.System.Conntrack.InsertFailed, 9)
	pastetest.WantOpt(t, "drop", p.Snapshot.System.Conntrack.Drop, 7)
	pastetest.WantOpt(t, "early_drop", p.Snapshot.System.Conntrack.EarlyDrop, 1)
}

func FuzzConntrack(f *testing.F) {
	f.Add("tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4 dport=80 src=1 dst=2")
	f.Add("ipv4 2 tcp 6 ESTABLISHED src=a dst=b [OFFLOAD]")
	f.Add("cpu=0 insert_failed=1 drop=99999999999999999999")
	f.Add("entries found new insert_failed \nff 1 2 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := paste.Read(t.Context(), strings.NewReader(text), paste.Options{})
		pastetest.TextOnly(t, err)
		text = strings.ReplaceAll(text, "\x1b", "") // as the reader does
		if n := pastetest.NetNS(p).ConntrackCount; n.Known && !strings.Contains(text, "entries") && !strings.Contains(text, "conntrack") && n.Value > p.Lines {
			t.Errorf("%d entries in %d lines", n.Value, p.Lines)
		}
	})
}
