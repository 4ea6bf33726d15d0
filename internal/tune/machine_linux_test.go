package tune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"sockeye/internal/ledger"
)

// diesAt is set in the process that kills itself before one of its steps.
const diesAt = "SOCKEYE_TEST_DIES_AT"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(diesAt)); err == nil {
		if err := dies(n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// alone runs f on a thread that is alone in a new network namespace, and tells its
// inode. Without root it says what it leaves out.
func alone(t *testing.T, f func(netns uint64)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("left out without root: settings of a network namespace of its own")
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends, and the namespace with it
		defer close(done)
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			done <- err
			return
		}
		f(st.Ino)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func setting(t *testing.T, netns uint64, name string) string {
	t.Helper()
	v, err := Kernel().Get(spaceOf(t, netns), name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return v
}

func spaceOf(t *testing.T, netns uint64) Space {
	t.Helper()
	s, err := Kernel().Space(netns)
	if err != nil {
		t.Error(err)
	}
	return s
}

func kernelTuner(t *testing.T, state string) *Tuner {
	t.Helper()
	l, err := ledger.Open(state)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { _ = l.Close() })
	return &Tuner{Machine: Kernel(), Ledger: l}
}

func TestKernelTakesAndGivesBack(t *testing.T) {
	alone(t, func(netns uint64) {
		s, err := Kernel().Space(netns)
		if err != nil || s.Host || s.Boot == "" || s.NetNS != netns {
			t.Errorf("%+v, %v", s, err)
		}
		list := ""
		for port := 20000; port < 24000; port += 2 { // longer than a page
			list += fmt.Sprintf("%d,", port)
		}
		list += "30000-30010"
		changes := []Change{
			{Setting: "net.ipv4.ip_local_port_range", NetNS: netns, From: setting(t, netns, "net.ipv4.ip_local_port_range"), To: "10240 65535"},
			{Setting: "net.ipv4.ip_local_reserved_ports", NetNS: netns, From: "", To: list},
			{Setting: "net.core.somaxconn", NetNS: netns, From: setting(t, netns, "net.core.somaxconn"), To: "8192"},
		}
		tu := kernelTuner(t, filepath.Join(t.TempDir(), "state"))
		e, err := apply(tu, t.Context(), changes, false)
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range changes {
			if got := setting(t, netns, c.Setting); !same(c.Setting, got, c.To) {
				t.Errorf("%s is %.60q", c.Setting, got)
			}
		}
		if _, err := tu.Rollback(t.Context(), e.ID, ""); err != nil {
			t.Error(err)
		}
		for _, c := range changes {
			if got := setting(t, netns, c.Setting); !same(c.Setting, got, c.From) {
				t.Errorf("%s is %.60q, was %q", c.Setting, got, c.From)
			}
		}
	})
}

// A range below the privileged ports is refused: then nothing of the plan stays.
func TestKernelRefuses(t *testing.T) {
	alone(t, func(netns uint64) {
		if err := Kernel().Set(spaceOf(t, netns), "net.ipv4.ip_unprivileged_port_start", "20000"); err != nil {
			t.Error(err)
		}
		tu := kernelTuner(t, filepath.Join(t.TempDir(), "state"))
		reuse := Change{Setting: "net.ipv4.tcp_tw_reuse", NetNS: netns, From: setting(t, netns, "net.ipv4.tcp_tw_reuse"), To: "1"}
		ports := Change{Setting: "net.ipv4.ip_local_port_range", NetNS: netns, From: setting(t, netns, "net.ipv4.ip_local_port_range"), To: "10240 65535"}
		if _, err := apply(tu, t.Context(), []Change{reuse, ports}, false); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%v, want EINVAL", err)
		}
		for _, c := range []Change{reuse, ports} {
			if got := setting(t, netns, c.Setting); got != c.From {
				t.Errorf("%s is %s, was %s", c.Setting, got, c.From)
			}
		}
	})
}

// The kernel joins ports into ranges: other words for the same list.
func TestKernelRewords(t *testing.T) {
	alone(t, func(netns uint64) {
		tu := kernelTuner(t, filepath.Join(t.TempDir(), "state"))
		e, err := apply(tu, t.Context(), []Change{{Setting: "net.ipv4.ip_local_reserved_ports", NetNS: netns, From: "", To: "100,101,102,8080"}}, false)
		if err != nil {
			t.Error(err)
			return
		}
		if got := setting(t, netns, "net.ipv4.ip_local_reserved_ports"); got != "100-102,8080" {
			t.Errorf("%q", got)
		}
		if u, err := tu.Rollback(t.Context(), e.ID, ""); err != nil || len(u.Restored) != 1 {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

func TestReadOnlyProcSys(t *testing.T) {
	alone(t, func(netns uint64) {
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, "")
		}
		if err == nil {
			err = unix.Mount("", "/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
		if err != nil {
			t.Errorf("a read-only /proc/sys: %v", err)
			return
		}
		tu := kernelTuner(t, filepath.Join(t.TempDir(), "state"))
		from := setting(t, netns, "net.ipv4.tcp_tw_reuse")
		_, err = apply(tu, t.Context(), []Change{{Setting: "net.ipv4.tcp_tw_reuse", NetNS: netns, From: from, To: "1"}}, false)
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%v, want EROFS", err)
		}
		if all, _ := tu.Ledger.Entries(); len(all) != 1 || all[0].Status != ledger.Failed {
			t.Errorf("%+v", all)
		}
	})
}

// dies applies two changes in the namespace that it was started in, and kills
// itself before the n-th step.
func dies(n int) error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		return err
	}
	l, err := ledger.Open(os.Getenv("SOCKEYE_TEST_STATE"))
	if err != nil {
		return err
	}
	tu := &Tuner{Machine: Kernel(), Ledger: l}
	steps := 0
	tu.Step = func(string) {
		if steps == n {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {} // until it arrives
		}
		steps++
	}
	_, err = apply(tu, context.Background(), twoChanges(st.Ino), false)
	return err
}

func twoChanges(netns uint64) []Change {
	return []Change{
		{Setting: "net.ipv4.tcp_tw_reuse", NetNS: netns, From: "0", To: "1"},
		{Setting: "net.core.somaxconn", NetNS: netns, From: "1000", To: "2000"},
	}
}

// Killed by the kernel itself, between any two writes: the next run leaves all of
// it or nothing.
func TestKillNine(t *testing.T) {
	alone(t, func(netns uint64) {
		for _, c := range twoChanges(netns) {
			if err := Kernel().Set(spaceOf(t, netns), c.Setting, c.From); err != nil {
				t.Error(err)
				return
			}
		}
		state := filepath.Join(t.TempDir(), "state")
		for n := range 20 {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), diesAt+"="+strconv.Itoa(n), "SOCKEYE_TEST_STATE="+state)
			out, err := cmd.CombinedOutput()
			tu := kernelTuner(t, state)
			if _, e := tu.RollbackAll(t.Context()); e != nil {
				t.Errorf("step %d: %v", n, e)
			}
			for _, c := range twoChanges(netns) {
				if got := setting(t, netns, c.Setting); got != c.From {
					t.Errorf("step %d: %s is %s, was %s", n, c.Setting, got, c.From)
				}
			}
			if err == nil {
				if n < 4 {
					t.Errorf("it came through after %d steps: %s", n, out)
				}
				return
			}
			if cmd.ProcessState.Sys().(interface{ Signal() unix.Signal }).Signal() != unix.SIGKILL {
				t.Errorf("step %d: %v: %s", n, err, out)
				return
			}
		}
		t.Error("it never came through")
	})
}
