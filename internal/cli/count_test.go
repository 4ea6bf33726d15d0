package cli

import (
	"testing"
)

func TestCountGolden(t *testing.T) {
	for name, tt := range map[string]struct {
		m    machine
		args []string
	}{
		"count_pipe":      {machine{}, []string{"count"}},
		"count_rows_only": {machine{}, []string{"count", "--by", "process,pid", "--no-header"}},
		"count_terminal":  {machine{tty: true, width: 80}, []string{"count", "--by", "process,state", "--top", "3"}},
		"count_dst":       {machine{}, []string{"count", "state", "time-wait", "--by", "dst,family,timer"}},
		"count_netns":     {machine{}, []string{"count", "--by", "netns,container,unit,user"}},
		"count_json":      {machine{}, []string{"count", "--by", "raddr,rport,netns", "--format", "json", "--top", "2"}},
		"count_ndjson":    {machine{}, []string{"count", "--by", "laddr,lport", "--format", "ndjson", "state", "listen"}},
		"count_csv":       {machine{}, []string{"count", "--by", "process,src", "--format", "csv"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.m.run(tt.args...)
			if got.code != exitDone {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			golden(t, name, []byte(got.stdout))
		})
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0.0%", 0.0004: "<0.1%", 0.001: "0.1%", 0.5: "50.0%", 0.29: "29.0%", 0.99996: "99.9%", 1: "100.0%",
	} {
		if got := string(appendPercent(nil, share)); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}
