package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noFlush lets fsync fail with EIO in this thread, which ends with its goroutine.
func noFlush() error {
	runtime.LockOSThread()
	// struct seccomp_data begins with the number of the call: seccomp(2).
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FSYNC, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if _, _, err := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); err != 0 {
		return err
	}
	return nil
}

// The first entry is lost with its directory when that is not on the disk.
func TestFirstEntryFlushesWhatTheDirectoryStandsIn(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"made", "there already"} {
		dir := filepath.Join(parent, name)
		if name != "made" {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		l := open(t, dir)
		var failed *fs.PathError
		done := make(chan error)
		go func() { // its thread ends with it
			if err := noFlush(); err != nil {
				done <- err
				return
			}
			_, err := l.Begin("tune", note{"one"})
			done <- err
		}()
		if err := <-done; !errors.Is(err, unix.EIO) || !errors.As(err, &failed) || failed.Path != parent {
			t.Errorf("%s: %v, want %s not flushed", name, err, parent)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		begin(t, l, "one")
	}
}

// What is no file is told apart, and nobody waits for it.
func TestEntriesThatAreNoFiles(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	begin(t, l, "one")
	if err := unix.Mkfifo(filepath.Join(dir, nameOf(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, nameOf(3)), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, dir, nameOf(4), "")
	if err := os.Truncate(filepath.Join(dir, nameOf(4)), 10<<30); err != nil { // sparse
		t.Fatal(err)
	}
	all, damaged := l.Entries()
	if len(all) != 1 || len(damaged) != 3 {
		t.Fatalf("%+v, %v", all, damaged)
	}
	for _, err := range damaged {
		if !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
}
