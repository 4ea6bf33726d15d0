package settings_test

import (
	"testing"

	"sockeye/internal/paste/pastetest"
)

// A line of three words is launchctl's only if something else says so.
func TestLaunchctlAlone(t *testing.T) {
	for _, text := range []string{"maxfiles is a limit\n", "data 12 of 14\n", "cpu 12 34\n", "data 100 200\nstack 1 2\n", "cpu 1 2\ncpu 3 4\ncpu 5 6\n"} {
		p, other := pastetest.Given(t, text)
		if len(p.Parts) != 0 || p.Snapshot.Machine.OS != "" || len(other) == 0 {
			t.Errorf("%q: parts %+v, system %q, left over %q", text, p.Parts, p.Snapshot.Machine.OS, other)
		}
	}
	for _, text := range []string{
		"maxfiles 256 unlimited\n", "\tmaxproc     2048           2048\n", "cpu unlimited unlimited\nstack 8388608 67104768\ncore 0 unlimited\n",
		"$ launchctl limit cpu\ncpu unlimited unlimited\n",
	} {
		if p, other := pastetest.Given(t, text); len(p.Parts) != 1 || p.Snapshot.Machine.OS != "darwin" || len(other) > 1 {
			t.Errorf("%q: parts %+v, system %q, left over %q", text, p.Parts, p.Snapshot.Machine.OS, other)
		}
	}
}

func TestLaunchctlLimit(t *testing.T) {
	p, _ := pastetest.Given(t, "$ launchctl limit\n\tcpu         unlimited      unlimited\n\tmaxproc     2048           2048\n\tmaxfiles    256            unlimited\n")
	if got := pastetest.NetNS(p).Settings["launchctl.maxfiles"]; got != "256" || p.Snapshot.Machine.OS != "darwin" || p.Parts[0].Rows != 3 {
		t.Errorf("maxfiles %q, system %q, parts %+v", got, p.Snapshot.Machine.OS, p.Parts)
	}
}
