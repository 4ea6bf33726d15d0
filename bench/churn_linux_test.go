package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// churning puts the test into a network namespace with that many pairs at work.
func churning(t *testing.T, kind string, pairs int) *churn {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread dies with its namespace
	if err := privateNamespace(); err != nil {
		t.Fatal(err)
	}
	c, err := startChurn(t.Context(), kind, pairs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// TestChurn has two pairs make some thousand connections: both ends and the
// kernel count the same, and what is left is in TIME_WAIT.
func TestChurn(t *testing.T) {
	for _, kind := range []string{bareChurn, goChurn} {
		t.Run(kind, func(t *testing.T) { testChurn(t, kind) })
	}
}

func testChurn(t *testing.T, kind string) {
	c := churning(t, kind, 2)
	err := await(t.Context(), 20*time.Second, func() (bool, error) {
		for _, p := range c.pairs {
			if p.tally.get(tallyMade) < 10*creditWorth*creditWindow {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("%v: %d connections made, %d accepted", err, c.made(), c.done())
	}
	if n := len(c.clients()); n != 2 {
		t.Errorf("%d clients, want 2", n)
	}
	made, err := c.rest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := settled(t.Context(), int(made))
	if err != nil {
		t.Fatal(err)
	}
	if uint64(waiting) != made {
		t.Errorf("%d sockets in TIME_WAIT of %d connections", waiting, made)
	}
}
