package paste_test

import (
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/tcp"
)

// Articles show what a command prints as comments behind it.
func TestCommentedOutput(t *testing.T) {
	p, _ := pastetest.Given(t, "ss -tan\n# State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\n"+
		"# LISTEN     0      128    0.0.0.0:80         0.0.0.0:*\n# TIME-WAIT  0      0      192.0.2.10:80    198.51.100.5:12345\n")
	if n := p.States(); n[tcp.Listen] != 1 || n[tcp.TimeWait] != 1 {
		t.Errorf("%v", n)
	}
	p, _ = pastetest.Given(t, "# Output:\n# 244 TIME-WAIT\n# 200 ESTABLISHED\n")
	if n := p.States(); n[tcp.TimeWait] != 244 || n[tcp.Established] != 200 {
		t.Errorf("%v", n)
	}
	// What is commented out of a configuration is not in effect, and a prompt is no comment.
	p, _ = pastetest.Given(t, "# net.ipv4.tcp_tw_recycle = 1\n# sysctl net.ipv4.tcp_tw_reuse\nnet.ipv4.tcp_tw_reuse = 2\n")
	if set := pastetest.NetNS(p).Settings; set["net.ipv4.tcp_tw_recycle"] != "" || set["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%v", set)
	}
}
