package tune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockeye/internal/ledger"
)

const home = 1 // the namespace of the fake

// fake is a machine in memory.
type fake struct {
	values map[string]string
	boot   string
	home   uint64 // number of the initial namespace, where it is told
	cookie uint64
	guest  bool
	clamp  map[string]string // what the kernel makes of a written value
	denied map[string]error
}

func newFake() *fake {
	return &fake{boot: "a", cookie: 7, clamp: map[string]string{}, denied: map[string]error{}, values: map[string]string{
		"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_tw_reuse": "2",
		"net.core.somaxconn": "128", "net.ipv4.ip_local_reserved_ports": "",
	}}
}

func (f *fake) Space(netns uint64) (Space, error) {
	if netns != home {
		return Space{}, ErrGone
	}
	return Space{NetNS: netns, Cookie: f.cookie, Boot: f.boot, Host: !f.guest}, nil
}

func (f *fake) Home() uint64 { return f.home }

func (f *fake) Get(s Space, name string) (string, error) {
	if s.Cookie != f.cookie {
		return "", ErrGone
	}
	v, ok := f.values[name]
	if !ok {
		return "", ErrMissing
	}
	return v, nil
}

func (f *fake) Set(s Space, name, value string) error {
	if s.Cookie != f.cookie {
		return ErrGone
	}
	if err := f.denied[name]; err != nil {
		return err
	}
	if v, ok := f.clamp[name]; ok && value != "128" {
		value = v
	}
	f.values[name] = value
	return nil
}

type bench struct {
	*fake
	state, root string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{newFake(), filepath.Join(t.TempDir(), "state"), t.TempDir()}
	if err := os.MkdirAll(filepath.Join(b.root, unitDirs[0]), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// tuner is a new process at that machine.
func (b *bench) tuner(t *testing.T) *Tuner {
	t.Helper()
	l, err := ledger.Open(b.state)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDropIn(b.root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = l.Close(), d.Close() })
	return &Tuner{Machine: b.fake, Ledger: l, DropIn: d}
}

// apply is Apply for the namespaces as they are now.
func apply(tu *Tuner, ctx context.Context, changes []Change, persist bool) (*ledger.Entry, error) {
	spaces, err := Spaces(tu.Machine, changes)
	if err != nil {
		return nil, err
	}
	return tu.Apply(ctx, changes, spaces, Options{Persist: persist})
}

// files are the contents below the root.
func (b *bench) files(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(b.root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		out[p] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ports(from, to string) Change {
	return Change{Setting: "net.ipv4.ip_local_port_range", NetNS: home, From: from, To: to, Reason: "range"}
}

func reuse(from, to string) Change {
	return Change{Setting: "net.ipv4.tcp_tw_reuse", NetNS: home, From: from, To: to, Reason: "tw-reuse"}
}

func TestApplyAndRollBack(t *testing.T) {
	b := newBench(t)
	before := maps.Clone(b.values)
	e, err := apply(b.tuner(t), t.Context(), []Change{ports("32768 60999", "10240 65535"), reuse("2", "1")}, true)
	if err != nil {
		t.Fatal(err)
	}
	if b.values["net.ipv4.ip_local_port_range"] != "10240 65535" || b.values["net.ipv4.tcp_tw_reuse"] != "1" {
		t.Errorf("%v", b.values)
	}
	file := b.files(t)[filepath.Join(b.root, "etc/sysctl.d", dropInName)]
	if !strings.Contains(file, "net.ipv4.tcp_tw_reuse = 1\n") || !strings.Contains(file, "net.ipv4.ip_local_port_range = 10240 65535\n") {
		t.Errorf("the drop-in says\n%s", file)
	}
	u, err := b.tuner(t).Rollback(t.Context(), e.ID, "")
	if err != nil || len(u.Restored) != 2 || len(u.Drifted) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if !maps.Equal(b.values, before) || len(b.files(t)) != 0 {
		t.Errorf("%v, %v", b.values, b.files(t))
	}
	if _, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); err == nil {
		t.Error("it was undone twice")
	}
}

// Whatever the plans, applying and undoing them all changes nothing.
func TestApplyThenRollBackIsIdentity(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t)
		if r.IntN(2) == 0 {
			other := filepath.Join(b.root, "etc/sysctl.d")
			if err := os.MkdirAll(other, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(other, "99-site.conf"), []byte("net.core.somaxconn = 1024\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		values, files := maps.Clone(b.values), b.files(t)
		for range 1 + r.IntN(5) {
			low := 1024 + 2*r.IntN(4000)
			all := []Change{
				ports(b.values["net.ipv4.ip_local_port_range"], fmt.Sprintf("%d 65535", low)),
				reuse(b.values["net.ipv4.tcp_tw_reuse"], fmt.Sprint(r.IntN(3))),
				{Setting: "net.core.somaxconn", NetNS: home, From: b.values["net.core.somaxconn"], To: fmt.Sprint(200 + r.IntN(5000))},
				{Setting: "net.ipv4.ip_local_reserved_ports", NetNS: home, From: b.values["net.ipv4.ip_local_reserved_ports"], To: "8080,9148-9150"},
			}
			persist := r.IntN(2) == 0
			if persist {
				all = append(all, nofile("shop.service", "1024", fmt.Sprint(2000+r.IntN(9000))), nofile("web@1.service", "1024", "65536"))
			}
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			if _, err := apply(b.tuner(t), t.Context(), all[:1+r.IntN(len(all))], persist); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !maps.Equal(b.values, values) || !maps.Equal(b.files(t), files) {
			t.Errorf("seed %d: %v and %v, were %v and %v", seed, b.values, b.files(t), values, files)
		}
	}
}

// killed is what a step ends with in place of kill -9.
type killed struct{}

// crash runs do and ends it before the n-th step, as kill -9 would; it returns
// whether it came so far.
func crash(tu *Tuner, n int, do func() error) (crashed bool, err error) {
	steps := 0
	tu.Step = func(string) {
		if steps == n {
			panic(killed{})
		}
		steps++
	}
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(killed); !ok {
				panic(v)
			}
			crashed = true
		}
	}()
	return false, do()
}

// Killed before any step, the next run leaves all of it in force or none of it:
// values and file together.
func TestKilledAtEveryStep(t *testing.T) {
	changes := []Change{ports("32768 60999", "10240 65535"), nofile("shop.service", "1024", "65536"), reuse("2", "1"), nofile("web.service", "1024", "4096")}
	for n := range 100 {
		b := newBench(t)
		values, files := maps.Clone(b.values), b.files(t)
		tu := b.tuner(t)
		crashed, err := crash(tu, n, func() error { _, err := apply(tu, t.Context(), changes, true); return err })
		if !crashed {
			if err != nil || n < 5 {
				t.Fatalf("%d steps, %v", n, err)
			}
			return
		}
		next := b.tuner(t)
		if _, err := next.Recover(t.Context()); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		all, damaged := next.Ledger.Entries()
		switch {
		case len(damaged) > 0 || len(all) > 1:
			t.Errorf("step %d: %v, %v", n, all, damaged)
		case len(all) == 1 && all[0].Status == ledger.Done:
			if b.values["net.ipv4.tcp_tw_reuse"] != "1" || len(b.files(t)) != 3 {
				t.Errorf("step %d: done, and half of it: %v, %v", n, b.values, b.files(t))
			}
			if _, err := next.RollbackAll(t.Context()); err != nil {
				t.Errorf("step %d: %v", n, err)
			}
		case len(all) == 1 && all[0].Status != ledger.Failed:
			t.Errorf("step %d: %s", n, all[0].Status)
		}
		if !maps.Equal(b.values, values) || !maps.Equal(b.files(t), files) {
			t.Errorf("step %d: %v and %v are left", n, b.values, b.files(t))
		}
	}
}

func TestKilledWhileRollingBack(t *testing.T) {
	for n := range 100 {
		b := newBench(t)
		values := maps.Clone(b.values)
		e, err := apply(b.tuner(t), t.Context(), []Change{ports("32768 60999", "10240 65535"), reuse("2", "1"), nofile("shop.service", "1024", "65536"), nofile("web.service", "1024", "4096")}, true)
		if err != nil {
			t.Fatal(err)
		}
		tu := b.tuner(t)
		crashed, err := crash(tu, n, func() error { _, err := tu.Rollback(t.Context(), e.ID, ""); return err })
		next := b.tuner(t)
		if _, e := next.Recover(t.Context()); e != nil {
			t.Fatalf("step %d: %v", n, e)
		}
		all, _ := next.Ledger.Entries()
		switch {
		case all[0].Status == ledger.Done && b.values["net.ipv4.tcp_tw_reuse"] == "1" && len(b.files(t)) == 3: // it had not begun
		case all[0].Status == ledger.RolledBack && maps.Equal(b.values, values) && len(b.files(t)) == 0:
		default:
			t.Errorf("step %d: %s, with %v and %v", n, all[0].Status, b.values, b.files(t))
		}
		if !crashed {
			if err != nil || n < 5 {
				t.Fatalf("%d steps, %v", n, err)
			}
			return
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*bench)
		changes []Change
		persist bool
		want    error
	}{
		{name: "the value changed since", changes: []Change{reuse("0", "1")}, want: ErrChanged},
		{name: "no such setting", changes: []Change{{Setting: "kernel.core_pattern", NetNS: home, From: "core", To: "1"}}, want: ErrUnknownSetting},
		{name: "not on this kernel", changes: []Change{{Setting: "net.ipv4.tcp_tw_reuse_delay", NetNS: home, From: "1000", To: "500"}}, want: ErrMissing},
		{name: "a namespace that has ended", changes: []Change{{Setting: "net.ipv4.tcp_tw_reuse", NetNS: 2, From: "2", To: "1"}}, want: ErrGone},
		{name: "read-only", prepare: func(b *bench) { b.denied["net.ipv4.tcp_tw_reuse"] = os.ErrPermission },
			changes: []Change{ports("32768 60999", "10240 65535"), reuse("2", "1")}, want: os.ErrPermission},
		{name: "the kernel clamps", prepare: func(b *bench) { b.clamp["net.core.somaxconn"] = "1000" },
			changes: []Change{reuse("2", "1"), {Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}, want: ErrNotTaken},
		{name: "somebody else's file", persist: true, changes: []Change{reuse("2", "1")}, want: ErrForeignFile,
			prepare: func(b *bench) { b.plant("net.ipv4.tcp_tw_reuse = 0\n") }},
		{name: "a planted link", persist: true, changes: []Change{reuse("2", "1")}, want: ErrForeignFile,
			prepare: func(b *bench) { b.link() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			if tt.prepare != nil {
				tt.prepare(b)
			}
			values, files := maps.Clone(b.values), b.files(t)
			if _, err := apply(b.tuner(t), t.Context(), tt.changes, tt.persist); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if !maps.Equal(b.values, values) || !maps.Equal(b.files(t), files) {
				t.Errorf("%v and %v are left", b.values, b.files(t))
			}
		})
	}
}

func (b *bench) plant(text string) {
	dir := filepath.Join(b.root, "etc/sysctl.d")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, dropInName), []byte(text), 0o644)); err != nil {
		panic(err)
	}
}

func (b *bench) link() {
	dir, secret := filepath.Join(b.root, "etc/sysctl.d"), filepath.Join(b.root, "secret")
	err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(secret, []byte("secret\n"), 0o600), os.Symlink("../../secret", filepath.Join(dir, dropInName)))
	if err != nil {
		panic(err)
	}
}

func TestRollBackLeavesDrift(t *testing.T) {
	b := newBench(t)
	e, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1"), ports("32768 60999", "10240 65535")}, false)
	if err != nil {
		t.Fatal(err)
	}
	b.values["net.ipv4.tcp_tw_reuse"] = "0"
	u, err := b.tuner(t).Rollback(t.Context(), e.ID, "")
	if err != nil || len(u.Restored) != 1 || len(u.Drifted) != 1 || u.Drifted[0].Now != "0" {
		t.Errorf("%+v, %v", u, err)
	}
	if b.values["net.ipv4.tcp_tw_reuse"] != "0" {
		t.Error("an administrator's value was overwritten")
	}
}

func TestOlderEntryWaits(t *testing.T) {
	b := newBench(t)
	first, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("1", "0")}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), first.ID, ""); !errors.Is(err, ErrLater) {
		t.Errorf("%v", err)
	}
}

// After a restart the values are the system's own, and another namespace may have
// the inode: they are not touched, but for what the drop-in brought back.
func TestRestartedMachine(t *testing.T) {
	for _, persist := range []bool{false, true} {
		b := newBench(t)
		e, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, persist)
		if err != nil {
			t.Fatal(err)
		}
		b.boot = "b"
		all, _ := b.tuner(t).Status()
		u, err := b.tuner(t).Rollback(t.Context(), e.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		how, value, gone := Restarted, "1", 1
		if persist {
			how, value, gone = InForce, "2", 0
		}
		if len(all) != 1 || all[0].Changes[0].How != how || len(u.Gone) != gone || b.values["net.ipv4.tcp_tw_reuse"] != value {
			t.Errorf("persisted %t: %+v, %+v, %v", persist, all, u, b.values)
		}
		if len(b.files(t)) != 0 {
			t.Errorf("%v", b.files(t))
		}
	}
}

// A namespace that has another's inode is not that one.
func TestNamespaceWithTheSameInode(t *testing.T) {
	b := newBench(t)
	e, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, false)
	if err != nil {
		t.Fatal(err)
	}
	b.cookie = 8
	all, _ := b.tuner(t).Status()
	if len(all) != 1 || all[0].Changes[0].How != Ended {
		t.Errorf("%+v", all)
	}
	if u, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); err != nil || len(u.Gone) != 1 || b.values["net.ipv4.tcp_tw_reuse"] != "1" {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestCraftedLedger(t *testing.T) {
	for _, body := range []string{
		`{"changes":[{"setting":"kernel.core_pattern","netns":1,"from":"|/tmp/x","to":"core"}],"spaces":[{"netns":1}]}`,
		`{"changes":[{"setting":"net.ipv4/../../kernel/core_pattern","netns":1,"from":"1","to":"1"}],"spaces":[{"netns":1}]}`,
		`{"changes":[{"setting":"net.ipv4.tcp_tw_reuse","netns":1,"from":"|/bin/sh","to":"1"}],"spaces":[{"netns":1,"cookie":7,"boot":"a"}]}`,
		`{"changes":[{"setting":"net.ipv4.tcp_tw_reuse","netns":1,"from":"2","to":"1\nkernel.panic=1"}],"spaces":[{"netns":1,"cookie":7,"boot":"a"}]}`,
		`{"changes":[{"setting":"net.ipv4.tcp_tw_reuse","netns":9,"from":"2","to":"1"}],"spaces":[]}`,
		`{"changes":[{"kind":"systemd","setting":"net.ipv4.tcp_tw_reuse","netns":1,"from":"2","to":"1"}],"spaces":[{"netns":1,"cookie":7,"boot":"a"}]}`,
		`{"changes":[],"persist":true,"units":[{"kind":"systemd","setting":"LimitNOFILE","from":"1","to":"2","values":{"unit":"../../../../tmp/x.service"}}]}`,
		`{"changes":[],"persist":true,"units":[{"kind":"systemd","setting":"ExecStart","from":"1","to":"2","values":{"unit":"x.service"}}]}`,
		`{"changes":[],"persist":true,"units":[{"kind":"systemd","setting":"LimitNOFILE","from":"1\nUser=root","to":"2","values":{"unit":"x.service"}}]}`,
		`{"changes":[],"persist":true,"units":[{"setting":"LimitNOFILE","from":"1","to":"2","values":{"unit":"x.service"}}]}`,
		`{"changes":[{"setting":"net.ipv4.ip_local_reserved_ports","netns":1,"from":"----,, 9","to":"80"}],"spaces":[{"netns":1,"cookie":7,"boot":"a"}]}`,
		`{"changes":[],"proof":"xyz","units":[]}`, `{"changes":[],"tried":3}`, `{"changes":[],"ended":"well"}`,
		`[]`,
	} {
		b := newBench(t)
		tu := b.tuner(t)
		values := maps.Clone(b.values)
		text := fmt.Sprintf(`{"id":1,"kind":"tune","status":"done","body":%s}`, body)
		if err := os.WriteFile(filepath.Join(b.state, "00000001.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tu.Rollback(context.Background(), 1, ""); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("%s: %v", body, err)
		}
		if !maps.Equal(b.values, values) || len(b.files(t)) != 0 {
			t.Errorf("%s: %v", body, b.values)
		}
	}
}

// An undo that fails leaves its entry open, and the next run finishes it.
func TestUndoThatFails(t *testing.T) {
	b := newBench(t)
	b.denied["net.ipv4.tcp_tw_reuse"] = os.ErrPermission
	tu := b.tuner(t)
	tu.Step = func(name string) {
		if name == "set net.ipv4.tcp_tw_reuse" { // from here on nothing can be written
			b.denied["net.ipv4.ip_local_port_range"] = os.ErrPermission
		}
	}
	if _, err := apply(tu, t.Context(), []Change{ports("32768 60999", "10240 65535"), reuse("2", "1")}, false); !errors.Is(err, ErrNotUndone) {
		t.Fatalf("%v", err)
	}
	if b.values["net.ipv4.ip_local_port_range"] != "10240 65535" {
		t.Fatal("the first value could be undone: the test is wrong")
	}
	clear(b.denied)
	told := 0
	next := b.tuner(t)
	next.Recovered = func(u *Undone) { told += len(u.Restored) }
	if _, err := apply(next, t.Context(), []Change{{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}, false); err != nil {
		t.Fatal(err)
	}
	if !same("net.ipv4.ip_local_port_range", b.values["net.ipv4.ip_local_port_range"], "32768 60999") || told != 1 {
		t.Errorf("%v, %d told", b.values, told)
	}
}

// What a run left behind and cannot be undone keeps nobody from other settings.
func TestStuckEntryIsInNobodysWay(t *testing.T) {
	b := newBench(t)
	tu := b.tuner(t)
	crash(tu, 4, func() error { // begin, note, set, read
		_, err := apply(tu, t.Context(), []Change{reuse("2", "1"), ports("32768 60999", "10240 65535")}, false)
		return err
	})
	b.denied["net.ipv4.tcp_tw_reuse"] = os.ErrPermission
	somaxconn := []Change{{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}
	if _, err := apply(b.tuner(t), t.Context(), somaxconn, false); err != nil {
		t.Errorf("another setting: %v", err)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("1", "0")}, false); !errors.Is(err, ErrNotUndone) {
		t.Errorf("the same setting: %v", err)
	}
	delete(b.values, "net.ipv4.tcp_tw_reuse") // its module was unloaded
	if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil || b.values["net.core.somaxconn"] != "128" {
		t.Errorf("%v, %v", b.values, err)
	}
}

// A value that somebody else sets while a plan is being applied is not overwritten.
func TestSomebodyElseMeanwhile(t *testing.T) {
	b := newBench(t)
	tu := b.tuner(t)
	tu.Step = func(name string) {
		if name == "begin" {
			b.values["net.ipv4.tcp_tw_reuse"] = "0"
		}
	}
	if _, err := apply(tu, t.Context(), []Change{ports("32768 60999", "10240 65535"), reuse("2", "1")}, false); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	if b.values["net.ipv4.tcp_tw_reuse"] != "0" || !same("net.ipv4.ip_local_port_range", b.values["net.ipv4.ip_local_port_range"], "32768 60999") {
		t.Errorf("%v", b.values)
	}
}

// What the kernel made of a value is ours, too, after a kill.
func TestClampedAndKilled(t *testing.T) {
	for n := range 20 {
		b := newBench(t)
		b.clamp["net.core.somaxconn"] = "1000"
		values := maps.Clone(b.values)
		tu := b.tuner(t)
		crashed, _ := crash(tu, n, func() error {
			_, err := apply(tu, t.Context(), []Change{reuse("2", "1"), {Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}, false)
			return err
		})
		if _, err := b.tuner(t).Recover(t.Context()); err != nil || !maps.Equal(b.values, values) {
			t.Errorf("step %d: %v, %v", n, b.values, err)
		}
		if !crashed {
			return
		}
	}
}

// The namespace that was shown has ended, and another has its number.
func TestReplacedNamespace(t *testing.T) {
	b := newBench(t)
	tu := b.tuner(t)
	spaces, err := Spaces(tu.Machine, []Change{reuse("2", "1")})
	if err != nil {
		t.Fatal(err)
	}
	b.cookie = 8
	if _, err := tu.Apply(t.Context(), []Change{reuse("2", "1")}, spaces, Options{}); !errors.Is(err, ErrGone) || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%v, %v", b.values, err)
	}
}
