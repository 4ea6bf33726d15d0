package collect

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"sockeye/internal/host"
)

// When the time is up, nothing that might hang is tried.
func TestProcessWithoutTime(t *testing.T) {
	cmd, path := start(t, "mute")
	ps := newDescriber(liveProc(), bootTime())
	ps.wait = &patience{each: time.Second, stuck: &stuckReads{}} // and no time left
	var r blindness
	p := ps.read(int32(cmd.Process.Pid), &r)
	if p == nil || p.Exe != path || p.Name != "mute" || p.Cmdline != nil || p.FDs == nil || p.NetNS == 0 {
		t.Errorf("%+v", p)
	}
	want := []host.BlindSpot{{
		Code: "process-hangs", Subject: fmt.Sprintf("pid %d", cmd.Process.Pid), Err: errHangs.Error(), Count: 1,
	}}
	if got := r.list(); !slices.Equal(got, want) {
		t.Errorf("not seen %+v, want %+v", got, want)
	}
}

// However many hang, the threads that wait for them and the time are bounded.
func TestPatienceIsBounded(t *testing.T) {
	self, err := liveProc().openProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer self.close()
	release := make(chan struct{})
	asked := make(chan struct{}, 100)
	ask := func(p *patience, pid int32) error {
		_, err := await(p, processDir{self.fd, pid}, 1, func(processDir) int {
			asked <- struct{}{}
			<-release
			return 1
		})
		return err
	}
	hangs := &stuckReads{}
	p := &patience{each: time.Millisecond, left: 3 * time.Millisecond, stuck: hangs}
	for pid := range int32(10) {
		if err := ask(p, pid); !errors.Is(err, errHangs) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	if n := len(asked); n != 3 {
		t.Errorf("a look with time for 3 asked %d", n)
	}
	for pid := range int32(50) {
		if err := ask(&patience{each: time.Millisecond, left: time.Second, stuck: hangs}, pid); !errors.Is(err, errHangs) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	if n := len(asked); n != maxStuck {
		t.Errorf("%d threads hang, at most %d may", n, maxStuck)
	}
	close(release)
	deadline := time.Now().Add(10 * time.Second)
	for !hangs.mayAsk(processID{1, 1}) {
		if time.Now().After(deadline) {
			t.Fatal("not asked again after it answered")
		}
		runtime.Gosched()
	}
	got, err := await(newPatience(), self, 1, func(d processDir) int { return int(d.pid) })
	if err != nil || got != os.Getpid() {
		t.Errorf("%d, %v", got, err)
	}
}
