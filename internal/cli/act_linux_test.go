package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/collect"
	"sockeye/internal/host"
)

// onReal runs kill with what this machine tells of its processes, and no sockets.
func onReal(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	app := App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk, Getenv: func(string) string { return "" }, Width: 100}
	take := func(context.Context, collect.Options) (*host.Snapshot, error) { return &host.Snapshot{}, nil }
	root := newRoot(app)
	root.RemoveCommand(root.Commands()...)
	root.AddCommand(newKillCmd(app, take, collect.Inspect))
	code = execute(t.Context(), root, append(args, "--state", t.TempDir()), app)
	return code, out.String(), talk.String()
}

// The number of a thread and that of a process which is over are refused before
// anything is written or asked, and a dry run says the same.
func TestKillNumbersOfNoProcess(t *testing.T) {
	sleeper := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Wait() }()
	fd, err := unix.PidfdOpen(sleeper.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for errors.Is(err, unix.EINTR) || err == nil {
		var n int
		if n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); n == 1 {
			break
		}
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	pid, tid := strconv.Itoa(os.Getpid()), threads[len(threads)-1].Name()
	comm, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"--dry-run", "--yes"} {
		code, out, talk := onReal(t, "kill", tid, how)
		if code != exitNothing || out != "" || !strings.Contains(talk, tid+" is a thread of process "+strings.TrimSpace(string(comm))+"("+pid+")") ||
			!strings.Contains(talk, "hint: the whole process ends by its own number: sockeye kill "+pid) {
			t.Errorf("%s: code %d, %q, %q", how, code, out, talk)
		}
		over := strconv.Itoa(sleeper.Process.Pid)
		code, out, talk = onReal(t, "kill", over, how)
		if code != exitNothing || out != "" || !strings.Contains(talk, "("+over+") has ended already; nothing was done") || !strings.Contains(talk, "process "+pid) {
			t.Errorf("%s: code %d, %q, %q", how, code, out, talk)
		}
	}
}
