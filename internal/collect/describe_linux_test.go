package collect

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"

	"sockeye/internal/host"
)

// What connects and holds nothing is known by its pid alone.
func TestDescribe(t *testing.T) {
	if !inInitialPIDNS() {
		t.Skip("needs the initial pid namespace")
	}
	cmd, path := start(t, "churner")
	ended := exec.Command(path, "0")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	pid := int32(cmd.Process.Pid)
	got, blind := Describe(context.Background(), []int32{pid, pid, int32(os.Getpid()), int32(ended.Process.Pid), 0, -1, math.MaxInt32})
	if len(got) != 2 || len(blind) != 0 {
		t.Fatalf("%d processes, not seen %v", len(got), blind)
	}
	p := got[pid]
	if p == nil || p.Exe != path || p.Name != "churner" || p.UID != uint32(os.Getuid()) || p.Started.IsZero() ||
		p.NetNS == 0 || p.FDs == nil || p.Sockets != 0 || p.UDP != -1 {
		t.Errorf("described as %+v", p)
	}
	if got, blind := Describe(context.Background(), nil); len(got) != 0 || len(blind) != 0 {
		t.Errorf("of nobody: %v, %v", got, blind)
	}
}

func TestDescribeIsBounded(t *testing.T) {
	if !inInitialPIDNS() {
		t.Skip("needs the initial pid namespace")
	}
	pids := make([]int32, maxDescribed+50)
	for i := range pids {
		pids[i] = math.MaxInt32 - int32(i) // beyond kernel.pid_max: none of them lives
	}
	pids[0], pids[maxDescribed] = int32(os.Getpid()), int32(os.Getppid())
	got, blind := Describe(context.Background(), pids)
	if len(got) != 1 || got[int32(os.Getpid())] == nil {
		t.Errorf("described: %v", got)
	}
	want := []host.BlindSpot{{Code: "processes-passed-over", Err: fmt.Sprintf("50 of %d", maxDescribed+50), Count: 1}}
	if len(blind) != 1 || blind[0] != want[0] {
		t.Errorf("not seen %+v, want %+v", blind, want)
	}
}

func TestDescribeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got, _ := Describe(ctx, []int32{int32(os.Getpid())}); len(got) != 0 {
		t.Errorf("described after the end: %v", got)
	}
}
