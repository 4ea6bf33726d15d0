package collect

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"sockeye/internal/host"
)

// told is what the role "look" saw.
type told struct {
	Refused bool // ErrNotPermitted
	Err     string
	Blind   []host.BlindSpot
}

// lookAndTell is the role of a process that looks at a namespace.
func lookAndTell(netns string) {
	sn, err := Take(context.Background(), Options{NetNS: netns, SocketsOnly: true})
	out := told{Refused: errors.Is(err, ErrNotPermitted)}
	if err != nil {
		out.Err = err.Error()
	} else {
		out.Blind = sn.BlindSpots
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

// lookAsNobody looks at a namespace without any privilege.
func lookAsNobody(t *testing.T, netns string) (out told) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: to give it up")
	}
	cmd := exec.Command("/proc/self/exe", netns)
	cmd.Env = append(os.Environ(), roleVar+"=look")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func TestNamespaceOfSomebodyElse(t *testing.T) {
	pid, _ := play(t)
	got := lookAsNobody(t, strconv.Itoa(int(pid)))
	if !got.Refused || got.Err != "process "+strconv.Itoa(int(pid))+": "+ErrNotPermitted.Error() {
		t.Errorf("process of root: %+v", got)
	}
	if got := lookAsNobody(t, "2147483647"); got.Refused || got.Err == "" {
		t.Errorf("pid of nobody: %+v", got)
	}
}

func TestRefusedAtTheDoor(t *testing.T) {
	l := &look{blind: &blindness{}}
	l.fail("netns-no-permission", &namespace{inode: 7}, os.NewSyscallError("setns", syscall.EPERM))
	if !errors.Is(l.failed, ErrNotPermitted) || l.failed.Error() != "network namespace 7: "+ErrNotPermitted.Error() {
		t.Errorf("refused: %v", l.failed)
	}
	l = &look{blind: &blindness{}}
	l.fail("netns-unread", &namespace{inode: 7}, syscall.EIO)
	if errors.Is(l.failed, ErrNotPermitted) || !errors.Is(l.failed, syscall.EIO) {
		t.Errorf("unread: %v", l.failed)
	}
}
