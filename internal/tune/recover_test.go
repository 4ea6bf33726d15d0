package tune

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sockeye/internal/ledger"
)

// many is a machine with several namespaces: number 1 is its own.
type many map[uint64]map[string]string

func (m many) Space(netns uint64) (Space, error) {
	if m[netns] == nil {
		return Space{Boot: "a"}, ErrGone
	}
	return Space{NetNS: netns, Cookie: netns, Boot: "a", Host: netns == 1}, nil
}
func (many) Home() uint64 { return 1 }
func (m many) Get(s Space, name string) (string, error) {
	if v, ok := m[s.NetNS][name]; ok {
		return v, nil
	}
	return "", ErrMissing
}
func (m many) Set(s Space, name, value string) error { m[s.NetNS][name] = value; return nil }

func TestOlderEntryWaitsInItsNamespace(t *testing.T) {
	const orphans, retries = "net.ipv4.tcp_max_orphans", "net.ipv4.tcp_orphan_retries"
	m := many{1: {orphans: "100"}, 2: {retries: "0"}}
	b := newBench(t)
	tuner := func() *Tuner { tu := b.tuner(t); tu.Machine = m; return tu }
	host := func(from, to string) Change {
		return Change{Setting: orphans, NetNS: 1, Scope: Host, From: from, To: to}
	}
	for _, changes := range [][]Change{{host("100", "200")}, {{Setting: retries, NetNS: 2, From: "0", To: "3"}, host("200", "400")}} {
		if _, err := apply(tuner(), t.Context(), changes, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tuner().Rollback(t.Context(), 1, ""); !errors.Is(err, ErrLater) {
		t.Errorf("%v", err)
	}
	if all, _ := tuner().Status(); all[0].Changes[0].How != Replaced || all[0].Changes[0].By != 2 {
		t.Errorf("%+v", all[0].Changes)
	}
	delete(m, 2) // what it changed elsewhere is gone, and keeps nobody
	if _, err := tuner().RollbackAll(t.Context()); err != nil || m[1][orphans] != "100" {
		t.Errorf("%v, %v", m, err)
	}
}

// One that cannot be undone keeps those before it that changed the same setting: else
// its old value would come back for good.
func TestRollbackAllStopsAtWhatIsStuck(t *testing.T) {
	b := newBench(t)
	for _, c := range []Change{reuse("2", "1"), ports("32768 60999", "10240 65535")} {
		if _, err := apply(b.tuner(t), t.Context(), []Change{c}, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("1", "0")}, true); err != nil {
		t.Fatal(err)
	}
	ours := b.read(t, "etc/sysctl.d/60-sockeye.conf")
	b.plant("net.ipv4.tcp_tw_reuse = 2\n")
	if _, err := b.tuner(t).RollbackAll(t.Context()); !errors.Is(err, ErrForeignFile) || !errors.Is(err, ErrLater) {
		t.Errorf("%v", err)
	}
	if b.values["net.ipv4.tcp_tw_reuse"] != "0" || !same("net.ipv4.ip_local_port_range", b.values["net.ipv4.ip_local_port_range"], "32768 60999") {
		t.Errorf("%v", b.values)
	}
	b.put(t, "etc/sysctl.d/60-sockeye.conf", ours)
	if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%v, %v", b.values, err)
	}
}

// After a restart into another kernel the machine's own namespace has another number.
func TestRenumberedHome(t *testing.T) {
	m := many{1: {"net.ipv4.tcp_tw_reuse": "2"}}
	b := newBench(t)
	tu := b.tuner(t)
	tu.Machine = m
	if _, err := apply(tu, t.Context(), []Change{reuse("2", "1")}, true); err != nil {
		t.Fatal(err)
	}
	later := b.tuner(t)
	later.Machine = renumbered{m}
	if all, _ := later.Status(); all[0].Changes[0].How != InForce {
		t.Errorf("%+v", all[0].Changes)
	}
	if u, err := later.Rollback(t.Context(), 1, ""); err != nil || len(u.Restored) != 1 || m[1]["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%+v, %v, %v", u, m, err)
	}
}

// renumbered is the same machine after a restart, whose own namespace is 7.
type renumbered struct{ many }

func (renumbered) Space(netns uint64) (Space, error) {
	if netns != 7 {
		return Space{Boot: "b"}, ErrGone
	}
	return Space{NetNS: 7, Cookie: 1, Boot: "b", Host: true}, nil
}
func (renumbered) Home() uint64 { return 7 }
func (r renumbered) Get(s Space, name string) (string, error) {
	s.NetNS = 1
	return r.many.Get(s, name)
}
func (r renumbered) Set(s Space, name, value string) error {
	s.NetNS = 1
	return r.many.Set(s, name, value)
}

// What cannot be found from here need not have ended: its entry stays open.
func TestHiddenNamespace(t *testing.T) {
	b := newBench(t)
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, false); err != nil {
		t.Fatal(err)
	}
	tu := b.tuner(t)
	tu.Machine = hidden{b.fake}
	if u, err := tu.Rollback(t.Context(), 1, ""); !errors.Is(err, ErrNotUndone) || u == nil || len(u.Gone) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	all, _ := b.tuner(t).Status()
	if all[0].Entry.Status != ledger.Undoing || all[0].Changes[0].How != InForce {
		t.Errorf("%+v", all[0])
	}
	if u, err := b.tuner(t).Rollback(t.Context(), 1, ""); u != nil || err != nil || b.values["net.ipv4.tcp_tw_reuse"] != "2" { // told to Recovered
		t.Errorf("%+v, %v, %v", u, b.values, err)
	}
}

type hidden struct{ *fake }

func (hidden) Space(uint64) (Space, error) { return Space{}, os.ErrPermission }

// Killed between a write and its reading back, when the kernel made something else of
// the value: that is ours all the same.
func TestKilledWhileClamped(t *testing.T) {
	reached := map[string]bool{}
	for n := range 30 {
		b := newBench(t)
		b.clamp["net.core.somaxconn"] = "1000"
		values := maps.Clone(b.values)
		tu := b.tuner(t)
		last := ""
		crashed, _ := crash(tu, n, func() error {
			step := tu.Step
			tu.Step = func(name string) { last = name; step(name) }
			_, err := apply(tu, t.Context(), []Change{reuse("2", "1"), {Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}, false)
			return err
		})
		if !crashed {
			break
		}
		reached[last] = true
		if _, err := b.tuner(t).Recover(t.Context()); err != nil {
			t.Fatalf("before %q: %v", last, err)
		}
		if !maps.Equal(b.values, values) {
			t.Errorf("before %q: %v is left", last, b.values)
		}
	}
	if !reached["read net.core.somaxconn"] {
		t.Errorf("never killed between write and read: %v", reached)
	}
}

// abandon makes the newest entry that of a process which has ended.
func (b *bench) abandon(t *testing.T, id uint64) {
	t.Helper()
	name := filepath.Join(b.state, fmt.Sprintf("%08d.json", id))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	w, ok := e["writer"].(map[string]any)
	if !ok {
		t.Skip("this system does not tell who wrote an entry")
	}
	w["start_ticks"] = 1
	if data, err = json.Marshal(e); err == nil {
		err = os.WriteFile(name, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Killed while it watched, the next run takes back what was never proven; what was
// proven, or is being watched, stays.
func TestKilledWhileProving(t *testing.T) {
	for _, tt := range []struct {
		name    string
		do      func(*Tuner, uint64) error
		abandon bool
		stays   bool
	}{
		{"killed", nil, true, false},
		{"still at it", nil, false, true},
		{"proven", func(tu *Tuner, id uint64) error { return tu.Proven(t.Context(), id, "fell") }, true, true},
	} {
		b := newBench(t)
		values := maps.Clone(b.values)
		changes := []Change{reuse("2", "1")}
		tu := b.tuner(t)
		spaces, err := Spaces(tu.Machine, changes)
		if err != nil {
			t.Fatal(err)
		}
		e, err := tu.Apply(t.Context(), changes, spaces, Options{Persist: true, Prove: true})
		if err != nil {
			t.Fatal(err)
		}
		if tt.do != nil {
			if err := tt.do(tu, e.ID); err != nil {
				t.Fatal(err)
			}
		}
		if tt.abandon {
			b.abandon(t, e.ID)
		}
		if _, err := b.tuner(t).Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, _ := b.tuner(t).Status()
		if stays := b.values["net.ipv4.tcp_tw_reuse"] == "1" && len(b.files(t)) == 1 && all[0].Entry.Status == ledger.Done; stays != tt.stays {
			t.Errorf("%s: stays %v: %v, %v, %s", tt.name, stays, b.values, b.files(t), all[0].Entry.Status)
		}
		if !tt.stays && (!maps.Equal(b.values, values) || len(b.files(t)) != 0 || all[0].Record.Ended != "interrupted") {
			t.Errorf("%s: %v, %v, %+v", tt.name, b.values, b.files(t), all[0].Record)
		}
	}
}

// An entry that an earlier run left half done is told once, and is no error.
func TestRollbackOfWhatWasInterrupted(t *testing.T) {
	b := newBench(t)
	tu := b.tuner(t)
	crash(tu, 4, func() error { _, err := apply(tu, t.Context(), []Change{reuse("2", "1")}, false); return err })
	told := 0
	next := b.tuner(t)
	next.Recovered = func(u *Undone) { told += len(u.Restored) }
	if u, err := next.Rollback(t.Context(), 1, ""); u != nil || err != nil || told != 1 || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%+v, %v, %d told, %v", u, err, told, b.values)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 1, ""); !errors.Is(err, ErrNotInForce) {
		t.Error(err)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 9, ""); !errors.Is(err, ErrNoEntry) {
		t.Error(err)
	}
}

// Of ten that want the same at once one gets it, and the others are refused.
func TestTenAtOnce(t *testing.T) {
	b := newBench(t)
	var lock sync.Mutex
	won := 0
	var all sync.WaitGroup
	for range 10 {
		tu := b.tuner(t)
		tu.Machine = guarded{b.fake, &lock}
		all.Go(func() {
			_, err := apply(tu, t.Context(), []Change{reuse("2", "1"), ports("32768 60999", "10240 65535")}, true)
			lock.Lock()
			defer lock.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, ErrChanged) && !errors.Is(err, ledger.ErrBusy):
				t.Error(err)
			}
		})
	}
	all.Wait()
	entries, _ := b.tuner(t).Ledger.Entries()
	if won != 1 || len(entries) != 1 || b.values["net.ipv4.tcp_tw_reuse"] != "1" || strings.Count(b.read(t, "etc/sysctl.d/60-sockeye.conf"), " = ") != 2 {
		t.Errorf("%d won, %d entries, %v", won, len(entries), b.values)
	}
}

// guarded is a fake for several goroutines.
type guarded struct {
	*fake
	lock *sync.Mutex
}

func (g guarded) Get(s Space, name string) (string, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.fake.Get(s, name)
}

func (g guarded) Set(s Space, name, value string) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.fake.Set(s, name, value)
}

// Killed in the trial before an entry, the next run leaves nothing of it.
func TestKilledInTheTrial(t *testing.T) {
	b := newBench(t)
	for _, dir := range []string{"etc", "etc/sysctl.d", "etc/systemd/system"} {
		b.put(t, dir+"/.60-sockeye.conf.new", "# sockeye")
	}
	b.put(t, "etc/systemd/system/shop.service", "[Service]\n")
	if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil {
		t.Error(err)
	}
	if files := b.files(t); len(files) != 1 {
		t.Errorf("%v", files)
	}
}
