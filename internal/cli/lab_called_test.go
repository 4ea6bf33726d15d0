package cli

import "testing"

func TestCalledAs(t *testing.T) {
	for arg, want := range map[string]string{
		"sockeye": "sockeye", "./sockeye": "./sockeye", "/opt/my-tools_1.2/sockeye": "/opt/my-tools_1.2/sockeye",
		"": "sockeye", "/tmp/a b/sockeye": "sockeye", "$(reboot)": "sockeye", "x\x1b[31m": "sockeye",
	} {
		if got := calledAs(arg); got != want {
			t.Errorf("calledAs(%q) = %q, want %q", arg, got, want)
		}
	}
}
