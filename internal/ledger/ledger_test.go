package ledger

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

type note struct {
	Text string `json:"text"`
}

func open(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func begin(t *testing.T, l *Ledger, text string) *Entry {
	t.Helper()
	e, err := l.Begin("tune", note{text})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEntriesSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l := open(t, dir)
	first, second := begin(t, l, "one"), begin(t, l, "two")
	if first.ID != 1 || second.ID != 2 || first.By == "" || first.At.IsZero() {
		t.Errorf("%+v, %+v", first, second)
	}
	if err := l.Update(first, RolledBack, note{"one, undone"}); err != nil {
		t.Fatal(err)
	}
	again, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	all, damaged := again.Entries()
	if len(all) != 2 || len(damaged) != 0 || all[0].Status != RolledBack || all[1].Status != Begun {
		t.Fatalf("%+v, %v", all, damaged)
	}
	var n note
	if err := json.Unmarshal(all[0].Body, &n); err != nil || n.Text != "one, undone" {
		t.Errorf("%q, %v", n.Text, err)
	}
}

// What a crash leaves of a write is not seen, and is in nobody's way.
func TestHalfWrittenEntry(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	begin(t, l, "one")
	if err := os.WriteFile(filepath.Join(dir, "."+nameOf(2)+".new"), []byte(`{"id":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, damaged := l.Entries(); len(all) != 1 || len(damaged) != 0 {
		t.Errorf("%+v, %v", all, damaged)
	}
	if e := begin(t, l, "two"); e.ID != 2 {
		t.Errorf("entry %d", e.ID)
	}
}

func TestDamagedEntries(t *testing.T) {
	tests := []struct{ name, text string }{
		{"no JSON", "{"}, {"empty", ""}, {"another's number", `{"id":7,"kind":"tune","status":"done","body":{}}`},
		{"huge", string(make([]byte, entryMax+1))},
		{"unknown status", `{"id":2,"kind":"tune","status":"bogus","body":{}}`}, {"no status", `{"id":2,"kind":"tune","body":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			begin(t, l, "one")
			if err := os.WriteFile(filepath.Join(dir, nameOf(2)), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			all, damaged := l.Entries()
			if len(all) != 1 || len(damaged) != 1 || !errors.Is(damaged[0], ErrDamaged) {
				t.Errorf("%+v, %v", all, damaged)
			}
			if e := begin(t, l, "three"); e.ID != 3 {
				t.Errorf("entry %d, must not replace a damaged one", e.ID)
			}
		})
	}
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	unlock, err := a.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	unlock, err = b.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestUnsafeDirectories(t *testing.T) {
	unix := func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("of Unix: private_windows_test.go has what is unsafe there")
		}
	}
	t.Run("others may write", func(t *testing.T) {
		unix(t)
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a planted link", func(t *testing.T) {
		unix(t)
		dir := t.TempDir()
		link := filepath.Join(dir, "state")
		if err := os.Symlink(t.TempDir(), link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{link, link + "/", link + "//", link + "/."} {
			if _, err := Open(name); !errors.Is(err, ErrUnsafe) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := Read(name); !errors.Is(err, ErrUnsafe) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no name", func(t *testing.T) {
		if _, err := Open(""); err == nil {
			t.Error("the working directory was taken")
		}
	})
	t.Run("none", func(t *testing.T) {
		if _, err := Read(filepath.Join(t.TempDir(), "state")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
}

// An entry that leads out of the directory is not followed.
func TestEntryThatIsALink(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(`{"id":1,"status":"done"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, nameOf(1))); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if _, err := os.Readlink(filepath.Join(dir, nameOf(1))); err != nil {
		t.Skipf("no symbolic links here, though one was made (Wine): %v", err)
	}
	if all, damaged := l.Entries(); len(all) != 0 || len(damaged) != 1 {
		t.Errorf("%+v, %v", all, damaged)
	}
}
