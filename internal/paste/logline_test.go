package paste

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
)

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
		if stamped([]byte(line)) != want {
			t.Errorf("stamped(%q), want %v", line, want)
		}
	}
}

// Blocks of a log that are skipped change nothing of what is heard of the rest, nor
// its line numbers, nor how many lines there are.
func TestBoringLinesAreCounted(t *testing.T) {
	var log strings.Builder
	want := map[uint64]string{}
	for i := uint64(1); i <= 20_000; i++ {
		line := fmt.Sprintf("2026-11-22 09:%02d:%02d INFO request %d took %d ms", i/60%60, i%60, i, i%97)
		switch {
		case i%7919 == 0:
			line = fmt.Sprintf("2026-11-22 09:05:00 ERROR %d", i)
			want[i] = line
		case i%3001 == 0:
			line = fmt.Sprintf("\tat shop.Dao.query(Dao.java:%d) ERROR", i)
			want[i] = line
		}
		log.WriteString(line + "\n")
	}
	skipped, heard := 0, map[uint64]string{}
	p, err := Read(t.Context(), strings.NewReader(log.String()), Options{
		Boring: func(block []byte) bool {
			boring := !bytes.Contains(block, []byte("ERROR"))
			if boring {
				skipped += bytes.Count(block, []byte("\n"))
			}
			return boring
		},
		Other: func(n uint64, line []byte) {
			if bytes.Contains(line, []byte("ERROR")) {
				heard[n] = string(line)
			}
		},
	})
	if err != nil || p.Lines != 20_000 || !maps.Equal(heard, want) {
		t.Errorf("%d lines, heard %v, %v", p.Lines, heard, err)
	}
	if skipped < 10_000 {
		t.Errorf("only %d lines were skipped", skipped)
	}
}
