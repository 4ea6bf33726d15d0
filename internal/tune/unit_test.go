package tune

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/ledger"
)

func nofile(unit, from, to string) Change {
	return Change{Kind: Systemd, Setting: limitNOFILE, Scope: Host, From: from, To: to, Reason: "limit-nofile", Values: Values{Unit: unit}}
}

// put writes a file below the root.
func (b *bench) put(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(b.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// read is a file below the root, "" where there is none.
func (b *bench) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.root, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

const shopDropIn = "etc/systemd/system/shop.service.d/60-sockeye.conf"

func TestUnitLimit(t *testing.T) {
	b := newBench(t)
	c := nofile("shop.service", "1024", "65536")
	c.Values.Hard = 524288
	e, err := apply(b.tuner(t), t.Context(), []Change{c}, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, shopDropIn); !strings.Contains(got, "\n# "+stampOf(e.ID, e.At)+"; before: 1024\n[Service]\nLimitNOFILE=65536:524288\n") {
		t.Errorf("the drop-in says\n%s", got)
	}
	if all, _ := b.tuner(t).Status(); len(all) != 1 || len(all[0].Changes) != 1 || all[0].Changes[0].How != Kept {
		t.Errorf("%+v", all)
	}
	u, err := b.tuner(t).Rollback(t.Context(), e.ID, "")
	if err != nil || len(u.Units) != 1 || len(u.Restored) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := os.Stat(filepath.Join(b.root, filepath.Dir(shopDropIn))); !errors.Is(err, os.ErrNotExist) || len(b.files(t)) != 0 {
		t.Errorf("its directory is left: %v, %v", err, b.files(t))
	}
}

func TestUnitDirectoryOfOthers(t *testing.T) {
	b := newBench(t)
	const other = "etc/systemd/system/shop.service.d/10-memory.conf"
	b.put(t, other, "[Service]\nMemoryMax=1G\n")
	e, err := apply(b.tuner(t), t.Context(), []Change{nofile("shop.service", "1024", "65536")}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), e.ID, ""); err != nil || b.read(t, other) == "" || len(b.files(t)) != 1 {
		t.Errorf("%v, %v", b.files(t), err)
	}
}

// The last one counts, whichever is taken back first.
func TestUnitLimitTwice(t *testing.T) {
	b := newBench(t)
	for _, to := range []string{"4096", "65536"} {
		if _, err := apply(b.tuner(t), t.Context(), []Change{nofile("shop.service", "1024", to)}, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 1, ""); err != nil || !strings.Contains(b.read(t, shopDropIn), "=65536:65536\n") {
		t.Errorf("%v, %v", b.read(t, shopDropIn), err)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 2, ""); err != nil || len(b.files(t)) != 0 {
		t.Errorf("%v, %v", b.files(t), err)
	}
}

func TestUnitRefuses(t *testing.T) {
	limit := []Change{nofile("shop-api@eu.service", "1024", "65536")}
	for _, tt := range []struct {
		name    string
		changes []Change
		persist bool
		draw    func(*bench)
		want    error
	}{
		{"not to last", limit, false, nil, ErrNotKept},
		{"no systemd", limit, true, func(b *bench) { _ = os.RemoveAll(filepath.Join(b.root, "etc/systemd")) }, ErrNotKept},
		{"systemctl edit", limit, true, func(b *bench) {
			b.put(t, "etc/systemd/system/shop-api@eu.service.d/override.conf", "[Service]\nLimitNOFILE=4096\n")
		}, ErrOverridden},
		{"of the template", limit, true, func(b *bench) {
			b.put(t, "usr/lib/systemd/system/shop-api@.service.d/90-x.conf", "[Unit]\nLimitNOFILE=1\n[Service]\n LimitNOFILE = 4096\n")
		}, ErrOverridden},
		{"of the prefix", limit, true, func(b *bench) {
			b.put(t, "run/systemd/system/shop-@eu.service.d/90-x.conf", "[Service]\nLimitNOFILE=4096\n")
		}, ErrOverridden},
		{"of the type", limit, true, func(b *bench) { b.put(t, "etc/systemd/system/service.d/z.conf", "[Service]\nLimitNOFILE=4096\n") }, ErrOverridden},
		{"written by somebody", limit, true, func(b *bench) {
			b.put(t, "etc/systemd/system/shop-api@eu.service.d/60-sockeye.conf", "[Service]\nLimitNOFILE=4096\n")
		}, ErrForeignFile},
		{"a way out", []Change{nofile("../../shop.service", "1024", "65536")}, true, nil, ErrUnknownSetting},
		{"a user's", []Change{nofile("user@1000.service", "1024", "65536")}, true, nil, ErrUnknownSetting},
		{"another line", []Change{nofile("shop.service", "1024", "65536\nExecStart=/bin/sh")}, true, nil, nil},
		{"another line before", []Change{nofile("shop.service", "1024\n[Service]\nUser=root", "65536")}, true, nil, nil},
		{"none at all", []Change{nofile("shop.service", "1024", "0")}, true, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			if tt.draw != nil {
				tt.draw(b)
			}
			files := b.files(t)
			tu := b.tuner(t)
			_, err := apply(tu, t.Context(), tt.changes, tt.persist)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if after := b.files(t); len(after) != len(files) {
				t.Errorf("%v", after)
			}
			if all, _ := tu.Ledger.Entries(); slices.ContainsFunc(all, func(e ledger.Entry) bool { return e.Status != ledger.Failed }) {
				t.Errorf("%+v", all)
			}
		})
	}
}

// Files that decide nothing: of other sections and units, before Sockeye's, hidden.
func TestUnitIsNotOverridden(t *testing.T) {
	b := newBench(t)
	const line = "[Service]\nLimitNOFILE=4096\n"
	b.put(t, "etc/systemd/system/shop.service.d/10-early.conf", line)
	b.put(t, "etc/systemd/system/shop.service.d/90-other.conf", "[Unit]\nLimitNOFILE=4096\n[Service]\n# LimitNOFILE=4096\n")
	b.put(t, "etc/systemd/system/shopping.service.d/90-other.conf", line)
	b.put(t, "usr/lib/systemd/system/shop.service.d/95-hidden.conf", line)
	if err := os.Symlink("/dev/null", filepath.Join(b.root, "etc/systemd/system/shop.service.d/95-hidden.conf")); err != nil {
		t.Fatal(err)
	}
	if got := b.tuner(t).DropIn.UnitOverrides("shop.service"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{nofile("shop.service", "1024", "65536")}, true); err != nil {
		t.Error(err)
	}
}

// A drop-in that somebody edited is in nobody's way but its own entry's.
func TestEditedUnit(t *testing.T) {
	b := newBench(t)
	if _, err := apply(b.tuner(t), t.Context(), []Change{nofile("shop.service", "1024", "65536")}, true); err != nil {
		t.Fatal(err)
	}
	b.put(t, shopDropIn, "[Service]\nLimitNOFILE=4096\n")
	if all, _ := b.tuner(t).Status(); all[0].Changes[0].How != Drifted {
		t.Errorf("%+v", all)
	}
	if _, err := b.tuner(t).Rollback(t.Context(), 1, ""); !errors.Is(err, ErrForeignFile) {
		t.Error(err)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1"), nofile("web.service", "1024", "65536")}, true); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(b.root, shopDropIn)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.tuner(t).RollbackAll(t.Context()); err != nil || len(b.files(t)) != 0 {
		t.Errorf("%v, %v", b.files(t), err)
	}
}

// A link at the drop-in's place, or at its temporary name, is not followed.
func TestUnitLinkIsNotFollowed(t *testing.T) {
	for _, name := range []string{shopDropIn, "etc/systemd/system/shop.service.d/.60-sockeye.conf.new"} {
		b := newBench(t)
		b.put(t, "etc/passwd", "root\n")
		b.put(t, "etc/systemd/system/shop.service.d/10-x.conf", "")
		if err := os.Symlink("../../../passwd", filepath.Join(b.root, name)); err != nil {
			t.Fatal(err)
		}
		_, err := apply(b.tuner(t), t.Context(), []Change{nofile("shop.service", "1024", "65536")}, true)
		if name == shopDropIn && !errors.Is(err, ErrForeignFile) || name != shopDropIn && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b.read(t, "etc/passwd") != "root\n" {
			t.Errorf("%s was followed", name)
		}
	}
}

// Killed while it wrote its first file, the next run leaves nothing of it.
func TestUnitHalfWritten(t *testing.T) {
	b := newBench(t)
	b.put(t, "etc/systemd/system/shop.service.d/.60-sockeye.conf.new", "# sock")
	if err := b.tuner(t).DropIn.unit("shop.service").write(nil, []string{filepath.Dir(shopDropIn)}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(b.root, filepath.Dir(shopDropIn))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v, %v", b.files(t), err)
	}
}
