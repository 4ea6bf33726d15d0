//go:build amd64 || arm64

package trace

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// steerPackets makes the loopback interface of this thread's namespace hand its
// packets to all CPUs, by inter-processor interrupt, as a network card does
// (Documentation/networking/scaling.rst, RPS). Otherwise a CPU receives what it
// sends right after sending it, and interrupts nothing.
func steerPackets(t *testing.T) {
	t.Helper()
	// sysfs shows the namespace that mounted it; nobody else sees this mount.
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unix.Mount("sysfs", dir, "sysfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	mask := fmt.Appendf(nil, "%x", 1<<min(runtime.NumCPU(), 32)-1)
	if err := os.WriteFile(filepath.Join(dir, "class/net/lo/queues/rx-0/rps_cpus"), mask, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
}

// connectFromThreads makes n blocking connections to addr on each of several
// threads in the namespace of the calling thread. It wants every one refused.
func connectFromThreads(t *testing.T, threads, n int, addr netip.AddrPort) {
	t.Helper()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: it is in another namespace
			if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
				t.Error(err)
				return
			}
			for range n {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if err := unix.Connect(fd, sockaddr(addr)); err != unix.ECONNREFUSED {
					t.Errorf("connect: %v, want ECONNREFUSED", err)
				}
				unix.Close(fd)
			}
		})
	}
	wg.Wait()
}

// Packets that arrive while a program runs change the state of other sockets.
// A machine may keep processes of its own from being traced, and with them the
// packets received in their time: so the proof is one round that was interrupted
// and yet complete. Without the second state program there is none.
func TestInterruptedProgramsMissNothing(t *testing.T) {
	ns := enterNetNS(t)
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs: one is interrupted by the other")
	}
	steerPackets(t)
	_, closed := bind(t, "127.0.0.1:0")
	const threads, each, all = 8, 500, 8 * 500
	compare := cmpopts.EquateComparable(netip.AddrPort{})
	for round := range 40 {
		tracer := attached(t, Options{NoStacks: true})
		connectFromThreads(t, threads, each, closed)
		stats, err := tracer.objects.StateChange.Stats()
		if err != nil {
			t.Fatal(err)
		}
		activity := ended(t, tracer)
		connects, failures := ours(t, activity, ns)
		// A failure whose state change nobody saw is told by the call.
		if diff := cmp.Diff([]host.Failure{failure("connect", unix.ECONNREFUSED, closed, all)}, failures, compare); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		if len(connects) != 1 || connects[0].Opened != all || connects[0].Failed > all {
			t.Fatalf("connects: %+v", connects)
		}
		missing := all - connects[0].Failed
		t.Logf("round %d: %d events missed by the first program, %d by both", round, stats.RecursionMisses, missing)
		if stats.RecursionMisses >= 10 && missing == 0 {
			return
		}
	}
	t.Error("no round was interrupted and complete")
}
