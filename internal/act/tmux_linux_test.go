package act

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

const ownerVar, endsVar = "SOCKEYE_TEST_OWNER", "SOCKEYE_TEST_ENDS"

// attached stands for a shell that came over a TCP connection, its stdin: it runs the
// command on a terminal of its own until that ends.
func attached(command []string) int {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return 3
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil || unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0) != nil {
		return 4
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return 5
	}
	go func() { _, _ = bytes.NewBuffer(nil).ReadFrom(master) }() // or the client waits for its screen
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = []string{"TERM=xterm", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if cmd.Run() != nil {
		return 6
	}
	return 0
}

// paned says what the guard of a pane's process thinks of a connection.
func paned() int {
	owner, _ := strconv.ParseInt(os.Getenv(ownerVar), 10, 32)
	local, remote, _ := strings.Cut(os.Getenv(endsVar), " ")
	s := socketOf(tcp.Established, local, remote, int32(owner))
	g, err := NewGuard()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	g.Learn(&host.Snapshot{Sockets: []tcp.Socket{s}})
	fmt.Printf("%q\n", g.Socket(&s, []int32{int32(owner)}, false))
	return 0
}

// A pane's environment tells nothing, and its tmux was started by somebody else: the
// connection that the terminal comes over is spared all the same, while its client is
// attached, and is anybody's once it has gone.
func TestInsideOfRealTmux(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "pane") // t.TempDir() is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	tmux := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, "tmux", append([]string{"-S", path, "-f", "/dev/null"}, args...)...)
		cmd.Env = []string{"TERM=xterm", "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tmux("new-session", "-d", "cat")
	pid, err := strconv.Atoi(tmux("display-message", "-p", "#{pid}"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGTERM) }()
	tmux("set-hook", "-g", "client-attached", "wait-for -S attached")
	tmux("set-hook", "-g", "client-detached", "wait-for -S detached")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stdin, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	shell := exec.CommandContext(ctx, "/proc/self/exe", "tmux", "-S", path, "attach-session")
	shell.Env = append(os.Environ(), roleVar+"=attached")
	shell.Stdin = stdin
	shell.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	tmux("wait-for", "attached")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(env string) string {
		t.Helper()
		out := filepath.Join(dir, "out")
		tmux("new-window", "-d", fmt.Sprintf("env -i %s %s=paned %s=%d %s='%s %s' '%s' >%s 2>&1; tmux -S %s wait-for -S told",
			env, roleVar, ownerVar, shell.Process.Pid, endsVar, conn.LocalAddr(), conn.RemoteAddr(), self, out, path))
		tmux("wait-for", "told")
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	stale := "SSH_CONNECTION='192.0.2.7 50022 192.0.2.1 22'"
	for _, env := range []string{"", stale, "TMUX=x"} {
		if got := ask(env); got != `"viewer"` {
			t.Errorf("attached, %q: %s", env, got)
		}
	}
	tmux("detach-client", "-s", "0")
	tmux("wait-for", "detached")
	if err := shell.Wait(); err != nil {
		t.Errorf("the shell: %v", err)
	}
	if got := ask(""); got != `""` {
		t.Errorf("once it has gone: %s", got)
	}
}
