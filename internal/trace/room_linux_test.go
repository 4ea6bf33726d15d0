//go:build amd64 || arm64

package trace

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

func TestFullTableIsCounted(t *testing.T) {
	enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 1024)
	const room = 256 // the rest of the machine takes some of it, or all
	tracer := attached(t, Options{Lives: room, NoStacks: true})
	var cookies []uint64
	for range 300 {
		p := connected(t, l, at)
		t.Cleanup(func() { unix.Close(p.client); unix.Close(p.server) })
		cookies = append(cookies, p.clientCookie, p.serverCookie)
	}
	lives := livesOf(t, tracer)
	known := 0
	for _, c := range cookies {
		if lives[c] != nil {
			known++
		}
	}
	lost, err := tracer.losses()
	if err != nil {
		t.Fatal(err)
	}
	if known > room || int(lost.Lives) < len(cookies)-known {
		t.Errorf("%d of %d known, %d lost", known, len(cookies), lost.Lives)
	}
}

func TestTimeWaitGivesWay(t *testing.T) {
	enterNetNS(t)
	l, at := listen(t, "127.0.0.1:0", 1024)
	tracer := attached(t, Options{Lives: 4096, NoStacks: true})
	var last uint64
	for range 6000 {
		p := connected(t, l, at)
		unix.Close(p.client)
		unix.Close(p.server)
		last = p.clientCookie
	}
	lost, err := tracer.losses()
	if err != nil {
		t.Fatal(err)
	}
	if lost.Evicted < 1000 {
		t.Errorf("lost %+v", lost)
	}
	if livesOf(t, tracer)[last] == nil {
		t.Error("the last TIME_WAIT is not remembered")
	}
}

func TestFullFlowsAreFolded(t *testing.T) {
	ns := enterNetNS(t)
	spec, err := loadTracer()
	if err != nil {
		t.Fatal(err)
	}
	const room = 2048
	tracer, err := attach(t.Context(), spec, Options{NoStacks: true}, sizes{lives: 1 << 16, flows: room, idle: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	const attempts = 2 * room
	for i := range attempts {
		fd := newTCP(t, unix.AF_INET)
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)}), 1000)
		expect(t, unix.ECONNREFUSED, unix.Connect(fd, sockaddr(to)))
		unix.Close(fd)
	}
	// Who opened a connection is known whether it is counted or not.
	l, at := listen(t, "127.0.0.1:0", 16)
	p := connected(t, l, at)
	defer unix.Close(p.client)
	defer unix.Close(p.server)
	lives := livesOf(t, tracer)
	for _, cookie := range []uint64{p.clientCookie, p.serverCookie} {
		if life := lives[cookie]; life == nil || life.Opener == nil || life.Opener.PID != int32(os.Getpid()) {
			t.Errorf("a connection without room for its flow: %+v", life)
		}
	}
	activity := ended(t, tracer)
	var opened, failed, folded uint64
	for _, f := range activity.Outgoing {
		if f.NetNS == ns {
			opened, failed = opened+f.Opened, failed+f.Failed
			if f.Remote.Addr().IsUnspecified() {
				folded += f.Opened
			}
		}
	}
	if opened != attempts+1 || failed != attempts || folded < attempts-room || activity.Lost != 0 || activity.Folded < folded {
		t.Errorf("opened %d, failed %d, folded %d (told: %d), lost %d", opened, failed, folded, activity.Folded, activity.Lost)
	}
}

func TestIdleFlowsGiveWay(t *testing.T) {
	ns := enterNetNS(t)
	spec, err := loadTracer()
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := attach(t.Context(), spec, Options{NoStacks: true}, sizes{lives: 1 << 16, flows: 1024})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	l, at := listen(t, "127.0.0.1:0", 16)
	p := connected(t, l, at) // its flows will be gone when it ends
	const attempts = 3000
	for i := range attempts {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 1000)
		fd := newTCP(t, unix.AF_INET)
		expect(t, unix.ECONNREFUSED, unix.Connect(fd, sockaddr(to)))
		unix.Close(fd)
	}
	if life := livesOf(t, tracer)[p.clientCookie]; life == nil || life.Opener == nil || life.Opener.PID != int32(os.Getpid()) {
		t.Errorf("the opener went with its flow: %+v", life)
	}
	unix.Close(p.client)
	unix.Close(p.server)
	activity := ended(t, tracer)
	rows := 0
	for _, f := range activity.Outgoing {
		if f.NetNS == ns {
			rows++
			if f.Opened != 1 || f.Failed != 1 || f.Ends != (host.Ends{}) {
				t.Errorf("%v: opened %d, failed %d, ends %+v, want 1, 1 and none", f.Remote, f.Opened, f.Failed, f.Ends)
			}
		}
	}
	if rows == 0 || rows >= 1024 {
		t.Errorf("%d rows, folded %d, lost %d", rows, activity.Folded, activity.Lost)
	}
}
