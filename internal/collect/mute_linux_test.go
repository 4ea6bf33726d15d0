package collect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// mute is the role of a process that hides a file system, which answers no
// look-up, where its own program lay. It tells when it is so and lives until its
// input ends; then the kernel lets go of whoever waits for the file system.
func mute(dir string) error {
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Mount("mute", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server)); err != nil {
		return os.NewSyscallError("mount(fuse)", err)
	}
	go serveMute(server)
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// serveMute answers as include/uapi/linux/fuse.h (v6.18) lays it down.
func serveMute(fd int) {
	const lookup, forget, getattr, initialise, interrupt = 1, 2, 3, 26, 36
	ne := binary.NativeEndian
	buf := make([]byte, 1<<18)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil || n < 40 {
			return
		}
		var body []byte
		failure := unix.Errno(0)
		switch ne.Uint32(buf[4:]) {
		case lookup, forget, interrupt:
			continue
		case initialise: // struct fuse_init_out
			body = make([]byte, 64)
			ne.PutUint32(body[0:], 7)
			ne.PutUint32(body[4:], 31)
			ne.PutUint32(body[20:], 4096) // max_write
		case getattr: // struct fuse_attr_out, of the root directory
			body = make([]byte, 16+88)
			ne.PutUint64(body[16:], 1)
			ne.PutUint32(body[16+60:], unix.S_IFDIR|0o555)
			ne.PutUint32(body[16+64:], 1)
		default:
			failure = unix.ENOSYS
		}
		out := make([]byte, 16, 16+len(body))
		ne.PutUint32(out[0:], uint32(16+len(body)))
		ne.PutUint32(out[4:], uint32(-int32(failure)))
		copy(out[8:16], buf[8:16])
		if _, err := unix.Write(fd, append(out, body...)); err != nil {
			return
		}
	}
}

// startMute starts one from a file that then gets another name, so that the
// kernel calls the one it had deleted.
func startMute(t *testing.T) *exec.Cmd {
	t.Helper()
	runtime.LockOSThread() // Pdeathsig is of the thread that starts it
	t.Cleanup(runtime.UnlockOSThread)
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts a file system in a private namespace")
	}
	if _, err := os.Stat("/dev/fuse"); errors.Is(err, os.ErrNotExist) {
		t.Skip("needs FUSE: ", err)
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	keep, dir := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "mute")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, dir)
	cmd.Env = append(os.Environ(), roleVar+"=mute")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	begin(t, cmd)
	t.Cleanup(func() { _ = in.Close() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v: %s", line, err, said.String())
	}
	if err := os.Link(path, filepath.Join(keep, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// A process that does not let itself be read costs a moment, once, and is shown
// with what is known of it all the same.
func TestMuteProcess(t *testing.T) {
	cmd := startMute(t)
	pid := int32(cmd.Process.Pid)
	hangs := &stuckReads{}
	for round := range 3 {
		ps := newDescriber(liveProc(), bootTime())
		ps.wait.stuck, ps.wait.each = hangs, 50*time.Millisecond
		var r blindness
		begin := time.Now()
		p := ps.read(pid, &r)
		took := time.Since(begin)
		if p == nil || !p.ExeDeleted || p.Name != "mute" || p.Cmdline != nil || p.FDs == nil || p.NetNS == 0 || p.StartTicks == 0 {
			t.Fatalf("round %d: %+v", round, p)
		}
		want := host.BlindSpot{Code: "process-hangs", Subject: fmt.Sprintf("pid %d", pid), Err: errHangs.Error(), Count: 1}
		if blind := r.list(); len(blind) != 1 || blind[0] != want {
			t.Errorf("round %d: not seen %+v", round, blind)
		}
		if round == 0 && took < 50*time.Millisecond || round > 0 && took > 40*time.Millisecond {
			t.Errorf("round %d took %v", round, took)
		}
		if len(hangs.set) != 1 {
			t.Errorf("round %d: %d threads hang", round, len(hangs.set))
		}
	}
	_ = cmd.Process.Kill()
	deadline := time.Now().Add(10 * time.Second)
	for n := 1; n > 0; {
		hangs.mu.Lock()
		n = len(hangs.set)
		hangs.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatal("the thread hangs after the process has ended")
		}
		runtime.Gosched()
	}
}
