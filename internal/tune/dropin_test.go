package tune

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockeye/internal/ledger"
)

const settingsFile = "etc/sysctl.d/60-sockeye.conf"

// tree is what is below the root, directories and links too.
func (b *bench) tree(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(b.root, func(p string, d os.DirEntry, err error) error {
		if err == nil {
			out[p] = d.Type().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func both() []Change { return []Change{reuse("2", "1"), nofile("shop.service", "1024", "65536")} }

// A directory that is a link may be another's as well: nothing is written through it,
// and the link stays.
func TestDirectoryThatIsALink(t *testing.T) {
	for name, to := range map[string]string{
		"etc/sysctl.d":           "other",
		filepath.Dir(shopDropIn): "../../../other",
	} {
		b := newBench(t)
		b.put(t, "other/10-x.conf", "# of somebody\n")
		b.put(t, "etc/other/10-x.conf", "# of somebody\n")
		b.symlink(t, to, name)
		tree := b.tree(t)
		if _, err := apply(b.tuner(t), t.Context(), both(), true); !errors.Is(err, ErrForeignFile) {
			t.Errorf("%s: %v", name, err)
		}
		if !maps.Equal(b.tree(t), tree) || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
			t.Errorf("%s: %v, %v", name, b.tree(t), b.values)
		}
	}
}

// Only directories that Sockeye made go, also after a kill, and whichever entry is
// taken back last.
func TestDirectoriesThatWereThere(t *testing.T) {
	for _, there := range []bool{true, false} {
		for n := range 100 {
			b := newBench(t)
			if there {
				for _, dir := range []string{"etc/sysctl.d", filepath.Dir(shopDropIn)} {
					if err := os.Mkdir(filepath.Join(b.root, dir), 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			tree := b.tree(t)
			tu := b.tuner(t)
			crashed, err := crash(tu, n, func() error {
				if _, err := apply(tu, t.Context(), both(), true); err != nil {
					return err
				}
				if _, err := apply(tu, t.Context(), []Change{{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}, nofile("shop.service", "1024", "4096")}, true); err != nil {
					return err
				}
				_, err := tu.Rollback(t.Context(), 1, "")
				return err
			})
			if !crashed && (err != nil || n < 10) {
				t.Fatalf("%d steps, %v", n, err)
			}
			if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil {
				t.Fatalf("step %d: %v", n, err)
			}
			if after := b.tree(t); !maps.Equal(after, tree) {
				t.Errorf("there before: %t, step %d: %v, was %v", there, n, after, tree)
			}
			if !crashed {
				break
			}
		}
	}
}

// What is not made by Sockeye stays though the entry before made it once.
func TestDirectoryMadeAnew(t *testing.T) {
	b := newBench(t)
	for range 2 {
		e, err := apply(b.tuner(t), t.Context(), both(), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(filepath.Join(b.root, "etc/sysctl.d"))
		if there := err == nil; there != (e.ID == 2) {
			t.Errorf("after entry %d: %v", e.ID, err)
		}
		if err := os.MkdirAll(filepath.Join(b.root, "etc/sysctl.d"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// The file stays small enough to be read again, whatever it tells of.
func TestFileStaysReadable(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("9", confMax/2)
	for i := range 3000 {
		b.put(t, fmt.Sprintf("etc/sysctl.d/90-%04d-%s.conf", i, strings.Repeat("x", 200)), "net.ipv4.tcp_tw_reuse = 5\nnet.ipv4.tcp_tw_reuse = 6\n")
	}
	b.put(t, "etc/sysctl.d/99-a.conf", "net.ipv4.tcp_tw_reuse = "+long+"\n")
	b.put(t, "etc/sysctl.d/99-b.conf", "net.ipv4.tcp_tw_reuse = 7"+long+"\n")
	if _, err := apply(b.tuner(t), t.Context(), both(), true); err != nil {
		t.Fatal(err)
	}
	file := b.read(t, settingsFile)
	if len(file) > 4096 || !strings.Contains(file, "written, by 5997 more lines before these:\n") || !strings.Contains(file, "99-b.conf:1 says 79999") {
		t.Errorf("%d bytes: %.2000s", len(file), file)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 1, ""); err != nil || b.read(t, settingsFile) != "" {
		t.Error(err)
	}
}

// One that would be too long is refused before anything is changed.
func TestFileTooLong(t *testing.T) {
	b := newBench(t)
	tu := b.tuner(t)
	tu.DropIn.Describe = func(Change) []string { return []string{strings.Repeat("x", confMax)} }
	tree := b.tree(t)
	for _, c := range both() {
		if _, err := apply(tu, t.Context(), []Change{c}, true); err == nil {
			t.Errorf("%s: it was written", c.Setting)
		}
	}
	if all, _ := tu.Ledger.Entries(); len(all) != 0 || !maps.Equal(b.tree(t), tree) || b.values["net.ipv4.tcp_tw_reuse"] != "2" {
		t.Errorf("%+v, %v, %v", all, b.tree(t), b.values)
	}
}

// What somebody has put where the new text would go is found before a value is
// changed, and is in no rollback's way.
func TestBlockedPlaceOfTheNewText(t *testing.T) {
	for _, file := range []string{settingsFile, shopDropIn} {
		b := newBench(t)
		blocked := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new", "x")
		b.put(t, blocked, "")
		values := maps.Clone(b.values)
		if _, err := apply(b.tuner(t), t.Context(), both(), true); err == nil || errors.Is(err, ErrNotUndone) {
			t.Errorf("%s: %v", file, err)
		}
		if all, _ := b.tuner(t).Ledger.Entries(); len(all) != 0 || !maps.Equal(b.values, values) {
			t.Errorf("%s: %+v, %v", file, all, b.values)
		}

		b = newBench(t)
		e, err := apply(b.tuner(t), t.Context(), both(), true)
		if err != nil {
			t.Fatal(err)
		}
		b.put(t, blocked, "")
		if _, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); err != nil || b.read(t, file) != "" {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Lines of an entry that cannot be read, or of another ledger, are nobody's to drop.
func TestLinesThatNoEntryExplains(t *testing.T) {
	somaxconn := []Change{{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}, nofile("web.service", "1024", "4096")}
	for name, lose := range map[string]func(b *bench) error{
		"a damaged entry": func(b *bench) error { return os.WriteFile(filepath.Join(b.state, "00000001.json"), nil, 0o600) },
		"another ledger": func(b *bench) error {
			b.state += "-other"
			return nil
		},
	} {
		b := newBench(t)
		if _, err := apply(b.tuner(t), t.Context(), both(), true); err != nil {
			t.Fatal(err)
		}
		if err := lose(b); err != nil {
			t.Fatal(err)
		}
		values, tree, file := maps.Clone(b.values), b.tree(t), b.read(t, settingsFile)
		for _, c := range [][]Change{somaxconn[:1], {nofile("shop.service", "1024", "4096")}, {nofile("shop.service", "1024", "65536")}} {
			if _, err := apply(b.tuner(t), t.Context(), c, true); !errors.Is(err, ErrUnexplained) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !maps.Equal(b.values, values) || !maps.Equal(b.tree(t), tree) || b.read(t, settingsFile) != file {
			t.Errorf("%s: %v, %v", name, b.values, b.tree(t))
		}
		if _, err := apply(b.tuner(t), t.Context(), somaxconn[1:], true); err != nil { // another file
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A rollback takes away its own lines, and leaves those that no entry explains.
func TestRollBackBesideUnexplainedLines(t *testing.T) {
	b := newBench(t)
	for _, c := range [][]Change{both(), {{Setting: "net.core.somaxconn", NetNS: home, From: "128", To: "4096"}}} {
		if _, err := apply(b.tuner(t), t.Context(), c, true); err != nil {
			t.Fatal(err)
		}
	}
	before := b.read(t, settingsFile)
	shop := b.read(t, shopDropIn)
	if err := os.WriteFile(filepath.Join(b.state, "00000001.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 2, ""); err != nil || b.values["net.core.somaxconn"] != "128" {
		t.Fatalf("%v, %v", err, b.values)
	}
	d := b.tuner(t).DropIn
	if after := b.read(t, settingsFile); !d.Keeps(reuse("2", "1")) || strings.Contains(after, "somaxconn") || !strings.Contains(before, after[strings.Index(after, "# entry"):]) {
		t.Errorf("%q, was %q", after, before)
	}
	if b.read(t, shopDropIn) != shop {
		t.Error("the other file was changed")
	}
}

// Same setting, same value, another state directory: not one entry takes away the
// other's line.
func TestTwoLedgersOfOneMachine(t *testing.T) {
	b := newBench(t)
	if _, err := apply(b.tuner(t), t.Context(), both(), true); err != nil {
		t.Fatal(err)
	}
	other := *b
	other.state += "-other"
	e, err := other.tuner(t).Ledger.Begin(Kind, &Record{Persist: true, Changes: both()[:1], Units: both()[1:], Spaces: []Space{{NetNS: home, Cookie: 7, Boot: "a", Host: true}}, Tried: 1})
	if err != nil {
		t.Fatal(err)
	}
	e.At = e.At.AddDate(0, 0, 1) // a day later
	l := other.tuner(t).Ledger
	if err := l.Update(e, ledger.Done, e.Body); err != nil {
		t.Fatal(err)
	}
	if _, err := other.tuner(t).RollbackAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range both() {
		if !b.tuner(t).DropIn.Keeps(c) {
			t.Errorf("%s is no longer kept: %v", c.Setting, b.files(t))
		}
	}
}

func TestKeeps(t *testing.T) {
	b := newBench(t)
	d := b.tuner(t).DropIn
	for _, c := range both() {
		if d.Keeps(c) {
			t.Errorf("%s is kept by nothing", c.Setting)
		}
	}
	if _, err := apply(b.tuner(t), t.Context(), both(), true); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(both(), reuse("1", "0"), ports("32768 60999", "10240 65535"), nofile("shop.service", "1024", "4096"), nofile("web.service", "1024", "65536")) {
		want := c.To == "1" || c.To == "65536" && c.Values.Unit == "shop.service"
		if d.Keeps(c) != want {
			t.Errorf("%+v: %t", c, !want)
		}
	}
	for _, file := range []string{settingsFile, shopDropIn} {
		b.put(t, file, strings.ReplaceAll(b.read(t, file), "before", "Before"))
	}
	for _, c := range both() {
		if d.Keeps(c) {
			t.Errorf("%s: the file was edited", c.Setting)
		}
	}
}

// An edited drop-in stays, and so do the values that it goes with.
func TestRollBackWithAnEditedFile(t *testing.T) {
	b := newBench(t)
	e, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, true)
	if err != nil {
		t.Fatal(err)
	}
	b.plant("net.ipv4.tcp_tw_reuse = 0\n")
	if _, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); !errors.Is(err, ErrForeignFile) || b.values["net.ipv4.tcp_tw_reuse"] != "1" {
		t.Errorf("%v, %v", b.values, err)
	}
	if all, _ := b.tuner(t).Status(); len(all) != 1 || all[0].Entry.Status != ledger.Done {
		t.Errorf("%+v", all)
	}
}
