package netstat_test

import (
	"testing"

	"sockeye/internal/paste/pastetest"
)

// What the kernel and logs write below a table is none of AIX' options, and does not
// make a machine one of IBM's.
func TestAIXOptionsAlone(t *testing.T) {
	const dotted = "tcp4       0      0  *.9443             *.*                LISTEN\n"
	const colons = "tcp        0      0 192.0.2.5:40000         192.0.2.9:3306          ESTABLISHED\n"
	for _, tt := range []struct{ text, os, other string }{
		{colons + "TCP: out of memory -- consider tuning tcp_mem\n", "linux", "TCP: out of memory -- consider tuning tcp_mem"},
		{colons + "so_options: (REUSEADDR)\n", "linux", "so_options: (REUSEADDR)"},
		{dotted + "TCP: the port is closed\n", "", "TCP: the port is closed"},
		{dotted + "uid:0\n", "", "uid:0"},
		{dotted + "so_options: (REUSEADDR|ACCEPTCONN) was what I set\n", "", "so_options: (REUSEADDR|ACCEPTCONN) was what I set"},
		{dotted + "q0len:0 qlen:3 qlimit:9\nTCP:\n  mss:1448 flags: (NODELAY|SENT_WS)\n", "aix", ""},
		{dotted + "so_options: (REUSEADDR|ACCEPTCONN)\ntimeo:0 uid:0\nTCP: time wait bucket table overflow\n", "aix", "TCP: time wait bucket table overflow"},
	} {
		p, other := pastetest.Given(t, tt.text)
		left := ""
		if len(other) > 0 {
			left = other[0]
		}
		if p.Snapshot.Machine.OS != tt.os || left != tt.other || len(other) > 1 {
			t.Errorf("%q: system %q, left over %q", tt.text, p.Snapshot.Machine.OS, other)
		}
	}
}
