package statistics

import (
	"testing"

	"sockeye/internal/paste/sample"
)

// The names that sentences stand for are the kernel's, but for those it has given up.
func TestSentencesNameCounters(t *testing.T) {
	gone := map[string]bool{"TcpExtTCPDirectCopyFromBacklog": true, "TcpExtTCPDirectCopyFromPrequeue": true, "TcpExtTCPFACKReorder": true,
		"TcpExtTCPForwardRetrans": true, "TcpExtTCPHPHitsToUser": true, "TcpExtTCPPrequeued": true, "TcpExtTCPPrequeueDropped": true,
		"TcpExtTCPSchedulerFailed": true, "TcpExtTCPAbortOnSyn": true, "TcpExtTCPRenoFailures": true, "TcpExtTCPLoss": true, "TcpExtPAWSPassive": true, "TcpExtSockMallocOOM": true}
	kernel := sample.KernelCounters(t)
	for _, of := range sentencesOf {
		for key, name := range of {
			if !kernel[name] && !gone[name] {
				t.Errorf("%q stands for %s, which the kernel does not have", key, name)
			}
		}
	}
}

// The table has no wording twice that would mean two things.
func TestSentences(t *testing.T) {
	n := 0
	for section, of := range sentencesOf {
		for key, name := range of {
			n++
			text, _, ok := unnumbered([]byte(key[:indexHash(key)] + "7" + key[indexHash(key)+1:]))
			if !ok || text != key {
				t.Errorf("%s: %q cannot be found again: %q", section, key, text)
			}
			if name == "" {
				t.Errorf("%q means nothing", key)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d sentences", n)
	}
}

func indexHash(s string) int {
	for i := range s {
		if s[i] == '#' {
			return i
		}
	}
	return 0
}
