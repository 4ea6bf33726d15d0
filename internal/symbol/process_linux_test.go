package symbol

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// The test binary plays other parts, too: see TestMain.
const partVariable = "SOCKEYE_SYMBOL_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(partVariable) {
	case "":
		os.Exit(m.Run())
	case "own-root":
		ownRoot()
	case "nobody":
		nobody()
	}
}

func playPart(t *testing.T, exe, part string, args ...string) *exec.Cmd {
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	return cmd
}

// checkShopCode is the short form of checkShop.
func checkShopCode(t *testing.T, s *host.Stack) {
	t.Helper()
	if code, ok := s.Code(); !ok || code.Function != "main.look" || filepath.Base(code.File) != "main.go" || code.Line == 0 || s.Gap != host.NoGap {
		t.Errorf("Code() = %+v, %v, gap %q; want main.look in main.go", code, ok, s.Gap)
	}
}

func TestEndedProcess(t *testing.T) {
	t.Parallel()
	exe := buildShop(t, "go")
	n := newNamer(t)
	p := start(t, exec.Command(exe))
	pcs := append([]uint64{1}, p.pcs(t)...)
	n.Observe(p.pid)
	p.end()
	checkShopCode(t, n.Stack(p.pid, pcs))
	n.Observe(p.pid) // an event that comes late does not forget it
	checkShopCode(t, n.Stack(p.pid, pcs))

	s := newNamer(t).Stack(p.pid, pcs)
	if _, ok := s.Code(); ok || s.Gap != host.GapProcessEnded || len(s.Frames) != len(pcs) || s.Frames[1].Addr != pcs[1] {
		t.Errorf("not observed: %+v", s)
	}
}

// TestZombie names a process that has ended and was not waited for: it has a
// number, and nothing else.
func TestZombie(t *testing.T) {
	t.Parallel()
	p := start(t, exec.Command(buildC(t, false)))
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, int(p.pid), &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if s := newNamer(t).Stack(p.pid, []uint64{1, 2}); s.Gap != host.GapProcessEnded {
		t.Errorf("gap %q", s.Gap)
	}
}

func TestDeletedProgram(t *testing.T) {
	needRoot(t)
	t.Parallel()
	exe := buildShop(t, "go", "-ldflags=-s -w")
	p := start(t, exec.Command(exe))
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	// What lies there now is something else.
	if err := os.WriteFile(exe, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := newNamer(t).Stack(p.pid, append([]uint64{1}, p.pcs(t)...))
	checkShopCode(t, s)
	if s.Frames[1].Module != exe {
		t.Errorf("module %q", s.Frames[1].Module)
	}
}

// TestMappedLater names code that was mapped after the process was observed:
// its mappings are read again, but not for each stack.
func TestMappedLater(t *testing.T) {
	n := newNamer(t)
	now := time.Now()
	n.now = func() time.Time { return now }
	pid := int32(os.Getpid())
	n.Observe(pid)
	f, err := os.Open(buildC(t, false, "-g"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(code)
	addr := []uint64{uint64(uintptr(unsafe.Pointer(&code[64])))}
	if s := n.Stack(pid, addr); s.Frames[0].Module != "" {
		t.Errorf("read again at once: %+v", s.Frames[0])
	}
	now = now.Add(2 * rereadEvery)
	if s := n.Stack(pid, addr); s.Frames[0].Module != f.Name() {
		t.Errorf("not read again: %+v", s.Frames[0])
	}
}

// TestCodeMadeAtRunTime names addresses in executable memory of all kinds that
// no ELF file is behind.
func TestCodeMadeAtRunTime(t *testing.T) {
	memfd, err := unix.MemfdCreate("doublemapper", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memfd)
	if err := unix.Ftruncate(memfd, 8192); err != nil {
		t.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	for _, test := range []struct {
		name  string
		fd    int
		flags int
	}{
		{"anonymous", -1, unix.MAP_PRIVATE | unix.MAP_ANON},
		{"shared", -1, unix.MAP_SHARED | unix.MAP_ANON},
		{"memfd", memfd, unix.MAP_SHARED},
		{"device", int(zero.Fd()), unix.MAP_PRIVATE},
	} {
		code, err := unix.Mmap(test.fd, 0, 8192, unix.PROT_READ|unix.PROT_EXEC, test.flags)
		if err != nil {
			t.Fatal(err)
		}
		s := newNamer(t).Stack(int32(os.Getpid()), []uint64{uint64(uintptr(unsafe.Pointer(&code[64])))})
		if s.Gap != host.GapJIT || s.Frames[0].Own {
			t.Errorf("%s: gap %q, %+v", test.name, s.Gap, s.Frames[0])
		}
		unix.Munmap(code)
	}
}

func TestParseStatus(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21 22 111 24 333 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 555 46 47 48 0\n"
	want := status{generation: generation{start: 4242, code: 111, end: 24, stack: 333, args: 555}}
	for text, comm := range map[string]string{
		"(sh)": "sh", "(a b) S 1 (c)": "a b) S 1 (c", "())))": ")))", `(a\nb\\c\)`: "a\nb\\c\\", "(0123456789abcdefgh)": "0123456789abcde", "()": "",
	} {
		want.name = nameOf(comm)
		if s, err := parseStatus([]byte("77 " + text + rest)); s != want || err != nil {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	if _, err := parseStatus([]byte("77 (sh) Z 1 2")); !errors.Is(err, errEnded) {
		t.Errorf("zombie: %v", err)
	}
	for _, bad := range []string{"", "77", "77 (sh", "77 (sh) S 1 2", "77 (sh)" + strings.Replace(rest, "4242", "x", 1)} {
		if _, err := parseStatus([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestOtherRoot names a program in a mount namespace and a root of its own; at
// its path there is another file on this side.
func TestOtherRoot(t *testing.T) {
	needRoot(t)
	t.Parallel()
	exe := buildShop(t, "go", "-ldflags=-s -w")
	dir := t.TempDir()
	cmd := playPart(t, "/proc/self/exe", "own-root", exe, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	p := start(t, cmd)
	s := newNamer(t).Stack(p.pid, append([]uint64{1}, p.pcs(t)...))
	checkShopCode(t, s)
	if s.Frames[1].Module != "/etc/passwd" {
		t.Errorf("module %q", s.Frames[1].Module)
	}
	if _, err := os.Stat(filepath.Join(dir, "etc")); !os.IsNotExist(err) {
		t.Errorf("the file system of the program is visible here: %v", err)
	}
}

// ownRoot runs a program as /etc/passwd of a file system that nobody else sees.
func ownRoot() {
	exe, dir := os.Args[1], os.Args[2]
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	program, err := os.ReadFile(exe)
	must(err)
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(unix.Mount("none", dir, "tmpfs", 0, ""))
	must(os.Mkdir(dir+"/etc", 0o755))
	must(os.Mkdir(dir+"/old", 0o755))
	must(os.WriteFile(dir+"/etc/passwd", program, 0o755))
	must(unix.PivotRoot(dir, dir+"/old"))
	must(os.Chdir("/"))
	must(unix.Unmount("/old", unix.MNT_DETACH))
	must(unix.Exec("/etc/passwd", []string{"/etc/passwd"}, nil))
}

// TestNobody lets somebody without rights name processes: his own through exe
// and root, others not at all.
func TestNobody(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir, err := os.MkdirTemp("", "symbol")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	copyTo := func(name, from string) string {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	prog := buildC(t, true, "-g")
	test, program := copyTo("test", "/proc/self/exe"), copyTo("prog", prog)
	cmd := playPart(t, test, "nobody", program, fmt.Sprint(os.Getpid()))
	cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+dir)
	copyTo("libplug.so", filepath.Join(filepath.Dir(prog), "libplug.so"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := "own: tiny prog.c, gap \"\", libraries [" + filepath.Join(dir, "libplug.so") + ": plug]\nother: gap \"unreadable\"\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

func nobody() {
	p, err := launch(exec.Command(os.Args[1]))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer p.end()
	n := New(Options{})
	s := n.Stack(p.pid, p.printed())
	code, _ := s.Code()
	libs := []string{}
	for _, f := range s.Frames {
		if f.Function == "plug" {
			libs = append(libs, f.Module+": "+f.Function)
		}
	}
	fmt.Printf("own: %s %s, gap %q, libraries %v\n", code.Function, filepath.Base(code.File), s.Gap, libs)
	var other int32
	fmt.Sscan(os.Args[2], &other)
	fmt.Printf("other: gap %q\n", n.Stack(other, []uint64{1, 2}).Gap)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: map_files, mount namespaces")
	}
}

// TestInterpreter names addresses in an interpreter's own code.
func TestInterpreter(t *testing.T) {
	t.Parallel()
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("needs perl")
	}
	p := start(t, exec.Command(perl, "-e", `$| = 1; print "READY\n"; <STDIN>`))
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	maps, err := parseMaps(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if strings.HasPrefix(filepath.Base(m.path), "perl") {
			s := newNamer(t).Stack(p.pid, []uint64{m.start + 64, m.start + 128})
			if s.Gap != host.GapInterpreter || s.Frames[0].Own {
				t.Errorf("gap %q, frames %+v", s.Gap, s.Frames)
			}
			return
		}
	}
	t.Error("perl is not mapped")
}

// TestManyAtOnce has several goroutines name and forget several processes in a
// room that is too small for them.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	shop, prog := buildShop(t, "go"), buildC(t, true, "-g")
	targets := []*target{start(t, exec.Command(shop)), start(t, exec.Command(prog))}
	n := New(Options{Processes: 1, Files: 2, Tables: 64 << 10})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := targets[i%2]
			for range 5 {
				n.Observe(p.pid)
				if s := n.Stack(p.pid, append([]uint64{1}, p.pcs(t)...)); len(s.Frames) < 4 {
					t.Errorf("%d frames", len(s.Frames))
				}
			}
		})
	}
	wg.Wait()
	n.mu.Lock()
	if len(n.objects) > 2 || len(n.procs) > 1 {
		t.Errorf("%d files, %d processes remembered", len(n.objects), len(n.procs))
	}
	n.mu.Unlock()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if s := n.Stack(targets[0].pid, []uint64{1, 2}); s == nil {
		t.Error("no stack after Close")
	}
}

// TestForgets looks whether files are closed when nobody has asked for long.
func TestForgets(t *testing.T) {
	p := start(t, exec.Command(buildC(t, false, "-static")))
	n := newNamer(t)
	now := time.Now()
	n.now = func() time.Time { return now }
	held := func() (out int) {
		links, _ := filepath.Glob("/proc/self/fd/*")
		for _, l := range links {
			if to, _ := os.Readlink(l); strings.HasSuffix(to, "/prog") && strings.Contains(to, t.Name()) {
				out++
			}
		}
		return out
	}
	n.Stack(p.pid, []uint64{1, p.pcs(t)[1]})
	if held() != 1 {
		t.Errorf("%d descriptors of the program", held())
	}
	now = now.Add(time.Minute)
	n.Observe(p.pid)
	if held() != 1 {
		t.Error("forgotten although it was needed a minute ago")
	}
	now = now.Add(3 * time.Minute)
	n.Observe(1)
	if held() != 0 || n.bytes.Load() != 0 {
		t.Errorf("%d descriptors, %d bytes held for a process that nobody asks for", held(), n.bytes.Load())
	}
}

// TestDropsTables looks whether tables that pass the limit make room, and are
// read again when needed.
func TestDropsTables(t *testing.T) {
	t.Parallel()
	p := start(t, exec.Command(buildC(t, false, "-static", "-g")))
	pcs := p.pcs(t)
	n := New(Options{Tables: 1})
	t.Cleanup(func() { n.Close() })
	for range 2 {
		s := n.Stack(p.pid, pcs)
		if code, ok := s.Code(); !ok || code.Function != "tiny" || code.Line == 0 {
			t.Errorf("Code() = %+v", code)
		}
		if held := n.bytes.Load(); held != 0 {
			t.Errorf("%d bytes held of 1", held)
		}
	}
}
