package collect

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A namespace that nobody lives in and that has no name where "ip netns" keeps them:
// it is there as long as somebody holds it, and has ended when nobody does.
func TestHiddenNetNS(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("left out without root: a network namespace that is hidden")
		return
	}
	inside := func(inode uint64) (at uint64, err error) {
		err = InNetNS(inode, func() error {
			at, err = linkInode("/proc/thread-self/ns/net", "net:[")
			return err
		})
		return at, err
	}

	t.Run("mounted elsewhere", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "a place with\ta tab")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		// The mount is in a mount namespace of its own, which ends with the shell.
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `unshare --net mount --bind /proc/self/ns/net "$1" && stat -Lc %i "$1" && read -r end`, "sh", file)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		inode, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if at, err := inside(inode); at != inode || err != nil {
			t.Errorf("in %d, not %d: %v", at, inode, err)
		}
		_ = in.Close()
		_ = cmd.Wait()
		if _, err := inside(inode); !errors.Is(err, ErrUnknownNetNS) {
			t.Errorf("it has ended: %v", err)
		}
	})

	t.Run("held open", func(t *testing.T) {
		type held struct {
			file *os.File
			err  error
		}
		made := make(chan held)
		go func() { // the thread ends with its goroutine, and leaves the namespace to who holds it
			runtime.LockOSThread()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				made <- held{nil, err}
				return
			}
			f, err := os.Open("/proc/thread-self/ns/net")
			made <- held{f, err}
		}()
		h := <-made
		if h.err != nil {
			t.Fatal(h.err)
		}
		inode, err := inodeOf(h.file.Fd())
		if err != nil {
			t.Fatal(err)
		}
		if at, err := inside(inode); at != inode || err != nil {
			t.Errorf("in %d, not %d: %v", at, inode, err)
		}
		_ = h.file.Close()
	})
}
