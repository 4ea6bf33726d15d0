package symbol

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

// shopTruth is how the Go runtime of the program itself names its addresses.
type shopTruth struct {
	pc     uint64
	frames []host.Frame
}

func truth(t *testing.T, p *target) (out []shopTruth) {
	t.Helper()
	for _, l := range p.lines {
		var pc uint64
		var f host.Frame
		if n, _ := fmt.Sscanf(l, "PC %d", &pc); n == 1 {
			out = append(out, shopTruth{pc: pc})
		} else if n, _ := fmt.Sscanf(l, "FRAME %d %s %s", &f.Line, &f.Function, &f.File); n == 3 {
			last := &out[len(out)-1]
			f.Addr = last.pc
			last.frames = append(last.frames, f)
		} else {
			t.Fatalf("unexpected line %q", l)
		}
	}
	if len(out) < 8 {
		t.Fatalf("only %d addresses", len(out))
	}
	return out
}

// checkShop compares every address of the program with the runtime's own words.
// unfolds: the runtime tells all calls that are inlined at an address (since Go 1.23),
// not the innermost only.
func checkShop(t *testing.T, n *Namer, p *target, exe string, unfolds bool) {
	t.Helper()
	inlined := 0
	var pcs []uint64
	for _, want := range truth(t, p) {
		pcs = append(pcs, want.pc)
		inlined += len(want.frames) - 1
		for i := range want.frames {
			f := &want.frames[i]
			f.Module = exe
			f.Own = strings.HasPrefix(f.Function, "main.") || strings.HasPrefix(f.Function, "shop/")
		}
		// The innermost address is no return address: any other stands before.
		got := n.Stack(p.pid, []uint64{1, want.pc})
		named := got.Frames[1:]
		if !unfolds {
			named = named[:min(len(named), len(want.frames))]
		}
		if diff := cmp.Diff(want.frames, named); diff != "" {
			t.Errorf("%#x: (-runtime +symbol)\n%s", want.pc, diff)
		}
	}
	if inlined == 0 && unfolds {
		t.Error("nothing was inlined: the program does not test that")
	}
	s := n.Stack(p.pid, append([]uint64{1}, pcs...))
	if code, ok := s.Code(); !ok || code.Function != "main.look" || s.Gap != host.NoGap {
		t.Errorf("Code() = %+v, %v, gap %q", code, ok, s.Gap)
	}
}

func TestGoPrograms(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		cgo  bool
	}{
		{"plain", nil, false},
		{"stripped", []string{"-ldflags=-s -w"}, false},
		{"pie", []string{"-buildmode=pie"}, false},
		{"pie, stripped, trimmed", []string{"-buildmode=pie", "-trimpath", "-ldflags=-s -w"}, false},
		{"trimmed", []string{"-trimpath"}, false},
		{"not optimised", []string{"-gcflags=all=-N"}, false},
		{"linked by gcc, stripped", []string{"-ldflags=-linkmode=external -s -w"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("gcc"); err != nil && test.cgo {
				t.Skip("needs gcc")
			}
			exe := buildShop(t, "go", test.args...)
			checkShop(t, newNamer(t), start(t, exec.Command(exe)), exe, true)
		})
	}
}

// TestOlderGo names programs of whatever other toolchains the module cache holds.
func TestOlderGo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds with each toolchain")
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skip("needs go")
	}
	tools, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(cache)), "golang.org/toolchain@*/bin/go"))
	if len(tools) == 0 {
		t.Skip("no other toolchain in the module cache")
	}
	for _, tool := range tools {
		for _, args := range [][]string{{"-ldflags=-s -w"}, {"-buildmode=pie", "-ldflags=-s -w"}} {
			t.Run(filepath.Base(filepath.Dir(filepath.Dir(tool)))+args[0], func(t *testing.T) {
				t.Parallel()
				exe := buildShop(t, tool, args...)
				old := regexp.MustCompile(`-go1\.(21|22)\.`).MatchString(tool)
				checkShop(t, newNamer(t), start(t, exec.Command(exe)), exe, !old)
			})
		}
	}
}

// TestGoWithoutSections runs a program whose section table was cut off.
func TestGoWithoutSections(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-ldflags=-s -w"}, {"-buildmode=pie", "-ldflags=-s -w"}} {
		exe := buildShop(t, "go", args...)
		b, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		clear(b[40:48]) // e_shoff
		clear(b[60:64]) // e_shnum, e_shstrndx
		if err := os.WriteFile(exe, b, 0o700); err != nil {
			t.Fatal(err)
		}
		checkShop(t, newNamer(t), start(t, exec.Command(exe)), exe, true)
	}
}

// TestRelocatedModule reads a position-independent program as linkers write it
// that leave the data empty and put everything into relocations.
func TestRelocatedModule(t *testing.T) {
	t.Parallel()
	exe := buildShop(t, "go", "-buildmode=pie", "-ldflags=-s -w")
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := readTables(strings.NewReader(string(b)), int64(len(b)), true, time.Time{})
	if err != nil || whole.golang == nil {
		t.Fatal(err)
	}
	md := whole.im.section(".go.module")
	if md == nil {
		t.Skip("this Go puts moduledata into no section of its own")
	}
	eachRelative(whole.im, func(at, _ uint64) bool {
		if at >= md.Addr && at < md.Addr+md.FileSize {
			clear(b[md.Offset+at-md.Addr:][:8])
		}
		return true
	})
	for _, hide := range []bool{false, true} {
		if hide {
			clear(b[40:48])
			clear(b[60:64])
		}
		empty, err := readTables(strings.NewReader(string(b)), int64(len(b)), true, time.Time{})
		if err != nil || empty.golang == nil {
			t.Fatalf("hidden sections %v: %v", hide, err)
		}
		if empty.golang.text != whole.golang.text || empty.golang.inline.base != whole.golang.inline.base || whole.golang.inline.size == 0 {
			t.Errorf("hidden sections %v: text %#x, want %#x", hide, empty.golang.text, whole.golang.text)
		}
	}
}
