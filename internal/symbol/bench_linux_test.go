package symbol

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkObserveKnown is what each event of a known process costs.
func BenchmarkObserveKnown(b *testing.B) {
	p := start(b, exec.Command(buildShop(b, "go")))
	n := newNamer(b)
	n.Observe(p.pid)
	for b.Loop() {
		n.Observe(p.pid)
	}
}

// BenchmarkObserveNew is what a new process costs whose files are known.
func BenchmarkObserveNew(b *testing.B) {
	p := start(b, exec.Command(buildC(b, false)))
	n := newNamer(b)
	n.Observe(p.pid)
	for b.Loop() {
		if _, err := n.observe(p.pid, true, patience); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStackHot names a stack of some twenty addresses again.
func BenchmarkStackHot(b *testing.B) {
	p := start(b, exec.Command(buildShop(b, "go")))
	n := newNamer(b)
	pcs := p.pcs(b)
	n.Stack(p.pid, pcs)
	for b.Loop() {
		n.Stack(p.pid, pcs)
	}
}

// BenchmarkFirstGo reads the tables of a large Go program, go itself, and names one address.
func BenchmarkFirstGo(b *testing.B) {
	exe, err := exec.LookPath("go")
	if err != nil {
		b.Skip("needs go")
	}
	first(b, exe, func(t *tables) uint64 { return t.golang.entry(t.golang.count/2) + 1 })
}

// BenchmarkFirstNative does the same with a C++ program.
func BenchmarkFirstNative(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "dao")
	build(b, ".", nil, "g++", "-g", "-O2", "-o", exe, fixture(b, "c/dao.cc"))
	first(b, exe, func(t *tables) uint64 { return t.dwarf.index[0].low })
}

func first(b *testing.B, exe string, address func(*tables) uint64) {
	f, err := os.Open(exe)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
	for b.Loop() {
		t, err := readTables(f, info.Size(), true, time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		addr := address(t)
		if t.golang != nil && len(t.golang.locations(addr)) == 0 || t.golang == nil && len(t.dwarf.locations(addr)) == 0 {
			b.Fatal("no name")
		}
	}
}

// BenchmarkColdGo names an address that was not asked before.
func BenchmarkColdGo(b *testing.B) {
	exe := buildShop(b, "go", "-ldflags=-s -w")
	f, err := os.Open(exe)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	t, err := readTables(f, info.Size(), true, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		for t.golang.entry(i) == t.golang.entry(i+1) {
			i++
		}
		if len(t.golang.locations(t.golang.entry(i))) == 0 {
			b.Fatal("no name")
		}
		i = (i + 1) % t.golang.count
	}
}
