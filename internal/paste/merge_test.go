package paste_test

import (
	"testing"

	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
)

// Whole texts: what /proc/net/tcp tells is told once, however often it is pasted.
func TestMergeTexts(t *testing.T) {
	p, _ := pastetest.Given(t, sample.ProcLittle+"\nonce more:\n"+sample.ProcLittle)
	if len(p.Snapshot.Sockets) != 5 || len(p.Parts) != 2 || !pastetest.BlindTo(p, "paste-table-unused", "/proc/net/tcp") {
		t.Errorf("%d sockets, parts %+v, blind %+v", len(p.Snapshot.Sockets), p.Parts, p.Snapshot.BlindSpots)
	}
}
