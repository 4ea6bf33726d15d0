package collect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// start runs a copy of sleep under a name of its own and waits until it is that
// program: exec.Cmd.Start returns after execve(2).
func start(t *testing.T, name string) (cmd *exec.Cmd, path string) {
	t.Helper()
	program, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(path, "60")
	begin(t, cmd)
	return cmd, path
}

func begin(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// readProcess describes one process.
func readProcess(pid int32, r *blindness) *host.Process {
	return newDescriber(liveProc(), bootTime()).read(pid, r)
}

func TestReadOwnProcess(t *testing.T) {
	var r blindness
	p := readProcess(int32(os.Getpid()), &r)
	if p == nil || len(r.spots) > 0 {
		t.Fatalf("process %v, not seen %v", p, spots(&r))
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	if p.PID != int32(os.Getpid()) || p.PPID != int32(os.Getppid()) || p.Exe != exe || p.ExeDeleted ||
		!slices.Equal(p.Cmdline, os.Args) || p.UID != uint32(os.Geteuid()) || p.Runtime != host.Go || p.UDP != -1 {
		t.Errorf("own process: %+v", p)
	}
	if p.FDLimit == nil || *p.FDLimit != lim.Cur || p.FDHard != lim.Max {
		t.Errorf("limits of files %v and %d, want %d and %d", p.FDLimit, p.FDHard, lim.Cur, lim.Max)
	}
	if open, _ := os.ReadDir("/proc/self/fd"); p.FDs == nil || *p.FDs < 3 || *p.FDs > uint64(len(open))+8 {
		t.Errorf("open files %v, listed %d", p.FDs, len(open))
	}
	if link, _ := os.Readlink("/proc/self/ns/net"); link != fmt.Sprintf("net:[%d]", p.NetNS) {
		t.Errorf("namespace %d, want %s", p.NetNS, link)
	}
	if age := time.Since(p.Started); age < 0 || age > time.Hour {
		t.Errorf("started %v ago", age)
	}
	if os.Geteuid() == 0 && p.User != "root" {
		t.Errorf("user %q", p.User)
	}
}

// Counting by listing and by the directory's size must agree.
func TestOpenFilesBothWays(t *testing.T) {
	p := liveProc()
	if !p.countsFDs() {
		var u unix.Utsname
		_ = unix.Uname(&u)
		if major, minor := kernelVersion(t, unix.ByteSliceToString(u.Release[:])); major > 6 || major == 6 && minor >= 2 {
			t.Fatalf("Linux %d.%d should tell the number of files", major, minor)
		}
		t.Skip("needs Linux 6.2")
	}
	cmd, _ := start(t, "counted")
	d, err := p.openProcess(int32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	quick, err1 := d.openFiles(true)
	slow, err2 := d.openFiles(false)
	if err1 != nil || err2 != nil || quick != slow || quick == 0 {
		t.Errorf("%d, %v by size; %d, %v listed", quick, err1, slow, err2)
	}
}

func kernelVersion(t *testing.T, release string) (major, minor int) {
	t.Helper()
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major, minor
}

func TestDeletedExecutables(t *testing.T) {
	read := func(cmd *exec.Cmd) (string, bool) {
		t.Helper()
		var r blindness
		p := readProcess(int32(cmd.Process.Pid), &r)
		if p == nil {
			t.Fatal("gone")
		}
		return p.Exe, p.ExeDeleted
	}
	remove := func(path string) {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	cmd, path := start(t, "plain")
	if exe, deleted := read(cmd); exe != path || deleted {
		t.Errorf("running: %q, %v", exe, deleted)
	}
	// A hard link keeps the file, not the name that it was started by.
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	remove(path)
	if exe, deleted := read(cmd); exe != path || !deleted {
		t.Errorf("removed: %q, %v", exe, deleted)
	}
	cmd, path = start(t, "x (deleted)")
	if exe, deleted := read(cmd); exe != path || deleted {
		t.Errorf("really called so: %q, %v", exe, deleted)
	}
	remove(path)
	if exe, deleted := read(cmd); exe != path || !deleted {
		t.Errorf("really called so, and removed: %q, %v", exe, deleted)
	}
	// Another file that has the marked name must not be taken for the running one.
	cmd, path = start(t, "y")
	remove(path)
	if err := os.WriteFile(path+" (deleted)", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if exe, deleted := read(cmd); exe != path || !deleted {
		t.Errorf("decoy: %q, %v", exe, deleted)
	}
}

func TestHostileName(t *testing.T) {
	const name = "a) R 1 (\n\x1b["
	cmd, path := start(t, name)
	var r blindness
	p := readProcess(int32(cmd.Process.Pid), &r)
	if p == nil || p.Name != name || p.Exe != path || p.PPID != int32(os.Getpid()) || p.Runtime != "" || len(r.spots) > 0 {
		t.Errorf("%+v, not seen %v", p, spots(&r))
	}
}

func TestProcessesVanish(t *testing.T) {
	ps := newDescriber(liveProc(), bootTime())
	var r blindness
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range 100 {
		cmd := exec.Command(program)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waited := make(chan struct{})
		go func() { _ = cmd.Wait(); close(waited) }()
		for {
			p := ps.read(int32(cmd.Process.Pid), &r)
			if p == nil {
				break
			}
			seen++
			if p.PPID != int32(os.Getpid()) || p.StartTicks == 0 || p.Name == "" {
				t.Fatalf("half of a process: %+v", p)
			}
		}
		<-waited
	}
	if seen == 0 {
		t.Error("never saw one alive")
	}
	if len(r.spots) > 0 {
		t.Errorf("vanishing was taken for %+v", r.spots)
	}
}

// A number that is in use again must not mix two processes.
func TestReusedPID(t *testing.T) {
	const last = "/proc/sys/kernel/ns_last_pid"
	if os.Geteuid() != 0 {
		t.Skip("needs root: choosing the next pid")
	}
	ps := newDescriber(liveProc(), bootTime())
	var r blindness
	for range 200 {
		first, _ := start(t, "first")
		pid := int32(first.Process.Pid)
		dir, err := ps.proc.openProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.close()
		if ps.describe(dir, &r) == nil {
			t.Fatal("the living process was not seen")
		}
		_ = first.Process.Kill()
		_ = first.Wait()
		if err := os.WriteFile(last, []byte(strconv.Itoa(int(pid)-1)), 0o644); err != nil {
			t.Fatal(err)
		}
		second, _ := start(t, "second")
		if int32(second.Process.Pid) != pid {
			continue // somebody else was quicker
		}
		if p := ps.describe(dir, &r); p != nil {
			t.Errorf("of the old process: %+v", p)
		}
		if p := ps.read(pid, &r); p == nil || p.Name != "second" {
			t.Errorf("of the new process: %+v", p)
		}
		if len(r.spots) > 0 {
			t.Errorf("not seen: %+v", r.spots)
		}
		return
	}
	t.Error("no number could be used again in 200 attempts")
}

func TestFDPressure(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	// run starts a process with a limit that its open files, inherited ones
	// included, are a share of.
	run := func(limit func(open uint64) uint64) int32 {
		cmd := exec.Command("cat")
		cmd.ExtraFiles = slices.Repeat([]*os.File{null}, 20)
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		begin(t, cmd)
		// An echo: it has loaded its libraries and opens nothing any more.
		if _, err := in.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		n := limit(uint64(len(open)))
		if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			t.Fatal(err)
		}
		return int32(cmd.Process.Pid)
	}
	near := run(func(open uint64) uint64 { return open * 10 / 7 })
	below := run(func(open uint64) uint64 { return open*10/7 + 1 })
	over := run(func(open uint64) uint64 { return open - 3 })
	caged := run(func(uint64) uint64 { return 1 })
	var r blindness
	for _, p := range []procFS{liveProc(), {root: "/proc"}} { // with and without system calls
		got := p.fdPressure(&r)
		if !slices.IsSorted(got) || !slices.Contains(got, near) || !slices.Contains(got, over) ||
			slices.Contains(got, below) || slices.Contains(got, caged) {
			t.Errorf("live %v: %v; want %d and %d, not %d and %d", p.live, got, near, over, below, caged)
		}
	}
	if len(r.spots) > 0 {
		t.Errorf("not seen: %+v", r.spots)
	}
}

// asNobody runs f on a thread that has lost its privileges and dies with them.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: to give it up")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		// The raw system call changes this thread only, unlike syscall.Setresuid.
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); e != 0 {
			done <- e
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWithoutPrivileges(t *testing.T) {
	cmd, _ := start(t, "foreign")
	var r, none blindness
	var p *host.Process
	ns := &host.NetNS{Inode: 1}
	asNobody(t, func() {
		p = readProcess(int32(cmd.Process.Pid), &r)
		fdPressure(&none)
		readNetNS(ns, &none)
	})
	if p == nil || p.Name != "foreign" || p.Exe != "" || p.UID != 0 || p.FDLimit == nil || p.Cmdline == nil {
		t.Errorf("foreign process: %+v", p)
	}
	if len(r.spots) != 1 || r.spots[0].Code != "process-unreadable" || r.spots[0].Err == "" {
		t.Errorf("not seen: %+v", r.spots)
	}
	if len(none.spots) > 0 || len(ns.Settings) == 0 || len(ns.Counters) == 0 {
		t.Errorf("what everybody may see: not seen %+v, %d settings, %d counters", none.spots, len(ns.Settings), len(ns.Counters))
	}
}

func BenchmarkReadProcess(b *testing.B) {
	ps := newDescriber(liveProc(), bootTime())
	var r blindness
	b.ReportAllocs()
	for b.Loop() {
		if ps.read(int32(os.Getpid()), &r) == nil {
			b.Fatal("gone")
		}
	}
}

func BenchmarkFDPressure(b *testing.B) {
	var r blindness
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		fdPressure(&r)
		n++
	}
	pids, _ := filepath.Glob("/proc/[0-9]*")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n)/float64(len(pids)), "µs/process")
}
