//go:build amd64 || arm64

package trace

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mountBPFFS gives the test's thread a BPF file system that nobody else sees.
func mountBPFFS(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	for _, err := range []error{
		unix.Unshare(unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("bpf", dir, "bpf", 0, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func left(t *testing.T, bpffs string) []string {
	t.Helper()
	found, err := filepath.Glob(bpffs + "/sockeye*/*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMemoryIsShared(t *testing.T) {
	ns := enterNetNS(t)
	dir := mountBPFFS(t)
	if _, err := Open(Options{Share: dir}); !errors.Is(err, ErrNotShared) {
		t.Errorf("Open before anybody shares: %v", err)
	}
	l, at := listen(t, "127.0.0.1:0", 16)
	tracer := attached(t, Options{Share: dir})
	if err := tracer.NotShared(); err != nil {
		t.Fatal(err)
	}
	p := connected(t, l, at)
	defer unix.Close(p.server)
	unix.Close(p.client)

	borrowed, err := Open(Options{Share: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer borrowed.Close()
	if life := livesOf(t, borrowed)[p.clientCookie]; life == nil || life.Opener == nil || life.Opener.PID != int32(os.Getpid()) {
		t.Errorf("life of the client: %+v", life)
	}
	if d := borrowed.Since().Sub(tracer.Since()).Abs(); d > time.Millisecond {
		t.Errorf("the memory begins at %v, its owner says %v", borrowed.Since(), tracer.Since())
	}
	// What was counted before it was opened is not told again.
	second := connected(t, l, at)
	defer unix.Close(second.client)
	defer unix.Close(second.server)
	activity, err := borrowed.Activity()
	if err != nil {
		t.Fatal(err)
	}
	if activity.Cut {
		t.Error("cut while its owner lives")
	}
	connects, _ := ours(t, activity, ns)
	if len(connects) != 1 || connects[0].Opened != 1 {
		t.Errorf("seen since: %+v", connects)
	}
	// Its owner ends: from then on nobody counts, and that is said.
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if activity, err = borrowed.Activity(); err != nil || !activity.Cut {
		t.Errorf("Activity of an ended tracer: %+v, %v", activity, err)
	}
	connects, _ = ours(t, activity, ns)
	if len(connects) != 1 || connects[0].Opened != 1 {
		t.Errorf("what was counted until then: %+v", connects)
	}
	if livesOf(t, borrowed)[second.clientCookie] == nil {
		t.Error("what was remembered is gone while it is being read")
	}
	if found := left(t, dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

func TestTheNextTracerTakesOver(t *testing.T) {
	dir := mountBPFFS(t)
	first, second := attached(t, Options{Share: dir}), attached(t, Options{Share: dir})
	id := func(m *tracerMaps) uint32 {
		n, err := mapID(m.About)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	shared := func() uint32 {
		m, err := Open(Options{Share: dir})
		if err != nil {
			return 0
		}
		defer m.Close()
		return id(&m.maps)
	}
	if got, want := shared(), id(&first.objects.tracerMaps); got != want {
		t.Errorf("map %d is shared, want %d of the first", got, want)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	want := id(&second.objects.tracerMaps)
	eventually(t, "the second shares", func() bool {
		if shared() == want {
			return true
		}
		// mounts belong to threads here: the offer's own goroutine sees none
		return second.share.claim() && shared() == want
	})
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if found := left(t, dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// Killed in the middle, a tracer leaves its maps pinned, but no program. The next
// one, or the next reader, removes them.
func TestPinsOfTheKilledAreRemoved(t *testing.T) {
	for _, who := range []string{"reader", "tracer"} {
		t.Run(who, func(t *testing.T) {
			dir := mountBPFFS(t)
			child := exec.Command("/proc/self/exe")
			child.Env = append(os.Environ(), childEnv+"="+dir)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer child.Process.Kill()
			for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "end"); {
			}
			m, err := Open(Options{Share: dir})
			if err != nil {
				t.Fatal("the child does not share:", err)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			child.Wait()
			if found := left(t, dir); len(found) == 0 {
				t.Fatal("nothing is left behind: this tests nothing")
			}
			if who == "reader" {
				if _, err := Open(Options{Share: dir}); !errors.Is(err, ErrNotShared) {
					t.Errorf("Open: %v", err)
				}
			} else {
				tracer := attached(t, Options{Share: dir})
				if err := tracer.NotShared(); err != nil {
					t.Error(err)
				}
				if err := tracer.Close(); err != nil {
					t.Error(err)
				}
			}
			if found := left(t, dir); len(found) > 0 {
				t.Errorf("left behind: %q", found)
			}
		})
	}
}

func TestWhatOthersCanWriteIsNotTrusted(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(dir string) error
	}{
		{"open to others", func(dir string) error {
			return errors.Join(os.Mkdir(baseDir(dir), 0o777), os.Chmod(baseDir(dir), 0o777))
		}},
		{"another's", func(dir string) error {
			return errors.Join(os.Mkdir(baseDir(dir), 0o700), os.Chown(baseDir(dir), 65534, 65534))
		}},
		{"a link", func(dir string) error { return os.Symlink(t.TempDir(), baseDir(dir)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := mountBPFFS(t)
			if err := tc.prepare(dir); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(baseDir(dir))
			if _, err := Open(Options{Share: dir}); !errors.Is(err, ErrNotShared) || !errors.Is(err, errUntrusted) {
				t.Errorf("Open: %v", err)
			}
			tracer := attached(t, Options{Share: dir})
			if err := tracer.NotShared(); !errors.Is(err, errUntrusted) {
				t.Errorf("Attach: %v", err)
			}
		})
	}
}

func TestWithoutBPFFS(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if _, err := Open(Options{Share: dir}); !errors.Is(err, ErrNotShared) || !errors.Is(err, ErrNoBPFFS) {
		t.Errorf("Open: %v", err)
	}
	tracer := attached(t, Options{Share: dir})
	if err := tracer.NotShared(); !errors.Is(err, ErrNoBPFFS) {
		t.Errorf("Attach: %v", err)
	}
}
