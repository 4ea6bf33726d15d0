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
		{"unknown flag", []string{"doctor", "--colour-blind"}, exitFailed},
		{"unknown format", []string{"doctor", "--format", "xml"}, exitFailed},
		{"unknown language", []string{"doctor", "--lang", "tlh"}, exitFailed},
		{"window too long", []string{"doctor", "--sample", "100h"}, exitFailed},
		{"an argument", []string{"doctor", "now"}, exitFailed},
		{"no such namespace", []string{"doctor", "--netns", "no-such-place"}, exitFailed},
		{"no namespace", []string{"doctor", "--netns", ""}, exitFailed},
		{"a flag that drives terminals", []string{"doctor", "--\x1b[31m"}, exitFailed},
		{"no such source", []string{"doctor", "--sockets-by", "crystal-ball"}, exitFailed},
	} {
		var stdout, stderr bytes.Buffer
		got := Run(context.Background(), tt.args, App{Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }, Width: 100})
		if got != tt.want {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.name, got, tt.want, stderr.String())
		}
		if i := bytes.IndexByte(stderr.Bytes(), 0x1b); i >= 0 {
			t.Errorf("%s: raw escape at byte %d of stderr", tt.name, i)
		}
		if got != exitDone && stdout.Len() > 0 {
			t.Errorf("%s: an error must leave stdout empty, got %q", tt.name, stdout.String())
		}
	}
}
