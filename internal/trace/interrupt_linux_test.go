//go:build amd64 || arm64

package trace

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sort"
	"strconv"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
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

// Packets that arrive while a program runs change the state of other sockets.
func TestInterruptedProgramsMissNothing(t *testing.T) {
	ns := enterNetNS(t)
	steerPackets(t)
	_, closed := bind(t, "127.0.0.1:0")
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	const workers, each = 8, 4000
	cl, _ := ebpf.EnableStats(0); defer cl.Close()
	w, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rl, err := link.AttachTracing(link.TracingOptions{Program: w.objects.RcvReset})
	if err != nil { t.Fatal(err) }
	rl2, err := link.AttachTracing(link.TracingOptions{Program: w.objects.ErrReport})
	if err != nil { t.Fatal(err) }
	cg, err := link.AttachCgroup(link.CgroupOptions{Path: os.Getenv("CG"), Attach: ebpf.AttachCGroupSockOps, Program: w.objects.Sops}); if err != nil { t.Fatal(err) }; defer cg.Close()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			runtime.LockOSThread() // never unlocked: it is in another namespace
			if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
				t.Error(err)
				return
			}
			for range each {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if err := unix.Connect(fd, sockaddr(closed)); err != unix.ECONNREFUSED {
					t.Error(err)
				}
				unix.Close(fd)
			}
		})
	}
	wg.Wait()
	misses := make([]uint64, 0, 3)
	for _, p := range w.programs() {
		stats, err := p.Stats()
		if err != nil {
			t.Fatal(err)
		}
		misses = append(misses, stats.RecursionMisses, stats.RunCount, stats.RunCount+stats.RecursionMisses)
	}
	t.Log("missed by each program:", misses)
	{ b, _ := os.ReadFile("/proc/thread-self/net/snmp"); for _, l := range strings.Split(string(b), "\n") { if strings.HasPrefix(l, "Tcp:") { t.Log(l) } }; b, _ = os.ReadFile("/proc/thread-self/net/netstat"); ll := strings.Split(string(b), "\n"); h, v := strings.Fields(ll[0]), strings.Fields(ll[1]); for i := range h { if v[i] != "0" { t.Log(h[i], v[i]) } } }
	{ rl2.Close()
	ks,_ := os.ReadFile("/proc/kallsyms"); type sym struct{a uint64;n string}; var syms []sym
	for _, l := range strings.Split(string(ks),"\n"){ f:=strings.Fields(l); if len(f)>2 { a,_:=strconv.ParseUint(f[0],16,64); syms=append(syms,sym{a,f[2]}) } }
	sort.Slice(syms,func(i,j int)bool{return syms[i].a<syms[j].a})
	var k activityNk; var v uint64
	it := w.objects.Nested.Iterate()
	for it.Next(&k,&v){
		if v < 20 && k.Good != 0 { continue }
		fmt.Print("STK", v, " good ",k.Good, k.Stack)
		var st [127]uint64
		w.objects.Stacks.Lookup(uint32(k.Stack),&st)
		for _,a := range st { if a==0{break}; i:=sort.Search(len(syms),func(i int)bool{return syms[i].a>a}); if i>0 {fmt.Print(" ",syms[i-1].n)} }
		fmt.Println()
	}
	}
	{ rl.Close(); var k uint64; var v [8]uint64; n := 0; base := uint64(1<<63); it := w.objects.Dbg.Iterate(); for it.Next(&k, &v) { base = min(base, v[0]) }; it = w.objects.Dbg.Iterate(); for it.Next(&k,&v) { if v[2] == 0 { n++; if n < 60 { var ci activityCtxinfo; e := w.objects.Ops.Lookup(k, &ci); t.Log("DBG ops", e, (ci.When-base)/1000, ci.Cpu, string(ci.Comm[:])); t.Logf("DBG begin %d exit %d cpu %d to %d at +%d exits %d state %x exit at +%d rst at +%d", (v[0]-base)/1000, (v[6]-base)/1000, v[1], v[2], int64(v[3]-v[0]), v[4], v[5], int64(v[6]-v[0]), int64(v[7]-v[0])) } } }; t.Log("DBG", n) }
	activity, err := w.Stop()
	if err != nil {
		t.Fatal(err)
	}
	connects, failures := ours(t, activity, ns)
	const all = workers * each
	compare := cmpopts.EquateComparable(netip.AddrPort{})
	if diff := cmp.Diff([]host.Connects{{Remote: closed, Opened: all, Failed: all}}, connects, compare); diff != "" {
		t.Errorf("connects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]host.Failure{failure("connect", unix.ECONNREFUSED, closed, all)}, failures, compare); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}
