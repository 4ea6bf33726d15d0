package symbol

import (
	stddwarf "debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oracle names addresses with the standard library's debug/dwarf.
type oracle struct {
	d *stddwarf.Data
}

func (o oracle) at(addr uint64) (out []string) {
	r := o.d.Reader()
	cu, err := r.SeekPC(addr)
	if err != nil {
		return nil
	}
	lines, err := o.d.LineReader(cu)
	if err != nil || lines == nil {
		return nil
	}
	files := lines.Files()
	name := func(n int64) string {
		if n >= 0 && n < int64(len(files)) && files[n] != nil {
			return path.Base(files[n].Name)
		}
		return ""
	}
	// SeekPC would give up at a sequence that is not in order.
	var before, le stddwarf.LineEntry
	here := ""
	for first := true; lines.Next(&le) == nil; first = false {
		if !first && !before.EndSequence && before.Address <= addr && addr < le.Address && before.File != nil {
			here = fmt.Sprintf("%s:%d", path.Base(before.File.Name), before.Line)
			break
		}
		before = le
	}
	type inlined struct {
		name, site string
	}
	var calls []inlined
	// Depth first through everything; what holds the address is nested.
	found := 0 // depth of the function that holds the address; nothing outside it does
	for depth := 1; depth > found; {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		if e.Children {
			depth++
		}
		if e.Tag != stddwarf.TagSubprogram && e.Tag != stddwarf.TagInlinedSubroutine {
			continue
		}
		ranges, err := o.d.Ranges(e)
		if err != nil {
			continue
		}
		for _, rg := range ranges {
			if rg[0] <= addr && addr < rg[1] {
				file, _ := e.Val(stddwarf.AttrCallFile).(int64)
				line, _ := e.Val(stddwarf.AttrCallLine).(int64)
				calls = append(calls, inlined{o.name(e), fmt.Sprintf("%s:%d", name(file), line)})
				if found == 0 {
					found = depth - 1
					if !e.Children {
						found = depth
					}
				}
				break
			}
		}
	}
	for i := len(calls) - 1; i >= 0; i-- {
		out = append(out, calls[i].name+" "+here)
		here = calls[i].site
	}
	return out
}

func (o oracle) name(e *stddwarf.Entry) string {
	plain := ""
	for range 8 {
		if n, ok := e.Val(stddwarf.AttrLinkageName).(string); ok {
			return n
		}
		if n, ok := e.Val(stddwarf.AttrName).(string); ok && plain == "" {
			plain = n
		}
		ref, ok := e.Val(stddwarf.AttrAbstractOrigin).(stddwarf.Offset)
		if !ok {
			if ref, ok = e.Val(stddwarf.AttrSpecification).(stddwarf.Offset); !ok {
				break
			}
		}
		r := o.d.Reader()
		r.Seek(ref)
		next, err := r.Next()
		if err != nil || next == nil {
			break
		}
		e = next
	}
	return plain
}

// compare names addresses all over a file's code both ways.
func compare(t *testing.T, name string, samples uint64) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	std, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := openImage(file, info.Size(), &meter{left: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	d := openDWARF(im)
	if d == nil {
		t.Fatal("no debugging information found")
	}
	text := f.Section(".text")
	want := oracle{std}
	named, wrong := 0, 0
	for addr := text.Addr; addr < text.Addr+text.Size; addr += max(text.Size/samples, 1) {
		var got []string
		for _, l := range d.locations(addr) {
			if l.function != "" {
				got = append(got, fmt.Sprintf("%s %s:%d", l.function, path.Base(l.file), l.line))
			}
		}
		w := want.at(addr)
		if len(w) > 0 {
			named++
		}
		if strings.Join(got, "\n") != strings.Join(w, "\n") {
			if wrong++; wrong < 10 {
				t.Errorf("%#x: %q; debug/dwarf: %q", addr, got, w)
			}
		}
	}
	if uint64(named) < min(10, samples/2) {
		t.Errorf("only %d addresses have names", named)
	}
	t.Logf("%d addresses with names, %d different", named, wrong)
}

// TestAgainstStandardLibrary holds our reader of DWARF against debug/dwarf.
func TestAgainstStandardLibrary(t *testing.T) {
	if big := os.Getenv("SOCKEYE_DWARF_FILE"); big != "" {
		compare(t, big, 500)
		return
	}
	for _, args := range [][]string{{"-gdwarf-4"}, {"-gdwarf-5"}, {"-gdwarf-5", "-gz=zlib"}, {"-gdwarf-5", "-fdebug-types-section"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			exe := filepath.Join(t.TempDir(), "dao")
			build(t, ".", nil, "g++", append([]string{"-O2", "-o", exe, fixture(t, "c/dao.cc")}, args...)...)
			compare(t, exe, 100)
		})
	}
	// clang uses forms that gcc does not: indices into tables of strings, addresses and ranges.
	for _, args := range [][]string{{"-gdwarf-5"}, {"-gdwarf-4"}} {
		t.Run("clang "+args[0], func(t *testing.T) {
			t.Parallel()
			exe := filepath.Join(t.TempDir(), "dao")
			build(t, ".", nil, "clang++", append([]string{"-O2", "-o", exe, fixture(t, "c/dao.cc")}, args...)...)
			compare(t, exe, 100)
		})
	}
	t.Run("rust", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("debug/dwarf takes seconds for the Rust library")
		}
		exe := filepath.Join(t.TempDir(), "dao")
		build(t, t.TempDir(), nil, "rustc", "-g", "-O", "-o", exe, fixture(t, "c/dao.rs"))
		compare(t, exe, 8)
	})
}

// FuzzDWARF throws damaged debugging information at the reader.
func FuzzDWARF(f *testing.F) {
	dir := f.TempDir()
	exe := filepath.Join(dir, "plug.so")
	// The seeds must be the same in each of the fuzzer's processes.
	build(f, dir, nil, "gcc", "-fdebug-prefix-map="+dir+"=/plug", "-g", "-O2", "-shared", "-fPIC", "-o", exe, fixture(f, "c/plug.c"))
	file, err := elf.Open(exe)
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	get := func(name string) []byte {
		s := file.Section(name)
		if s == nil {
			return nil
		}
		b, err := s.Data()
		if err != nil && !errors.Is(err, io.EOF) {
			f.Fatal(err)
		}
		return b
	}
	f.Add(get(".debug_info"), get(".debug_abbrev"), get(".debug_line"), get(".debug_str"), get(".debug_rnglists"), uint64(0x1100))
	f.Fuzz(func(t *testing.T, info, shapes, line, str, ranges []byte, addr uint64) {
		m := &meter{left: costOfOpening}
		part := func(b []byte) data {
			d := memory(b)
			d.r = metered{d.r, m}
			return d
		}
		d := &dwarf{order: file.ByteOrder, shapes: map[uint64]map[uint64]*abbrev{},
			info: part(info), abbrev: part(shapes), line: part(line), str: part(str), lineStr: part(str),
			ranges: part(ranges), rngLists: part(ranges), addr: part(ranges), strOffsets: part(ranges)}
		begin := time.Now()
		d.readUnits()
		for _, s := range d.index {
			if s.low >= s.high {
				t.Fatalf("span %+v", s)
			}
		}
		m.left = costOfLookup
		d.locations(addr)
		if len(d.index) > 0 {
			m.left = costOfLookup
			d.locations(d.index[0].low)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%v", took)
		}
	})
}
