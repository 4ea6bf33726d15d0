package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A machine that cannot run Windows programs says so; where it must, that is a failure.
func TestWineIsMissing(t *testing.T) {
	tests := []struct {
		name  string
		tools map[string]string
		said  string
	}{
		{"another processor", map[string]string{"uname": "echo aarch64"}, "needs an x86_64 machine"},
		{"no compiler", map[string]string{"uname": "echo x86_64", "wine64": "exit 1", "wineserver": "exit 1"}, "needs the package gcc-mingw-w64-x86-64"},
	}
	for _, tt := range tests {
		dir := t.TempDir() // and nothing else: the script must have ended before it needs more
		for name, text := range tt.tools {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for env, want := range map[string]int{"CI=": 0, "CI=true": 1} {
			cmd := exec.Command("/bin/sh", "./wine")
			cmd.Env = []string{"PATH=" + dir, env}
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != want || !strings.Contains(string(out), "NOT RUN: "+tt.said) {
				t.Errorf("%s, %s: exit code %d, want %d: %s", tt.name, env, code, want, out)
			}
		}
	}
}
