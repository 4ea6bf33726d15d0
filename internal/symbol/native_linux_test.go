package symbol

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sockeye/internal/host"
)

// printedLines reads "LINE query 42".
func printedLines(p *target) map[string]int {
	out := map[string]int{}
	for _, l := range p.lines {
		var name string
		var line int
		if n, _ := fmt.Sscanf(l, "LINE %s %d", &name, &line); n == 2 {
			out[name] = line
		}
	}
	return out
}

// buildC builds prog.c, with plug.c as a library of its own beside it when asked.
func buildC(t testing.TB, plug bool, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	exe := filepath.Join(dir, "prog")
	args = append([]string{"-O2", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-o", exe, fixture(t, "c/prog.c")}, args...)
	if plug {
		lib := filepath.Join(dir, "libplug.so")
		build(t, dir, nil, "gcc", "-O2", "-fno-omit-frame-pointer", "-shared", "-fPIC", "-Wl,-soname,libplug.so", "-o", lib, fixture(t, "c/plug.c"))
		args = append(args, "-DPLUG", lib, "-Wl,-rpath,"+dir)
	}
	build(t, dir, nil, "gcc", args...)
	return exe
}

// own lists the frames of the program's own code: "query prog.c:36".
func own(s *host.Stack, lines map[string]int) (out []string) {
	for _, f := range s.Frames {
		if !f.Own {
			continue
		}
		text := f.Function
		if f.File != "" {
			text += " " + filepath.Base(f.File)
			if f.Line == lines[f.Function] && f.Line > 0 {
				text += ":right"
			} else {
				text += fmt.Sprintf(":%d, not %d", f.Line, lines[f.Function])
			}
		}
		out = append(out, text)
	}
	return out
}

func TestC(t *testing.T) {
	debug := []string{"tiny prog.c:right", "query prog.c:right", "handle prog.c:right", "main prog.c:right"}
	symbols := []string{"query", "handle", "main"}
	for _, test := range []struct {
		name string
		args []string
		plug bool
		want []string
		gap  host.Gap
	}{
		{"debug", []string{"-g"}, false, debug, ""},
		{"dwarf 2", []string{"-gdwarf-2"}, false, debug, ""},
		{"dwarf 3", []string{"-gdwarf-3", "-gstrict-dwarf"}, false, debug, ""},
		{"dwarf 4", []string{"-gdwarf-4", "-no-pie"}, false, debug, ""},
		{"dwarf 5, 64-bit offsets", []string{"-gdwarf-5", "-gdwarf64"}, false, debug, ""},
		{"compressed", []string{"-g", "-gz=zlib"}, false, debug, ""},
		{"sections of functions", []string{"-g", "-ffunction-sections", "-Wl,--gc-sections"}, false, debug, ""},
		{"fixed address", []string{"-no-pie"}, false, symbols, ""},
		{"static", []string{"-static", "-g"}, false, debug, ""},
		{"static, no lines", []string{"-static"}, false, symbols, ""},
		{"static pie", []string{"-static-pie"}, false, symbols, ""},
		{"stripped", []string{"-s"}, false, []string{"", "", ""}, host.GapNoSymbols},
		{"exported", []string{"-s", "-rdynamic"}, false, symbols, ""},
		{"library beside", []string{"-g"}, true, append(append([]string{}, debug[:2]...), "plug", debug[2], debug[3]), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			exe := buildC(t, test.plug, test.args...)
			p := start(t, exec.Command(exe))
			lines := printedLines(p)
			s := newNamer(t).Stack(p.pid, p.pcs(t))
			got := own(s, lines)
			if first := s.Frames[0]; first.Own || first.Function != "read" {
				t.Errorf("innermost frame is %+v, want libc's read", first)
			}
			if strings.Join(got, ", ") != strings.Join(test.want, ", ") || s.Gap != test.gap {
				t.Errorf("own frames %q, gap %q; want %q, %q", got, s.Gap, test.want, test.gap)
				for _, f := range s.Frames {
					t.Logf("%+v", f)
				}
			}
		})
	}
}

func TestCxx(t *testing.T) {
	for _, args := range [][]string{{"-g"}, {"-no-pie"}, {"-gdwarf-4"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			exe := filepath.Join(t.TempDir(), "dao")
			build(t, ".", nil, "g++", append([]string{"-O2", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls",
				"-o", exe, fixture(t, "c/dao.cc")}, args...)...)
			p := start(t, exec.Command(exe))
			s := newNamer(t).Stack(p.pid, p.pcs(t))
			var names []string
			for _, f := range s.Frames {
				if f.Own && f.Function != "" {
					names = append(names, f.Function)
				}
			}
			if len(names) < 3 || names[0] != "shop::Dao::query" || names[len(names)-1] != "main" {
				t.Errorf("own frames %q of %+v", names, s.Frames)
			}
		})
	}
}

func TestRust(t *testing.T) {
	for _, args := range [][]string{{"-g"}, {"-Cdebuginfo=0"}, {"-g", "-Csymbol-mangling-version=v0"}, {"-g", "-Cdebuginfo=1"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			exe := filepath.Join(t.TempDir(), "dao")
			build(t, t.TempDir(), nil, "rustc", append([]string{"-O", "-Cforce-frame-pointers=yes", "-o", exe, fixture(t, "c/dao.rs")}, args...)...)
			p := start(t, exec.Command(exe))
			pcs := p.pcs(t)
			pcs[0] = 1 // main itself, which is no caller
			s := newNamer(t).Stack(p.pid, pcs)
			for _, f := range s.Frames {
				if f.Own && strings.HasPrefix(f.Function, "std::") {
					t.Errorf("the standard library counts as own: %+v", f)
				}
			}
			code, ok := s.Code()
			if !ok || !strings.Contains(code.Function, "query") {
				t.Errorf("Code() = %+v", code)
			}
			if line := lineOf(t, "c/dao.rs", "super::walk(n)) + 1"); args[0] == "-g" && (filepath.Base(code.File) != "dao.rs" || code.Line != line) {
				t.Errorf("Code() is at %s:%d, want dao.rs:%d", code.File, code.Line, line)
			}
		})
	}
}

// lineOf returns the number of the line of a fixture that holds a text.
func lineOf(t *testing.T, name, text string) int {
	t.Helper()
	b, err := os.ReadFile(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(b), text)
	if !ok {
		t.Fatalf("%s does not say %q", name, text)
	}
	return strings.Count(before, "\n") + 1
}
