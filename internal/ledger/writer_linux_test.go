package ledger

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An entry is abandoned only when its writer is gone for sure, and watched only when
// it is there for sure.
func TestWriter(t *testing.T) {
	me := thisProcess()
	if me == nil {
		t.Fatal("this process cannot tell itself apart")
	}
	over := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := over.Run(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(w *Writer)) *Writer {
		w := *me
		change(&w)
		return &w
	}
	for name, tt := range map[string]struct {
		writer      *Writer
		gone, there bool
	}{
		"at work":               {me, false, true},
		"ended":                 {with(func(w *Writer) { w.PID = int32(over.Process.Pid) }), true, false},
		"another has its pid":   {with(func(w *Writer) { w.StartTicks++ }), true, false},
		"before the last boot":  {with(func(w *Writer) { w.Boot = "00000000-0000-0000-0000-000000000000" }), true, false},
		"of another namespace":  {with(func(w *Writer) { w.PIDNS++; w.PID = 1 << 30 }), false, false},
		"nobody knows":          {nil, false, false},
		"crafted":               {with(func(w *Writer) { w.PID = -1 }), false, false},
		"without a boot's name": {&Writer{PID: 1 << 30, PIDNS: me.PIDNS}, false, false},
	} {
		e := &Entry{Writer: tt.writer}
		if e.Abandoned() != tt.gone || e.Watched() != tt.there {
			t.Errorf("%s: gone %v, there %v, want %v and %v", name, e.Abandoned(), e.Watched(), tt.gone, tt.there)
		}
	}
}

// An entry names who wrote it, whatever becomes of it.
func TestEntriesNameTheirWriter(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	e, err := l.Begin("test", map[string]int{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Update(e, Done, map[string]int{}); err != nil {
		t.Fatal(err)
	}
	read, err := l.Entry(e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if w := read.Writer; w == nil || w.PID != int32(os.Getpid()) || w.StartTicks == 0 || w.Boot == "" || !read.Watched() {
		text, _ := json.Marshal(read)
		t.Errorf("%s", text)
	}
}
