package paste

import (
	"testing"

	"sockeye/internal/tcp"
)

func TestUnremarked(t *testing.T) {
	for text, want := range map[string]string{
		"2   <-- why?": "2", "128 (too small?)": "128", "2\uff08ours\uff09": "2", "40000\t40200 // narrow": "40000\t40200",
		"1 -- default": "1", "0 # off": "0", "1 ; default": "1",
		"cubic (default)": "cubic (default)", "10.0.0.0--10.0.0.9": "10.0.0.0--10.0.0.9", "": "", "(none)": "(none)",
	} {
		if got := unremarked([]byte(text), isNumbers); string(got) != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
	p, _ := given(t, "TIME_WAIT 504 (closed by us)\nCLOSE_WAIT 12 -- rising\nESTABLISHED 3\n")
	if n := p.States(); n[tcp.TimeWait] != 504 || n[tcp.CloseWait] != 12 {
		t.Errorf("%v", n)
	}
}

// What lists sockets is read in comments too, by whatever the program is called.
func TestKindsInComments(t *testing.T) {
	for _, k := range allKinds {
		switch k.name {
		case "netstat", "ss", "lsof", "counts of states", "/proc/net/tcp", "conntrack -L":
			if !k.commented {
				t.Errorf("%s is not read in comments", k.name)
			}
		case "system settings", "Windows registry", "values":
			if k.commented {
				t.Errorf("%s is read in comments: what stands there is not in effect", k.name)
			}
		}
	}
}

// One Western letter among others is no Chinese character, and Chinese stays it.
func TestLoneWesternLetter(t *testing.T) {
	p, _ := given(t, "12 ABH\xd6REN\n3 HERGESTELLT\n")
	if n := p.States(); n[tcp.Listen] != 12 || n[tcp.Established] != 3 {
		t.Errorf("%v", n)
	}
	if got := string(decoded([]byte("\xb6\xaf\xcc\xac\xb6\xcb\xbf\xda"))); got != "动态端口" {
		t.Errorf("%q", got)
	}
}
