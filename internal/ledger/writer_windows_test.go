package ledger

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// An entry is abandoned only when its writer is gone for sure, and watched only when
// it is there for sure.
func TestWriter(t *testing.T) {
	me := thisProcess()
	if me == nil {
		t.Fatal("this process cannot tell itself apart")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	over := exec.Command(exe, "-test.run=^$")
	if err := over.Start(); err != nil {
		t.Fatal(err)
	}
	// It stays in the table of processes while this handle is open.
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(over.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	began, err := startOf(h)
	if err != nil || began == 0 || began < me.StartTicks {
		t.Fatalf("%d, this process %d: %v", began, me.StartTicks, err)
	}
	if err := over.Wait(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(w *Writer)) *Writer {
		w := *me
		change(&w)
		return &w
	}
	ended := &Writer{PID: int32(over.Process.Pid), StartTicks: began}
	check := func(name string, w *Writer, gone, there bool) {
		t.Helper()
		e := &Entry{Writer: w}
		if e.Abandoned() != gone || e.Watched() != there {
			t.Errorf("%s: gone %v, there %v, want %v and %v", name, e.Abandoned(), e.Watched(), gone, there)
		}
	}
	check("at work", me, false, true)
	check("ended, in the table still", ended, true, false)
	_ = windows.CloseHandle(h)
	check("ended", ended, true, false)
	check("another has its pid", with(func(w *Writer) { w.StartTicks-- }), true, false)
	check("the number beside", with(func(w *Writer) { w.PID++ }), true, false) // Windows opens this process
	check("nobody has its pid", with(func(w *Writer) { w.PID = 1 << 30 }), true, false)
	check("of Linux", with(func(w *Writer) { w.Boot = "00000000-0000-0000-0000-000000000000" }), false, false)
	check("of a pid namespace", with(func(w *Writer) { w.PID, w.PIDNS = 1<<30, 1 }), false, false)
	check("without a start", with(func(w *Writer) { w.PID, w.StartTicks = 1<<30, 0 }), false, false)
	check("nobody knows", nil, false, false)
	check("crafted", with(func(w *Writer) { w.PID = -1 }), false, false)
}

// An entry names who wrote it, whatever becomes of it.
func TestEntriesNameTheirWriter(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state"))
	e := begin(t, l, "one")
	if err := l.Update(e, Done, note{"done"}); err != nil {
		t.Fatal(err)
	}
	read, err := l.Entry(e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if w := read.Writer; w == nil || w.PID != int32(os.Getpid()) || w.StartTicks == 0 || w.Boot != "" || !read.Watched() {
		t.Errorf("%+v", read.Writer)
	}
}
