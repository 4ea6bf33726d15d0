//go:build amd64 || arm64

package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// childEnv makes the test binary a process that watches until it is killed.
const childEnv = "SOCKEYE_TEST_WATCH"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		watchUntilKilled()
	}
	os.Exit(m.Run())
}

func watchUntilKilled() {
	w, err := Watch(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ids, err := identify(w)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, id := range ids {
		fmt.Println(id.kind, id.id)
	}
	fmt.Println("end", 0)
	select {}
}

// kernelID names something that the kernel keeps as long as anybody needs it.
type kernelID struct {
	kind string
	id   uint32
}

// identify lists all that a Watcher keeps in the kernel.
func identify(w *Watcher) ([]kernelID, error) {
	var ids []kernelID
	for _, p := range w.programs() {
		info, err := p.Info()
		if err != nil {
			return nil, err
		}
		id, _ := info.ID()
		ids = append(ids, kernelID{"program", uint32(id)})
	}
	for _, m := range []*ebpf.Map{w.objects.Connects, w.objects.Failures, w.objects.Pending, w.objects.Reported, w.objects.Lost} {
		info, err := m.Info()
		if err != nil {
			return nil, err
		}
		id, _ := info.ID()
		ids = append(ids, kernelID{"map", uint32(id)})
	}
	for _, l := range w.links {
		info, err := l.Info()
		if err != nil {
			return nil, err
		}
		ids = append(ids, kernelID{"link", uint32(info.ID)})
	}
	return ids, nil
}

func (k kernelID) exists(t *testing.T) bool {
	t.Helper()
	var object interface{ Close() error }
	var err error
	switch k.kind {
	case "program":
		object, err = ebpf.NewProgramFromID(ebpf.ProgramID(k.id))
	case "map":
		object, err = ebpf.NewMapFromID(ebpf.MapID(k.id))
	case "link":
		object, err = link.NewFromID(link.ID(k.id))
	default:
		t.Fatalf("unknown kind %q", k.kind)
	}
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	object.Close()
	return true
}

// eventually waits for what nothing announces; bounded.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// The kernel frees in the background, a moment after the last user is gone.
func checkGone(t *testing.T, ids []kernelID) {
	t.Helper()
	if len(ids) != 11 {
		t.Errorf("%d kernel objects, want 3 programs, 5 maps and 3 links: %v", len(ids), ids)
	}
	for _, id := range ids {
		eventually(t, fmt.Sprintf("%s %d is gone", id.kind, id.id), func() bool { return !id.exists(t) })
	}
}

func TestStopLeavesNothing(t *testing.T) {
	enterNetNS(t)
	w, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids, err := identify(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !id.exists(t) {
			t.Errorf("%v is not there while watching", id)
		}
	}
	// A socket between SYN_SENT and its end keeps what the program wrote to it.
	fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(deafListener(t))))
	if _, err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, ids)
}

func TestKilledLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	var ids []kernelID
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var id kernelID
		if _, err := fmt.Sscan(lines.Text(), &id.kind, &id.id); err != nil {
			t.Fatal(lines.Text())
		}
		if id.kind == "end" {
			break
		}
		if !id.exists(t) {
			t.Errorf("%v is not there while watching", id)
		}
		ids = append(ids, id)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	checkGone(t, ids)
}

func TestManyWatchersLeakNoDescriptors(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	round := func() {
		w, err := Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	round() // what is kept for good is opened once
	before := count()
	for range 50 {
		round()
	}
	if after := count(); after > before {
		t.Errorf("%d open files before, %d after 50 watchers", before, after)
	}
}

func TestCountsAreExactInParallel(t *testing.T) {
	ns := enterNetNS(t)
	_, closed := bind(t, "127.0.0.1:0")
	const threads, each, all = 4, 500, 4 * 500
	check(t, ns, func() { connectFromThreads(t, threads, each, closed) },
		[]host.Flow{{Remote: closed, Opened: all, Failed: all}},
		[]host.Failure{failure("connect", unix.ECONNREFUSED, closed, all)})
}

func TestFullMapsAreCountedAsLost(t *testing.T) {
	ns := enterNetNS(t)
	spec, err := loadActivity()
	if err != nil {
		t.Fatal(err)
	}
	const room, attempts = 64, 1000
	spec.Maps[activityMapConnects].MaxEntries = room
	w, err := watch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for i := range attempts {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		expect(t, nil, err)
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1000+i))
		expect(t, unix.ECONNREFUSED, unix.Connect(fd, sockaddr(to)))
		unix.Close(fd)
	}
	activity, err := w.Stop()
	if err != nil {
		t.Fatal(err)
	}
	connects, failures := ours(t, activity, ns)
	if n := len(connects); n > room { // fewer: the rest of the machine takes room too
		t.Errorf("%d destinations in a map of %d", n, room)
	}
	if activity.Lost < uint64(attempts-len(connects)) {
		t.Errorf("Lost %d, but %d of %d were listed", activity.Lost, len(connects), attempts)
	}
	// The failures have room: those that lost their opener are told by the call.
	if len(failures) != attempts {
		t.Errorf("%d failures, want %d", len(failures), attempts)
	}
	for _, f := range failures {
		if f.Count != 1 {
			t.Errorf("counted %d times: %+v", f.Count, f)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ns := enterNetNS(t)
	_, at := bind(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, unix.ECONNREFUSED, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
	cancel()
	eventually(t, "the programs are detached", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.links == nil
	})
	expect(t, unix.ECONNREFUSED, unix.Connect(newTCP(t, unix.AF_INET), sockaddr(at)))
	activity, err := w.Stop()
	if err != nil {
		t.Fatal(err)
	}
	connects, _ := ours(t, activity, ns)
	want := []host.Flow{{Remote: at, Opened: 1, Failed: 1}}
	if diff := cmp.Diff(want, connects, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("connects (-want +got):\n%s", diff)
	}
	if _, err := w.Stop(); !errors.Is(err, ErrStopped) {
		t.Errorf("second Stop: %v, want ErrStopped", err)
	}
	if _, err := Watch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Watch with an ended context: %v", err)
	}
}

func TestWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := Watch(t.Context()); !errors.Is(err, ErrNoPrivilege) || !errors.Is(err, ErrNotSupported) || err.Error() != ErrNoPrivilege.Error() {
			t.Errorf("got %v, want ErrNoPrivilege", err)
		}
		return
	}
	runtime.LockOSThread() // never unlocked: the thread has given up its rights
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := Watch(t.Context()); !errors.Is(err, ErrNoPrivilege) || !errors.Is(err, ErrNotSupported) || err.Error() != ErrNoPrivilege.Error() {
		t.Errorf("got %v, want ErrNoPrivilege", err)
	}
}

// What people read is a sentence, not what the loader reports of its programs.
func TestRefusals(t *testing.T) {
	raw := fmt.Errorf("assign values: field StateChange: program state_change: %w", unix.ENOMEM)
	verifier := fmt.Errorf("field X: %w", &ebpf.VerifierError{Cause: unix.EACCES, Log: []string{"0: R1=ctx"}})
	tests := []struct {
		err   error
		cause error
		want  string
	}{
		{refused(raw), unix.ENOMEM, "the kernel refused to watch TCP (cannot allocate memory)"},
		{refused(verifier), unix.EACCES, "the kernel refused to watch TCP (its verifier took no program)"},
		{&refusal{ErrNoTracepoint, "inet_sock_set_state", raw}, ErrNotSupported, ErrNoTracepoint.Error() + " (inet_sock_set_state)"},
		{&refusal{reason: ErrNoBTF, cause: raw}, ErrNoBTF, ErrNoBTF.Error()},
	}
	for _, tt := range tests {
		if tt.err.Error() != tt.want || !errors.Is(tt.err, tt.cause) {
			t.Errorf("got %q (%v), want %q", tt.err, errors.Is(tt.err, tt.cause), tt.want)
		}
	}
}

func TestWithoutTracepoint(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	spec, err := loadActivity()
	if err != nil {
		t.Fatal(err)
	}
	spec.Programs[activityProgStateChange].AttachTo = "sockeye_no_such_thing"
	if _, err := watch(t.Context(), spec); !errors.Is(err, ErrNoTracepoint) || !errors.Is(err, ErrNotSupported) {
		t.Errorf("got %v, want ErrNoTracepoint", err)
	}
}

func TestUnknownFaultIsNotLackOfSupport(t *testing.T) {
	spec, err := loadActivity()
	if err != nil {
		t.Fatal(err)
	}
	spec.Maps[activityMapConnects].KeySize++
	if _, err := watch(t.Context(), spec); err == nil || os.Geteuid() == 0 && errors.Is(err, ErrNotSupported) {
		t.Errorf("got %v, want an error that is not ErrNotSupported", err)
	}
}
