package form

import "testing"

func TestUnremarked(t *testing.T) {
	for text, want := range map[string]string{
		"2   <-- why?": "2", "128 (too small?)": "128", "2\uff08ours\uff09": "2", "40000\t40200 // narrow": "40000\t40200",
		"1 -- default": "1", "0 # off": "0", "1 ; default": "1",
		"cubic (default)": "cubic (default)", "10.0.0.0--10.0.0.9": "10.0.0.0--10.0.0.9", "": "", "(none)": "(none)",
	} {
		if got := Unremarked([]byte(text), IsNumbers); string(got) != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}
