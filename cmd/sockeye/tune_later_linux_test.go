package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// somaxconn counts from the next listen() on: that the queue still overflows a moment
// later is no reason to take it back.
func TestTuneKeepsWhatCountsLater(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	const somaxconn = "net.core.somaxconn"
	r := stand(t, "accept-queue-overflow")
	err := r.within(t, func() error { // as short as the program's backlog, so that it is what holds it down
		return os.WriteFile("/proc/sys/net/core/somaxconn", []byte("8\n"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	var got struct {
		Schema, Outcome, Proof string
		Entry                  uint64
		Watched                []string
		Later                  []struct{ Finding, Setting, When string }
		Plan                   struct{ Schema string }
	}
	out := runs(t, 0, "tune", "apply", "--netns", strconv.Itoa(anyPID(r)), "--state", state, "--yes", "--prove", "5s", "--format", "json")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got.Schema != "sockeye.apply/v1" || got.Plan.Schema != "sockeye.plan/v1" || got.Outcome != "applied" || got.Proof != "later" || got.Entry != 1 || len(got.Watched) != 0 ||
		len(got.Later) != 1 || got.Later[0].Finding != "accept-queue-overflow" || got.Later[0].Setting != somaxconn || got.Later[0].When == "" {
		t.Errorf("apply says\n%s", out)
	}
	if now := r.setting(t, somaxconn); now == "8" {
		t.Errorf("%s is still %s", somaxconn, now)
	}
	var back struct {
		Undone []struct {
			Entry    uint64
			Restored []struct{ Setting, From string }
		}
	}
	if err := json.Unmarshal([]byte(runs(t, 0, "tune", "rollback", "1", "--state", state, "--format", "json")), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Undone) != 1 || back.Undone[0].Entry != 1 || len(back.Undone[0].Restored) != 1 || back.Undone[0].Restored[0].From != "8" {
		t.Errorf("%+v", back)
	}
	if now := r.setting(t, somaxconn); now != "8" {
		t.Errorf("after the rollback %s is %s", somaxconn, now)
	}
	runs(t, 1, "tune", "rollback", "1", "--state", state)
}

// A service without descriptors: its limit is a line of its unit, which apply writes
// and rollback takes out.
func TestTuneWritesTheLimitOfAUnit(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plays a fault in a private network namespace")
	}
	unit := fmt.Sprintf("sockeye-test-%d.service", os.Getpid())
	group := cgroup(t, unit)
	r := stand(t, "fd-exhaustion")
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(r.Expect.CulpritPID)), 0); err != nil {
		t.Fatal(err)
	}
	root, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(root, "etc/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	here := []string{"--netns", strconv.Itoa(anyPID(r)), "--state", state, "--root", root, "--yes"}
	file := filepath.Join(root, "etc/systemd/system", unit+".d", "60-sockeye.conf")

	runs(t, 1, append([]string{"tune", "apply"}, here...)...) // nothing but files would help, and none was asked for
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without --persist: %v", err)
	}
	out := runs(t, 0, append([]string{"tune", "apply", "--persist"}, here...)...)
	if !strings.Contains(out, "systemctl restart "+unit) {
		t.Errorf("apply says\n%s", out)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), "\n[Service]\nLimitNOFILE=65536:65536\n") {
		t.Errorf("%v\n%s", err, data)
	}
	if out := runs(t, 0, "tune", "status", "--state", state, "--root", root); !strings.Contains(out, unit+": LimitNOFILE 256 → 65536 · in its drop-in") {
		t.Errorf("status says\n%s", out)
	}
	runs(t, 0, "tune", "rollback", "1", "--state", state, "--root", root)
	if _, err := os.Stat(filepath.Dir(file)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the rollback: %v", err)
	}
}

// cgroup makes a control group, and removes it when the test has ended and it is
// empty; one that a killed test left behind is removed as well.
func cgroup(t *testing.T, name string) string {
	t.Helper()
	top := cgroup2(t)
	if left, err := filepath.Glob(filepath.Join(top, "sockeye-test-*.service")); err == nil {
		for _, dir := range left {
			_ = os.Remove(dir) // fails where somebody is in it
		}
	}
	dir := filepath.Join(top, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// cgroup2 is where the unified hierarchy is mounted (proc_pid_mountinfo(5)).
func cgroup2(t *testing.T) string {
	t.Helper()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		place, kind, _ := strings.Cut(lines.Text(), " - ")
		if words := strings.Fields(place); strings.HasPrefix(kind, "cgroup2 ") && len(words) > 4 {
			return words[4]
		}
	}
	t.Fatal("no unified control groups are mounted")
	return ""
}
