package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/cli"
)

// addFixtures adds the command "in-netns ARGS": sockeye with those arguments,
// in a network namespace of its own that holds a known set of sockets (see
// openFixture). The namespace dies with the process.
func addFixtures(commands map[string]func()) {
	commands["in-netns"] = func() { os.Exit(inNetNS(os.Args[1:])) }
	commands["fixture-in-netns"] = func() { os.Exit(runFixture(os.Args[1:])) }
}

// condition answers [root] and [netns] of the scripts: may this user make a
// namespace? For root the answer must be yes, so that nothing is left out unseen.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "netns":
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	exe, err := os.Executable()
	if err != nil {
		return false, err
	}
	probe := isolated(exe, "-test.run=^$")
	err = probe.Run()
	if err != nil && os.Geteuid() == 0 {
		return false, fmt.Errorf("root cannot make a network namespace: %w", err)
	}
	return err == nil, nil
}

func isolated(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return cmd
}

func inNetNS(args []string) int {
	runtime.LockOSThread() // Pdeathsig follows the thread
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	cmd := isolated(filepath.Join(filepath.Dir(exe), "fixture-in-netns"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return 0
}

func runFixture(args []string) int {
	held, err := openFixture()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fixture:", err)
		return 99
	}
	code := cli.Run(context.Background(), args, cli.System())
	runtime.KeepAlive(held)
	return code
}

// openFixture opens, all on 127.0.0.1: a listener on 8080; to it, from port
// 40001 an established connection, from 40002 one that the client closed first
// (TIME_WAIT there), from 40003 one whose server never closes (FIN_WAIT_2 and
// CLOSE_WAIT).
func openFixture() (held []io.Closer, err error) {
	if err := loopbackUp(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:8080")
	if err != nil {
		return nil, err
	}
	held = append(held, listener)
	for port := 40001; port <= 40003; port++ {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}}
		client, err := dialer.Dial("tcp4", "127.0.0.1:8080")
		if err != nil {
			return nil, err
		}
		server, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		held = append(held, client, server)
		if port == 40001 {
			continue
		}
		client.Close()
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("waiting for the end of the stream: %w", err)
		}
		if port == 40002 {
			server.Close()
		}
	}
	return held, awaitTimeWait()
}

// awaitTimeWait waits for what nothing announces: the kernel's table showing
// 127.0.0.1:40002 (9C42) in TIME_WAIT (06).
func awaitTimeWait() error {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		table, err := os.ReadFile("/proc/thread-self/net/tcp")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], ":9C42") && f[3] == "06" {
				return nil
			}
		}
	}
	return errors.New("no TIME_WAIT after 5 s")
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
