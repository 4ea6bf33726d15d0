package paste_test

import (
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/tcp"
)

// One Western letter among others is no Chinese character, and Chinese stays it.
func TestLoneWesternLetter(t *testing.T) {
	p, _ := pastetest.Given(t, "12 ABH\xd6REN\n3 HERGESTELLT\n")
	if n := p.States(); n[tcp.Listen] != 12 || n[tcp.Established] != 3 {
		t.Errorf("%v", n)
	}
	if got := string(paste.Decoded([]byte("\xb6\xaf\xcc\xac\xb6\xcb\xbf\xda"))); got != "动态端口" {
		t.Errorf("%q", got)
	}
}
