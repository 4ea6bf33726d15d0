package tune

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// symlink makes a link below the root.
func (b *bench) symlink(t *testing.T, to, name string) {
	t.Helper()
	name = filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestOverrides(t *testing.T) {
	b := newBench(t)
	b.put(t, "etc/sysctl.d/10-early.conf", "net.ipv4.tcp_tw_reuse=0\n")
	b.put(t, "etc/sysctl.d/99-site.conf", "# x\n-net/ipv4/tcp_tw_reuse = 0\nnet.ipv4.tcp_tw_reuse_delay=1\n")
	b.put(t, "etc/sysctl.conf", "net.ipv4.tcp_tw_reuse=2\n")
	for name, to := range map[string]string{"99-sysctl.conf": "../sysctl.conf", "98-abs.conf": "/opt/site/sysctl.conf", "97-off.conf": "/dev/null", "96-round.conf": "96-round.conf"} {
		b.symlink(t, to, "etc/sysctl.d/"+name)
	}
	b.put(t, "usr/lib/sysctl.d/97-off.conf", "net.ipv4.tcp_tw_reuse = 0\n")
	b.put(t, "opt/site/sysctl.conf", "net.ipv4.tcp_tw_reuse = 1\n")
	got := b.tuner(t).DropIn.Overrides("net.ipv4.tcp_tw_reuse")
	want := []Override{
		{File: "/opt/site/sysctl.conf", Line: 1, Value: "1"},
		{File: "/etc/sysctl.d/99-site.conf", Line: 2, Value: "0"},
		{File: "/etc/sysctl.conf", Line: 1, Value: "2"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, true); err != nil {
		t.Fatal(err)
	}
	if file := b.read(t, settingsFile); !strings.Contains(file, "# Overridden when this was written: /etc/sysctl.d/99-site.conf:2 says 0\n") {
		t.Errorf("the drop-in says\n%s", file)
	}
}

// Which lines decide net.ipv4.tcp_tw_reuse, as the readers take names.
func TestNamesOfOverrides(t *testing.T) {
	set := Override{File: "/etc/sysctl.d/99-x.conf", Line: 1, Value: "0"}
	for line, want := range map[string][]Override{
		"net.ipv4.tcp_tw_reuse = 0":    {set},
		"/net/ipv4/tcp_tw_reuse=0":     {set},
		" -net.ipv4.tcp_tw_reuse = 0":  {set},
		"--net.ipv4.tcp_tw_reuse = 0":  nil,
		"net.ipv4/tcp_tw_reuse = 0":    nil, // the first separator is a dot, so that the slash is one as well
		"net.ipv4.* = 0":               nil, // a setting that a file names is in no pattern
		"net.*.tcp_tw_reuse = 0":       nil,
		"net.ipv4.tcp_tw_reus[e] = 0":  nil,
		"; net.ipv4.tcp_tw_reuse = 0":  nil,
		"net.ipv4.tcp_tw_reuse":        nil,
		"net.ipv4.tcp_tw_reuse \\\n=0": nil, // no line goes on there
		"-net.ipv4.tcp_tw_reuse":       {{File: set.File, Line: 1, Only: OnlySystemd, Unset: true}},
		"-net.ipv4.*":                  nil,
	} {
		b := newBench(t)
		b.put(t, "etc/sysctl.d/99-x.conf", line+"\n")
		if got := b.tuner(t).DropIn.Overrides("net.ipv4.tcp_tw_reuse"); !slices.Equal(got, want) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}

// /etc/sysctl.conf that no directory links to is read by "sysctl --system" alone.
func TestOverridesOfTheLastFile(t *testing.T) {
	b := newBench(t)
	b.put(t, "etc/sysctl.conf", "net.ipv4.tcp_tw_reuse=0\n-net.ipv4.tcp_tw_reuse\n")
	want := []Override{{File: "/etc/sysctl.conf", Line: 1, Value: "0", Only: OnlyProcps}}
	if got := b.tuner(t).DropIn.Overrides("net.ipv4.tcp_tw_reuse"); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := apply(b.tuner(t), t.Context(), []Change{reuse("2", "1")}, true); err != nil {
		t.Fatal(err)
	}
	if file := b.read(t, settingsFile); !strings.Contains(file, "# Overridden when this was written, where sysctl --system reads it: /etc/sysctl.conf:1 says 0\n") {
		t.Errorf("the drop-in says\n%s", file)
	}
}

// A file that is linked twice counts where it is read last.
func TestOverridesReadTwice(t *testing.T) {
	b := newBench(t)
	b.put(t, "opt/x.conf", "net.ipv4.tcp_tw_reuse=0\n")
	b.symlink(t, "/opt/x.conf", "etc/sysctl.d/70-x.conf")
	b.put(t, "etc/sysctl.d/80-y.conf", "net.ipv4.tcp_tw_reuse=2\n")
	b.symlink(t, "../../opt/x.conf", "etc/sysctl.d/90-x.conf")
	got := b.tuner(t).DropIn.Overrides("net.ipv4.tcp_tw_reuse")
	if len(got) != 2 || got[1].File != "/opt/x.conf" {
		t.Errorf("%+v", got)
	}
}

// A line that goes on in the next is one (systemd.syntax(7)).
func TestUnitLinesThatGoOn(t *testing.T) {
	for text, want := range map[string]Override{
		"[Service]\nLimitNOFILE\\\n=5\n":                          {Line: 2, Value: "5"},
		"[Service]\nLimitNOFILE=\\\n# between\n  \\\n5\n":         {Line: 2, Value: "5"},
		"[Service]\n\nLimitNOFILE=5\\":                            {Line: 3, Value: "5"},
		"[Ser\\\nvice]\nLimitNOFILE=5\n":                          {},
		"[Service]\nExecStart=/bin/x \\\nLimitNOFILE=5\n":         {},
		"[Service]\nExecStart=/bin/x \\\\\nLimitNOFILE=6\n":       {Line: 3, Value: "6"},
		"[Service]\n# a comment does not go on \\\nLimitNOFILE=7": {Line: 3, Value: "7"},
	} {
		b := newBench(t)
		b.put(t, "etc/systemd/system/shop.service.d/override.conf", text)
		got := b.tuner(t).DropIn.UnitOverrides("shop.service")
		if want.Line == 0 {
			if len(got) != 0 {
				t.Errorf("%q: %+v", text, got)
			}
			continue
		}
		if want.File = "/etc/systemd/system/shop.service.d/override.conf"; !slices.Equal(got, []Override{want}) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
