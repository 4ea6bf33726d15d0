package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if code, ok := child(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestHolders takes 3 holders through their life, with the kernel's own count
// after each order.
func TestHolders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread dies with its namespace
	if err := privateNamespace(); err != nil {
		t.Fatal(err)
	}
	const holders, conns = 3, 50
	c, err := gather(t.Context(), 0, holders, conns)
	if err != nil {
		t.Fatal(err)
	}
	defer c.dismiss()
	inUse := func() int {
		t.Helper()
		n, err := procNumber("/proc/thread-self/net/sockstat", "TCP:", "inuse")
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	for _, step := range []struct {
		order        string
		used, inWait int
	}{{orderOpen, 2*conns + holders, 0}, {orderHalf, 2*conns + holders, 0}, {orderClose, 0, conns}} {
		if err := c.tell(step.order); err != nil {
			t.Fatal(err)
		}
		waiting, err := settled(t.Context(), step.inWait)
		if err != nil {
			t.Fatal(err)
		}
		if got := inUse(); got != step.used || waiting != step.inWait {
			t.Errorf("after %s: %d in use, %d in TIME_WAIT, want %d and %d", step.order, got, waiting, step.used, step.inWait)
		}
	}
	if err := c.tell("dance"); err == nil || !strings.Contains(err.Error(), "unknown order") {
		t.Errorf("an unknown order: %v", err)
	}
}
