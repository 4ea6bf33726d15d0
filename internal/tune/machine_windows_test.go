package tune

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"sockeye/internal/ledger"
)

// scratch is a key of this user's, in the place of the machine's.
func scratch(t *testing.T) parameters {
	t.Helper()
	path := fmt.Sprintf(`Software\sockeye-test-%d-%s`, windows.GetCurrentProcessId(), filepath.Base(t.TempDir()))
	key, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	_ = key.Close()
	t.Cleanup(func() {
		if err := registry.DeleteKey(registry.CURRENT_USER, path); err != nil {
			t.Error(err)
		}
	})
	return parameters{registry.CURRENT_USER, path}
}

func (p parameters) key(t *testing.T) registry.Key {
	t.Helper()
	key, err := registry.OpenKey(p.root, p.path, registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = key.Close() })
	return key
}

// content is what the key holds, with types.
func (p parameters) content(t *testing.T) string {
	t.Helper()
	key := p.key(t)
	names, err := key.ReadValueNames(-1)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, name := range names {
		buf := make([]byte, 64)
		n, kind, err := key.GetValue(name, buf)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%s (%d): %x\n", name, kind, buf[:n])
	}
	return out
}

// set gives TcpTimedWaitDelay a value, "" none.
func (p parameters) set(t *testing.T, value string) {
	t.Helper()
	if err := p.Set(Space{}, timedWaitName, value); err != nil {
		t.Fatal(err)
	}
}

func timedWaitChange(from, to string) []Change {
	return []Change{{Setting: timedWaitName, Scope: Host, From: from, To: to, Reason: "timed-wait"}}
}

// tunerOf is a new process at that machine.
func tunerOf(t *testing.T, m Machine, state string) *Tuner {
	t.Helper()
	l, err := ledger.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &Tuner{Machine: m, Ledger: l}
}

// What is absent is absent again after a rollback, and what was set, even to what
// should not be, is that again.
func TestRegistryApplyThenRollBackIsIdentity(t *testing.T) {
	for _, from := range []string{"", "240", "15", "30"} {
		m := scratch(t)
		if err := m.key(t).SetStringValue("Hostname", "shop"); err != nil {
			t.Fatal(err)
		}
		m.set(t, from)
		before := m.content(t)
		tu := tunerOf(t, m, t.TempDir())
		e, err := apply(tu, t.Context(), timedWaitChange(from, "60"), false)
		if err != nil {
			t.Fatalf("from %q: %v", from, err)
		}
		if n, kind, err := m.key(t).GetIntegerValue("TcpTimedWaitDelay"); n != 60 || kind != registry.DWORD || err != nil {
			t.Errorf("from %q: %d of type %d, %v", from, n, kind, err)
		}
		if all, _ := tu.Status(); len(all) != 1 || all[0].Changes[0].How != InForce {
			t.Errorf("from %q: %+v", from, all)
		}
		u, err := tu.Rollback(t.Context(), e.ID, "")
		if err != nil || len(u.Restored) != 1 || len(u.Gone)+len(u.Drifted) != 0 || m.content(t) != before {
			t.Errorf("from %q: %+v, %v; %s, before %s", from, u, err, m.content(t), before)
		}
	}
}

// Killed before any step, the next run leaves the change in force or none of it.
func TestRegistryKilledAtEveryStep(t *testing.T) {
	for _, from := range []string{"", "240"} {
		for n := 0; ; n++ {
			m, state := scratch(t), t.TempDir()
			m.set(t, from)
			before := m.content(t)
			tu := tunerOf(t, m, state)
			crashed, err := crash(tu, n, func() error { _, err := apply(tu, t.Context(), timedWaitChange(from, "60"), false); return err })
			if !crashed {
				if err != nil || n < 3 {
					t.Fatalf("%d steps, %v", n, err)
				}
				break
			}
			next := tunerOf(t, m, state)
			if _, err := next.Recover(t.Context()); err != nil {
				t.Fatalf("step %d: %v", n, err)
			}
			if _, err := next.RollbackAll(t.Context()); err != nil {
				t.Errorf("step %d: %v", n, err)
			}
			if m.content(t) != before {
				t.Errorf("step %d: %s is left of %s", n, m.content(t), before)
			}
		}
	}
}

// A value that somebody else changed since stays theirs, also one that was removed.
func TestRegistryDrift(t *testing.T) {
	for _, now := range []string{"", "90"} {
		m := scratch(t)
		m.set(t, "240")
		tu := tunerOf(t, m, t.TempDir())
		e, err := apply(tu, t.Context(), timedWaitChange("240", "60"), false)
		if err != nil {
			t.Fatal(err)
		}
		m.set(t, now)
		u, err := tu.Rollback(t.Context(), e.ID, "")
		if err != nil || len(u.Drifted) != 1 || u.Drifted[0].Now != now || len(u.Restored) != 0 {
			t.Errorf("%q: %+v, %v", now, u, err)
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	m := scratch(t)
	tu := tunerOf(t, m, t.TempDir())
	for name, tt := range map[string]struct {
		changes []Change
		want    error
	}{
		"changed since":   {timedWaitChange("240", "60"), ErrChanged},
		"too short":       {timedWaitChange("", "29"), nil},
		"too long":        {timedWaitChange("", "301"), nil},
		"no number":       {timedWaitChange("", "60\n"), nil},
		"another value":   {[]Change{{Setting: "windows.EnableICMPRedirect", Scope: Host, To: "0"}}, ErrUnknownSetting},
		"one of a kernel": {[]Change{{Setting: "net.ipv4.tcp_tw_reuse", From: "0", To: "1"}}, ErrMissing},
	} {
		if _, err := apply(tu, t.Context(), tt.changes, false); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	key := m.key(t)
	for name, write := range map[string]func() error{
		"a text":          func() error { return key.SetStringValue("TcpTimedWaitDelay", "60") },
		"a longer number": func() error { return key.SetQWordValue("TcpTimedWaitDelay", 1<<40) },
		"bytes":           func() error { return key.SetBinaryValue("TcpTimedWaitDelay", []byte{60}) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		before := m.content(t)
		if v, err := m.Get(Space{}, timedWaitName); err == nil {
			t.Errorf("%s: read as %q", name, v)
		}
		if _, err := apply(tu, t.Context(), timedWaitChange("", "60"), false); !errors.Is(err, errNotNumber) || m.content(t) != before {
			t.Errorf("%s: %v, %s", name, err, m.content(t))
		}
	}
	if _, err := (parameters{registry.CURRENT_USER, m.path + `\none`}).Get(Space{}, timedWaitName); !errors.Is(err, ErrMissing) {
		t.Errorf("no such key: %v", err)
	}
	if all, _ := tu.Ledger.Entries(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// A restart is no end of what the registry holds.
func TestRegistrySpace(t *testing.T) {
	a, err1 := Kernel().Space(0)
	b, err2 := Kernel().Space(0)
	if err1 != nil || err2 != nil || a != b || !a.Host || !a.is(b) {
		t.Errorf("%+v, %v; %+v, %v", a, err1, b, err2)
	}
}

// The machine's own key: it is only read, but under Wine, whose registry is a test's.
func TestRegistryOfThisMachine(t *testing.T) {
	m := Kernel()
	was, err := m.Get(Space{}, timedWaitName)
	if err != nil {
		t.Fatal(err)
	}
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		return
	}
	tu := tunerOf(t, m, t.TempDir())
	e, err := apply(tu, t.Context(), timedWaitChange(was, "60"), false)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := m.Get(Space{}, timedWaitName); now != "60" || err != nil {
		t.Errorf("%q, %v", now, err)
	}
	if _, err := tu.Rollback(t.Context(), e.ID, ""); err != nil {
		t.Error(err)
	}
	if now, err := m.Get(Space{}, timedWaitName); now != was || err != nil {
		t.Errorf("%q, not %q: %v", now, was, err)
	}
}
