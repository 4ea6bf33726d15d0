package tune

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/ledger"
)

// A full disk keeps nobody from taking back what is in force: the values come first,
// and the ledger follows when it can.
func TestRollbackOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: a file system that is full")
		return
	}
	b := newBench(t)
	if err := os.Mkdir(b.state, 0o700); err != nil {
		t.Fatal(err)
	}
	// In a mount namespace of this thread's own, which ends with it whatever happens.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatalf("unshare: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatalf("mount namespace: %v", err)
	}
	if err := unix.Mount("tmpfs", b.state, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Fatalf("tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.state, unix.MNT_DETACH) })
	values := maps.Clone(b.values)
	changes := []Change{reuse("2", "1"), ports("32768 60999", "10240 65535")}
	if _, err := apply(b.tuner(t), t.Context(), changes, false); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(b.state, "fill")
	f, err := os.Create(fill)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	_ = f.Close()
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("%v, want ENOSPC", err)
	}

	u, err := b.tuner(t).Rollback(t.Context(), 1, "")
	if !errors.Is(err, ErrNotNoted) || errors.Is(err, ErrNotUndone) || u == nil || len(u.Restored) != 2 || len(b.values) != len(values) || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%+v, %v, %v", u, err, b.values)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}, false); !errors.Is(err, unix.ENOSPC) || b.values["net.core.somaxconn"] != "128" {
		t.Errorf("a change that nobody could undo was made: %v, %v", err, b.values)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil {
		t.Error(err)
	}
	if all, _ := b.tuner(t).Status(); len(all) != 1 || all[0].Entry.Status != ledger.RolledBack {
		t.Errorf("%+v", all)
	}
}
