//go:build amd64 || arm64

package trace

import ("testing";"sync";"runtime";"os";"golang.org/x/sys/unix";"net/netip")

func TestZZ(t *testing.T) {
	ns := enterNetNS(t)
	_, at := listen(t, "127.0.0.1:0", 4096)
	_, closed := bind(t, "127.0.0.1:0")
	home, _ := os.Open("/proc/thread-self/ns/net")
	for range 20 {
	w, err := Watch(t.Context())
	if err != nil { t.Fatal(err) }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			runtime.LockOSThread()
			unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)
			for range 50 {
				for _, to := range []netip.AddrPort{at, closed} {
				fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
				unix.Connect(fd, sockaddr(to))
				unix.Close(fd)
				}
			}
		})
	}
	wg.Wait()
	w.detach()
	var per []uint64
	w.objects.Lost.Lookup(uint32(0), &per)
	s1, _ := w.objects.StateChange.Stats()
	s2, _ := w.objects.SyscallReturn.Stats()
	a, _ := w.Stop()
	c,f := ours(t,a,ns)
	if a.Lost > 0 {
		t.Log("lost", a.Lost, per, s1.RecursionMisses, s2.RecursionMisses, c, f)
	}
	}
}
