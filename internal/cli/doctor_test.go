package cli

import (
	"bytes"
	"context"
	"testing"
)

func TestDoctorExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"doctor", "--help"}, exitDone},
		{"unknown flag", []string{"doctor", "--colour-blind"}, exitUsage},
		{"unknown format", []string{"doctor", "--format", "xml"}, exitUsage},
		{"unknown language", []string{"doctor", "--lang", "tlh"}, exitUsage},
		{"window too long", []string{"doctor", "--sample", "100h"}, exitUsage},
		{"an argument", []string{"doctor", "now"}, exitUsage},
		{"no such namespace", []string{"doctor", "--netns", "no-such-place"}, exitFailed},
		{"no such source", []string{"doctor", "--sockets-by", "crystal-ball"}, exitUsage},
	} {
		var stdout, stderr bytes.Buffer
		got := Run(context.Background(), tt.args, App{Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }, Width: 100})
		if got != tt.want {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.name, got, tt.want, stderr.String())
		}
		if got != exitDone && stdout.Len() > 0 {
			t.Errorf("%s: an error must leave stdout empty, got %q", tt.name, stdout.String())
		}
	}
}
