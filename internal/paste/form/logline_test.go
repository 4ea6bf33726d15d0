package form

import "testing"

func TestStamped(t *testing.T) {
	for line, want := range map[string]bool{
		"2026-11-22 09:05:00,120 ERROR [http-8080-7] shop.Dao - query failed":             true,
		"2026-11-22T09:05:00Z web-1 app: accept: too many open files":                     true,
		"2026/11/22 09:05:00 [crit] 1234#0: accept4() failed (24: Too many open files)":   true,
		`[22/Nov/2026:09:05:00 +0000] "GET / HTTP/1.1" 200`:                               true,
		"Nov  2 09:05:00 web-1 kernel: nf_conntrack: table full, dropping packet":         true,
		"tcp        0      0 192.0.2.10:49731        198.51.100.4:3306       ESTABLISHED": false,
		"ESTAB      0      0        192.0.2.10:49731        198.51.100.4:3306":            false,
		"  28230 TIME_WAIT":           false,
		"2026-11-22 is a Sunday here": false,
		"1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0": false,
	} {
		if Stamped([]byte(line)) != want {
			t.Errorf("stamped(%q), want %v", line, want)
		}
	}
}
