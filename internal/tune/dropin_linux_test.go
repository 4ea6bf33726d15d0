package tune

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A FIFO in a directory's place would keep its reader waiting for ever.
func TestFIFOInADirectorysPlace(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"run/systemd/system/shop.service.d", "etc/systemd/system/service.d", "run/sysctl.d"} {
		name = filepath.Join(b.root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.symlink(t, "/run/sysctl.d", "usr/lib/sysctl.d")
	changes := []Change{reuse("2", "1"), nofile("shop.service", "1024", "65536")}
	if _, err := apply(b.tuner(t), t.Context(), changes, true); err != nil {
		t.Error(err)
	}
}

// A FIFO where a file has to go is refused, and nobody waits for it.
func TestFIFOInTheFilesPlace(t *testing.T) {
	for _, name := range []string{"etc/sysctl.d", settingsFile, filepath.Dir(shopDropIn), shopDropIn} {
		b := newBench(t)
		full := filepath.Join(b.root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), syscall.Mkfifo(full, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1"), nofile("shop.service", "1024", "65536")}, true); !errors.Is(err, ErrForeignFile) || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Files that cannot be written are found out before a value is changed, and keep
// nobody from undoing what never reached them.
func TestReadOnlyFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: a mount that is read-only")
		return
	}
	b := newBench(t)
	if err := os.Mkdir(filepath.Join(b.root, "etc/sysctl.d"), 0o755); err != nil {
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
	if err := unix.Mount(b.root, b.root, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("bind: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.root, unix.MNT_DETACH) })
	tu := b.tuner(t)
	steps := 0
	tu.Step = func(string) { steps++ }
	lock := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", b.root, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatalf("remount: %v", err)
		}
	}
	lock(unix.MS_RDONLY)
	values := maps.Clone(b.values)
	changes := []Change{reuse("2", "1"), nofile("shop.service", "1024", "65536")}
	for _, c := range [][]Change{changes, changes[:1], changes[1:]} {
		if _, err := apply(tu, t.Context(), c, true); !errors.Is(err, unix.EROFS) || !maps.Equal(b.values, values) || steps != 0 {
			t.Errorf("%v, %v, %d steps", err, b.values, steps)
		}
	}
	if all, _ := tu.Ledger.Entries(); len(all) != 0 {
		t.Errorf("%+v", all)
	}

	lock(0)
	crashed, _ := crash(tu, 4, func() error { _, err := apply(tu, t.Context(), changes, true); return err })
	if !crashed || b.values["net.ipv4.tcp_tw_reuse"] != "1" || len(b.files(t)) != 0 {
		t.Fatalf("it was not ended between value and file: %v, %v", b.values, b.files(t))
	}
	lock(unix.MS_RDONLY)
	if _, err := b.tuner(t).Recover(t.Context()); err != nil || !maps.Equal(b.values, values) {
		t.Errorf("%v, %v", err, b.values)
	}
}
