package paste

import (
	"testing"

	"sockeye/internal/tcp"
)

// What people write behind a value is no part of it.
func TestSettingRemarks(t *testing.T) {
	p, _ := given(t, "$ sysctl net.ipv4.tcp_tw_reuse net.ipv4.ip_local_port_range net.core.somaxconn\n"+
		"net.ipv4.tcp_tw_reuse = 2    <---   loopback only\nnet.ipv4.ip_local_port_range = 40000\t40200 // narrow\nnet.core.somaxconn = 128 (too small?)\n")
	set := p.netns().Settings
	if set["net.ipv4.tcp_tw_reuse"] != "2" || set["net.core.somaxconn"] != "128" || len(set.Ints("net.ipv4.ip_local_port_range")) != 2 {
		t.Errorf("%v", set)
	}
}

// Articles show what a command prints as comments behind it.
func TestCommentedOutput(t *testing.T) {
	p, _ := given(t, "ss -tan\n# State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\n"+
		"# LISTEN     0      128    0.0.0.0:80         0.0.0.0:*\n# TIME-WAIT  0      0      192.0.2.10:80    198.51.100.5:12345\n")
	if n := p.States(); n[tcp.Listen] != 1 || n[tcp.TimeWait] != 1 {
		t.Errorf("%v", n)
	}
	p, _ = given(t, "# Output:\n# 244 TIME-WAIT\n# 200 ESTABLISHED\n")
	if n := p.States(); n[tcp.TimeWait] != 244 || n[tcp.Established] != 200 {
		t.Errorf("%v", n)
	}
	// What is commented out of a configuration is not in effect, and a prompt is no comment.
	p, _ = given(t, "# net.ipv4.tcp_tw_recycle = 1\n# sysctl net.ipv4.tcp_tw_reuse\nnet.ipv4.tcp_tw_reuse = 2\n")
	if set := p.netns().Settings; set["net.ipv4.tcp_tw_recycle"] != "" || set["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%v", set)
	}
}
