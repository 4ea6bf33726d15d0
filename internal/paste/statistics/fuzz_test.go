package statistics_test

import (
	"strings"
	"testing"

	"sockeye/internal/paste/pastetest"
)

// Whatever stands there, a part has no more rows than lines, and what is read of it
// are counters by nstat's names.
func FuzzStatistics(f *testing.F) {
	for _, seed := range []string{
		"Tcp:\n    120 active connection openings\n    7 failed connection attempts\nTcpExt:\n    3 SYN cookies sent\n    9 times the listen queue of a socket overflowed\n",
		"TCP Statistics for IPv4\n\n  Active Opens                        = 17\n  Passive Opens                       = 4\n  Failed Connection Attempts          = 2\n",
		"tcp:\n\t81 connection requests\n\t5 connection accepts\n\t2 listen queue overflows\n",
		"TCP     tcpRtoAlgorithm     =     4     tcpRtoMin           =   400\n        tcpActiveOpens      = 12345     tcpPassiveOpens     =   678\n",
		"Tcp:\n    18446744073709551615 active connection openings\n    -1 failed\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, p, _ := pastetest.Told(text)
		for _, part := range p.Parts {
			if part.Rows+part.Bad > part.Last-part.First+1 {
				t.Errorf("more rows than lines: %+v", part)
			}
		}
		for name := range p.Snapshot.Namespaces[0].Counters {
			if name == "" || strings.ContainsAny(name, " \t\n") {
				t.Errorf("a counter is called %q", name)
			}
		}
	})
}
