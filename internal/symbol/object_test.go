package symbol

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// hangingFile answers nothing until it is let go, like a network file system
// whose server is gone.
type hangingFile struct{ letGo, closed chan struct{} }

func (f hangingFile) ReadAt([]byte, int64) (int, error) { <-f.letGo; return 0, errors.New("at last") }
func (f hangingFile) Close() error                      { close(f.closed); return nil }

func TestFileThatHangs(t *testing.T) {
	f := hangingFile{make(chan struct{}), make(chan struct{})}
	var total atomic.Int64
	o := newObject(fileID{size: 1 << 20}, f, true, &total)
	if _, err := o.at(0, 10*time.Millisecond); !errors.Is(err, errSlow) {
		t.Errorf("first: %v", err)
	}
	// Whoever comes later does not wait.
	begin := time.Now()
	if _, err := o.at(0, time.Minute); !errors.Is(err, errSlow) || time.Since(begin) > 10*time.Second {
		t.Errorf("second: %v after %v", err, time.Since(begin))
	}
	o.close() // does not wait either
	close(f.letGo)
	<-f.closed
	o.work <- struct{}{} // until who closed it is done
	<-o.work
	if _, err := o.at(0, time.Minute); !errors.Is(err, errClosed) {
		t.Errorf("after it answered: %v", err)
	}
}

// hostileFiles are executables that lie.
func hostileFiles(t testing.TB) map[string][]byte {
	good, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("needs an executable of its own")
	}
	good = good[:min(len(good), 1<<20)]
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	fill := func(from, to int) []byte {
		return change(func(b []byte) {
			for i := from; i < to; i++ {
				b[i] = 0xff
			}
		})
	}
	return map[string][]byte{
		"empty":                 {},
		"magic only":            good[:4],
		"header only":           good[:64],
		"cut off":               good[:5000],
		"e_phoff far away":      fill(32, 40),
		"e_shoff far away":      fill(40, 48),
		"all counts at most":    fill(54, 64),
		"program headers full":  fill(64, 64+56*8),
		"no class":              change(func(b []byte) { b[4] = 9 }),
		"other byte order":      change(func(b []byte) { b[5] = 2 }),
		"32 bits":               change(func(b []byte) { b[4] = 1 }),
		"section headers zeros": change(func(b []byte) { clear(b[60:62]) }),
	}
}

func TestHostileFiles(t *testing.T) {
	for name, b := range hostileFiles(t) {
		begin := time.Now()
		reserved := allocated(func() {
			tables, err := readTables(bytes.NewReader(b), int64(len(b)), true, time.Time{})
			if err == nil {
				for off := uint64(0); off < 1<<20; off += 64 << 10 {
					tables.locations(off)
				}
			}
		})
		if took := time.Since(begin); took > 10*time.Second || reserved > 32<<20 {
			t.Errorf("%s: %v, %d MiB reserved", name, took, reserved>>20)
		}
	}
}

// TestSparseFile opens a file of a gigabyte that claims to be all tables.
func TestSparseFile(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/huge")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20] = 2, 62, 1 // EXEC, x86-64
	header[33] = 1                                // e_phoff 256
	header[41] = 2                                // e_shoff 512
	header[52], header[54], header[58] = 64, 56, 64
	header[56], header[57] = 0xff, 0xff // e_phnum
	// e_shnum 0: the real number stands in the first section's size.
	section := make([]byte, 64)
	for i := range 8 {
		section[32+i] = 0x0f
	}
	section[39] = 0
	for at, b := range map[int64][]byte{0: header, 512: section} {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	read := &counting{f: f}
	tables, err := readTables(read, 1<<30, true, time.Time{})
	if err == nil {
		tables.locations(0x1000)
	}
	if read.n > 300<<20 {
		t.Errorf("%d bytes read", read.n)
	}
}

type counting struct {
	f *os.File
	n int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n += len(p)
	return c.f.ReadAt(p, off)
}

func FuzzImage(f *testing.F) {
	files := hostileFiles(f)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f.Add(files[name][:min(len(files[name]), 4096)], uint64(0x1000))
	}
	f.Fuzz(func(_ *testing.T, b []byte, off uint64) {
		if tables, err := readTables(bytes.NewReader(b), int64(len(b)), true, time.Time{}); err == nil {
			tables.readNative()
			tables.locations(off)
			tables.memory()
			tables.close()
		}
	})
}

// FuzzGoTable damages the table of this very program.
func FuzzGoTable(f *testing.F) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		f.Skip("needs an executable of its own")
	}
	defer self.Close()
	info, err := self.Stat()
	if err != nil {
		f.Fatal(err)
	}
	im, err := openImage(self, info.Size(), &meter{left: 1 << 40})
	if err != nil {
		f.Fatal(err)
	}
	whole, err := findGoTable(im)
	if err != nil {
		f.Fatal(err)
	}
	// The first functions, with as much of each table as they need.
	part := func(d data) []byte { return d.at(0, 8<<10) }
	f.Add(whole.entries[:64*8+4], part(whole.names), part(whole.units), part(whole.files), part(whole.pcs), part(whole.funcs), part(whole.inline))
	f.Fuzz(func(t *testing.T, entries, names, units, files, pcs, funcs, inline []byte) {
		if len(entries) < 12 {
			return
		}
		table := &goTable{order: im.order, quantum: 1, go120: true, text: 0x1000, entries: entries, count: (len(entries) - 4) / 8,
			names: memory(names), units: memory(units), files: memory(files), pcs: memory(pcs), funcs: memory(funcs), inline: memory(inline)}
		table.findGoroot()
		for i := range min(table.count, 100) {
			if l := table.locations(table.entry(i)); len(l) > maxInlined+1 {
				t.Fatalf("%d calls", len(l))
			}
		}
	})
}
