package paste

import "testing"

// A line of three words is launchctl's only if something else says so.
func TestLaunchctlAlone(t *testing.T) {
	for _, text := range []string{"cpu 12 34\n", "data 100 200\nstack 1 2\n", "cpu 1 2\ncpu 3 4\ncpu 5 6\n"} {
		p, other := given(t, text)
		if len(p.Parts) != 0 || p.Snapshot.Machine.OS != "" || len(other) == 0 {
			t.Errorf("%q: parts %+v, system %q, left over %q", text, p.Parts, p.Snapshot.Machine.OS, other)
		}
	}
	for _, text := range []string{
		"maxfiles 256 unlimited\n", "\tmaxproc     2048           2048\n", "cpu unlimited unlimited\nstack 8388608 67104768\ncore 0 unlimited\n",
		"$ launchctl limit cpu\ncpu unlimited unlimited\n",
	} {
		if p, other := given(t, text); len(p.Parts) != 1 || p.Snapshot.Machine.OS != "darwin" || len(other) > 1 {
			t.Errorf("%q: parts %+v, system %q, left over %q", text, p.Parts, p.Snapshot.Machine.OS, other)
		}
	}
}
