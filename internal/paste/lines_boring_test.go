package paste_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"sockeye/internal/paste"
)

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
	p, err := paste.Read(t.Context(), strings.NewReader(log.String()), paste.Options{
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
