// Package scripts_test runs the scripts with the tools around them replaced.
package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a script with nothing on its PATH but the tools, given as shell
// scripts, and returns what it said and its exit code.
func run(t *testing.T, script string, tools map[string]string, env ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sed", "head", "tail", "grep", "mktemp", "rm", "uname", "cat", "chmod"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range tools {
		stub := filepath.Join(dir, name)
		// First the link goes: to write through it would change the machine's own tool.
		if err := os.Remove(stub); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(stub, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sh", "./"+script)
	cmd.Env = append([]string{"PATH=" + dir}, env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestFresh(t *testing.T) {
	clang := func(version string) map[string]string {
		return map[string]string{
			"clang": "echo 'Debian clang version " + version + "'", "go": "echo generated", "git": "[ ! -e /nowhere ]",
		}
	}
	tests := []struct {
		name  string
		tools map[string]string
		env   string
		said  string
		code  int
	}{
		{"the right clang", clang("14.0.6"), "CI=true", "generated files are fresh", 0},
		{"another clang", clang("18.1.3 (1)"), "CI=", "NOT CHECKED: needs clang 14, found 18", 0},
		{"another clang in CI", clang("18.1.3 (1)"), "CI=true", "NOT CHECKED: needs clang 14, found 18", 1},
		{"no clang", map[string]string{"go": "exit 1"}, "CI=", "NOT CHECKED: needs clang 14, found none", 0},
		{"a stale file", map[string]string{
			"clang": "echo 'clang version 14.0.0'", "go": "", "git": "echo ' M internal/x_bpfel.o'",
		}, "CI=", "M internal/x_bpfel.o", 1},
	}
	for _, tt := range tests {
		if said, code := run(t, "fresh", tt.tools, tt.env); code != tt.code || !strings.Contains(said, tt.said) {
			t.Errorf("%s: exit code %d, want %d: %s", tt.name, code, tt.code, said)
		}
	}
}

// A machine whose package source is out of reach still runs the tests.
func TestDepsWithoutNetwork(t *testing.T) {
	said, code := run(t, "deps", map[string]string{"id": "echo 0", "apt-get": "echo 'E: unreachable' >&2; exit 100"})
	if code != 0 || !strings.Contains(said, "apt-get failed; tests that need these are left out:") || !strings.Contains(said, " clang") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestVuln(t *testing.T) {
	// go install puts a tool there that says words and ends with a code.
	tool := func(code, words string) string {
		return `case "$1 $2" in
install*) printf '#!/bin/sh\necho "` + words + `"\nexit ` + code + `\n' >"$GOBIN/govulncheck"; chmod +x "$GOBIN/govulncheck" ;;
esac`
	}
	tests := []struct {
		name string
		tool string
		said string
		code int
	}{
		{"nothing found", tool("0", "No vulnerabilities found."), "No vulnerabilities", 0},
		{"found", tool("3", "Vulnerability 1"), "Vulnerability 1", 3},
		{"no database", tool("1", "govulncheck: fetching vulnerabilities: Get x: dial tcp: no such host"), "NOT CHECKED", 0},
		{"no packages", tool("1", "govulncheck: loading packages: dial tcp: connection refused"), "loading packages", 1},
		{"no tool", "echo 'module: dial tcp: no such host' >&2; exit 1", "no such host", 1},
		{"no modules", tool("0", "fine") + "\n[ \"$1\" != mod ] || exit 1", "", 1},
	}
	for _, tt := range tests {
		if said, code := run(t, "vuln", map[string]string{"go": tt.tool}); code != tt.code || !strings.Contains(said, tt.said) {
			t.Errorf("%s: exit code %d, want %d: %s", tt.name, code, tt.code, said)
		}
	}
}
