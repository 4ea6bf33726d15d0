//go:build amd64 || arm64

package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// childEnv makes the test binary a process that watches until it is killed.
const childEnv = "SOCKEYE_TEST_WATCH"

func TestMain(m *testing.M) {
	if _, child := os.LookupEnv(childEnv); child {
		watchUntilKilled()
	}
	os.Exit(m.Run())
}

func watchUntilKilled() {
	w, err := Attach(context.Background(), Options{Share: os.Getenv(childEnv)})
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

// identify lists all that a Tracer keeps in the kernel.
func identify(w *Tracer) ([]kernelID, error) {
	var ids []kernelID
	for _, p := range w.programs() {
		info, err := p.Info()
		if err != nil {
			return nil, err
		}
		id, _ := info.ID()
		ids = append(ids, kernelID{"program", uint32(id)})
	}
	for _, m := range []*ebpf.Map{w.objects.Buckets, w.objects.Lives, w.objects.Flows, w.objects.FlowNumbers,
		w.objects.Failures, w.objects.Reported, w.objects.Stacks, w.objects.Samplings, w.objects.Lost, w.objects.LastHandled,
		w.objects.Events, w.objects.About} {
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
	if len(ids) == 0 || len(ids)%18 != 0 {
		t.Errorf("%d kernel objects, want 3 programs, 12 maps and 3 links each: %v", len(ids), ids)
	}
	for _, id := range ids {
		eventually(t, fmt.Sprintf("%s %d is gone", id.kind, id.id), func() bool { return !id.exists(t) })
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	enterNetNS(t)
	w := attached(t, Options{Events: Changes | Failures})
	ids, err := identify(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !id.exists(t) {
			t.Errorf("%v is not there while watching", id)
		}
	}
	fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	expect(t, unix.EINPROGRESS, unix.Connect(fd, sockaddr(deafListener(t))))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, ids)
}

func TestKilledLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), childEnv+"=")
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

func TestManyTracersLeakNothing(t *testing.T) {
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
	var ids []kernelID
	round := func() {
		tracer, err := Attach(t.Context(), Options{Events: Changes | Failures, Lives: 64})
		if err != nil {
			t.Fatal(err)
		}
		own, err := identify(tracer)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, own...)
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	round() // what is kept for good is opened once
	before := count()
	for range 100 {
		round()
	}
	if after := count(); after > before {
		t.Errorf("%d open files before, %d after 100 tracers", before, after)
	}
	checkGone(t, ids)
}

func TestCountsAreExactInParallel(t *testing.T) {
	ns := enterNetNS(t)
	_, closed := bind(t, "127.0.0.1:0")
	const threads, each, all = 4, 500, 4 * 500
	check(t, ns, func() { connectFromThreads(t, threads, each, closed) },
		[]host.Flow{{Remote: closed, Opened: all, Failed: all}},
		[]host.Failure{failure("connect", unix.ECONNREFUSED, closed, all)})
}

func TestWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := Attach(t.Context(), Options{}); !errors.Is(err, ErrNoPrivilege) || !errors.Is(err, ErrNotSupported) || err.Error() != ErrNoPrivilege.Error() {
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
	if _, err := Attach(t.Context(), Options{}); !errors.Is(err, ErrNoPrivilege) || !errors.Is(err, ErrNotSupported) || err.Error() != ErrNoPrivilege.Error() {
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
	spec, err := loadTracer()
	if err != nil {
		t.Fatal(err)
	}
	spec.Programs[tracerProgStateChange].AttachTo = "sockeye_no_such_thing"
	if _, err := attach(t.Context(), spec, Options{}, sizes{lives: 64, flows: 64}); !errors.Is(err, ErrNoTracepoint) || !errors.Is(err, ErrNotSupported) {
		t.Errorf("got %v, want ErrNoTracepoint", err)
	}
}

func TestUnknownFaultIsNotLackOfSupport(t *testing.T) {
	spec, err := loadTracer()
	if err != nil {
		t.Fatal(err)
	}
	spec.Maps[tracerMapReported].Type = ebpf.Array
	if _, err := attach(t.Context(), spec, Options{}, sizes{lives: 64, flows: 64}); err == nil || os.Geteuid() == 0 && errors.Is(err, ErrNotSupported) {
		t.Errorf("got %v, want an error that is not ErrNotSupported", err)
	}
}
