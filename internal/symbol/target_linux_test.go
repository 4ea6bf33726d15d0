package symbol

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// target is a program that printed addresses of its own and waits.
type target struct {
	pid   int32
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
	lines []string // what it printed before READY
}

// start runs a program until it says READY.
func start(t testing.TB, cmd *exec.Cmd) *target {
	t.Helper()
	p, err := launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	return p
}

func launch(cmd *exec.Cmd) (*target, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &target{pid: int32(cmd.Process.Pid), cmd: cmd, stdin: stdin}
	p.out = bufio.NewScanner(stdout)
	if p.ready() {
		return p, nil
	}
	p.end()
	return nil, fmt.Errorf("%s ended before it was ready: %v", cmd.Path, cmd.ProcessState)
}

// ready waits until the program says READY; false when it ends before.
func (p *target) ready() bool {
	p.lines = nil
	for p.out.Scan() {
		if p.out.Text() == "READY" {
			return true
		}
		p.lines = append(p.lines, p.out.Text())
	}
	return false
}

// proceed lets a shell that waits become another program.
func (p *target) proceed(t *testing.T) {
	t.Helper()
	fmt.Fprintln(p.stdin, "go")
	if !p.ready() {
		t.Fatal("it does not become another program")
	}
}

// end lets the program end and waits for that.
func (p *target) end() {
	if p.cmd.ProcessState == nil {
		p.stdin.Close()
		p.cmd.Wait()
	}
}

// pcs are the addresses that the program printed.
func (p *target) pcs(t testing.TB) []uint64 {
	t.Helper()
	out := p.printed()
	if len(out) < 2 {
		t.Fatalf("no addresses in %q", p.lines)
	}
	return out
}

func (p *target) printed() (out []uint64) {
	for _, l := range p.lines {
		var pc uint64
		if n, _ := fmt.Sscanf(l, "PC %d", &pc); n == 1 {
			out = append(out, pc)
		}
	}
	return out
}

// build runs a compiler; tests without it are skipped.
func build(t testing.TB, dir string, env []string, tool string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s", tool)
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}
}

// buildShop builds the Go program of testdata and returns its path.
func buildShop(t testing.TB, tool string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "shop")
	// -buildvcs=false: the test does not depend on a repository around it.
	args = append([]string{"build", "-mod=vendor", "-buildvcs=false", "-o", out}, args...)
	build(t, "testdata/shop", []string{"GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off"}, tool, append(args, ".")...)
	return out
}

func newNamer(t testing.TB) *Namer {
	t.Helper()
	n := New(Options{})
	t.Cleanup(func() { n.Close() })
	return n
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
