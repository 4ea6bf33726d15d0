package ledger

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A full disk: nothing may be begun, and what stood there stays as it was.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: a file system that is full")
		return
	}
	dir := t.TempDir()
	// In a mount namespace of this thread's own, which ends with it whatever happens.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatalf("unshare: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatalf("mount namespace: %v", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k,mode=0700"); err != nil {
		t.Fatalf("tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	l := open(t, dir)
	first := begin(t, l, "one")
	var err error
	for i := 0; i < 64 && err == nil; i++ {
		_, err = l.Begin("tune", note{fmt.Sprint(i)})
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("%v, want ENOSPC", err)
	}
	if err := l.Update(first, Done, note{"changed"}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("update: %v, want ENOSPC", err)
	}
	if e, err := l.Entry(1); err != nil || e.Status != Begun || first.Status != Begun {
		t.Errorf("%+v, %v", e, err)
	}
}
