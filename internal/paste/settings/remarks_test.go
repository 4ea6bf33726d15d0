package settings_test

import (
	"testing"

	"sockeye/internal/paste/pastetest"
)

// What people write behind a value is no part of it.
func TestSettingRemarks(t *testing.T) {
	p, _ := pastetest.Given(t, "$ sysctl net.ipv4.tcp_tw_reuse net.ipv4.ip_local_port_range net.core.somaxconn\n"+
		"net.ipv4.tcp_tw_reuse = 2    <---   loopback only\nnet.ipv4.ip_local_port_range = 40000\t40200 // narrow\nnet.core.somaxconn = 128 (too small?)\n")
	set := pastetest.NetNS(p).Settings
	if set["net.ipv4.tcp_tw_reuse"] != "2" || set["net.core.somaxconn"] != "128" || len(set.Ints("net.ipv4.ip_local_port_range")) != 2 {
		t.Errorf("%v", set)
	}
}
