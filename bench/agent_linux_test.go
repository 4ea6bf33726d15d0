package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAgentsThatFail are tracers that do not work: each is told on with its own words.
func TestAgentsThatFail(t *testing.T) {
	sh := func(script string) *variant { return &variant{args: []string{"sh", "-c", script}} }
	tests := []struct {
		name string
		v    *variant
		want string
	}{
		{"unknown", &variant{args: []string{"no-such-tracer"}}, "not installed"},
		{"refuses", sh("echo >&2; echo no BTF >&2; exit 3"), "it ended: no BTF"},
		{"silent", sh("exit 3"), "it ended: exit status 3"},
		{"ends at once", sh("exit 0"), "it ended"},
	}
	for _, tt := range tests {
		if _, err := attached(t.Context(), tt.v, true); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestAgent takes a process that writes lines, and one that writes rows, through
// what a tracer goes through.
func TestAgent(t *testing.T) {
	const loop = `trap 'echo "3 events were lost: oh" >&2; exit 0' INT; while :; do echo '%s'; done`
	for _, tt := range []struct {
		line string
		rows bool
		keep bool
		want told
	}{
		{"Lost 1 event", false, false, told{lost: 3}},
		{`{"direction":"outgoing","opened_total":8,"code":[{"stacks":2}]}`, true, false, told{lost: 3, sampling: sampling{2, 8}}},
	} {
		v := &variant{args: []string{"sh", "-c", strings.Replace(loop, "%s", tt.line, 1)}, rows: tt.rows}
		a, err := attached(t.Context(), v, tt.keep)
		if err != nil {
			t.Fatal(err)
		}
		before, err := a.cpu()
		if err == nil {
			err = await(t.Context(), 10*time.Second, func() (bool, error) {
				now, err := a.cpu()
				return now > before, err
			})
		}
		if err != nil {
			t.Errorf("its processor time: %v", err)
		}
		got, err := a.detach()
		if tt.want.first = "3 events were lost: oh"; err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.line, got, err, tt.want)
		}
	}
}

// TestBeside is a turn with bpftrace on a churn, as the comparison takes it.
func TestBeside(t *testing.T) {
	c := churning(t, bareChurn, 1)
	if _, err := exec.LookPath("bpftrace"); err != nil {
		t.Skip("bpftrace is not installed")
	}
	if lacking, err := privateMounts(); err != nil || len(lacking) > 0 {
		t.Skipf("bpftrace finds no tracefs: %q, %v", lacking, err)
	}
	p := &paired{variant: variant{name: "each life", args: []string{"bpftrace", "-e", livesScript}}}
	if err := p.pair(t.Context(), c, 100*time.Millisecond, true); err != nil {
		t.Fatal(err)
	}
	if p.left != "" {
		t.Fatal(p.left)
	}
	r := p.row()
	if r.pairs.n != 1 || r.pairs.ratio.least <= 0 || r.pairs.agent <= 0 || p.without[0].cost <= 0 {
		t.Errorf("%+v", r)
	}
	// The churn is not to blame for a tracer, nor the other way round.
	p = &paired{variant: variant{args: []string{"no-such-tracer"}}}
	if err := p.pair(t.Context(), c, 100*time.Millisecond, true); err != nil || p.left != "not installed" {
		t.Errorf("%v, %q", err, p.left)
	}
	c.kill()
	p = &paired{}
	if err := p.pair(t.Context(), c, 100*time.Millisecond, true); err == nil || errors.As(err, new(agentError)) {
		t.Errorf("a churn that was killed: %v", err)
	}
}
