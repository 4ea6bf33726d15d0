package paste

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// report is what a report of one machine looks like, in short.
func report() fstest.MapFS {
	files := map[string]string{
		"proc/net/tcp":                       procLittle,
		"proc/net/sockstat":                  "sockets: used 41\nTCP: inuse 20 orphan 3 tw 954 alloc 71 mem 149\n",
		"proc/sys/net/ipv4/tcp_tw_reuse":     "2\n",
		"proc/sys/net/core/somaxconn":        "4096\n",
		"proc/sys/fs/file-nr":                "1824\t0\t811832\n",
		"proc/uptime":                        "3600.00 7000.00\n",
		"proc/812/limits":                    "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n",
		"proc/812/comm":                      "java\n",
		"proc/812/net/tcp":                   procBig,
		"etc/sysctl.conf":                    "net.ipv4.tcp_tw_reuse = 1\nnet.ipv4.tcp_fin_timeout = 15\n",
		"etc/hostname":                       "web-1\n",
		"etc/shadow":                         "root:x\n",
		"sos_commands/kernel/uname_-a":       "Linux web-1 5.10.0-8-amd64 #1 SMP Debian 5.10.46-4 x86_64 GNU/Linux\n",
		"sos_commands/networking/nstat_-zas": "#kernel\nTcpExtListenOverflows           12                 0.0\n",
		"sos_commands/networking/ip_netns_exec_blue_ss_-peaonmi": procLittle,
		"var/log/messages": "Nov 22 09:05:00 web-1 kernel: TCP: out of memory -- consider tuning tcp_mem\n",
	}
	for i := range 100 { // so many that not everything is read
		files[fmt.Sprintf("usr/share/doc/%d", i)] = "TIME_WAIT 7\nCLOSE_WAIT 7\n"
	}
	m := fstest.MapFS{}
	for name, text := range files {
		m["sosreport-web-1-2026/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func checkReport(t *testing.T, p *Pasted, other []string) {
	t.Helper()
	ns, sn := p.netns(), p.Snapshot
	if len(sn.Sockets) != 5 {
		t.Errorf("%d sockets, not those of proc/net/tcp", len(sn.Sockets))
	}
	for name, want := range map[string]string{"net.ipv4.tcp_tw_reuse": "2", "net.core.somaxconn": "4096", "net.ipv4.tcp_fin_timeout": "15"} {
		if ns.Settings[name] != want {
			t.Errorf("%s is %q, not %q", name, ns.Settings[name], want)
		}
	}
	wantOpt(t, "open files", sn.System.FilesOpen, 1824)
	wantOpt(t, "tw", ns.TimeWait, 954)
	if ns.Counters["TcpExtListenOverflows"] != 12 || sn.Machine.Name != "web-1" || sn.Machine.OS != "linux" || sn.Machine.Uptime.Hours() != 1 {
		t.Errorf("counters %v, machine %+v", ns.Counters, sn.Machine)
	}
	if q := sn.Processes[812]; q == nil || q.Name != "java" || q.FDLimit == nil || *q.FDLimit != 1024 {
		t.Errorf("process %+v", q)
	}
	if !slices.ContainsFunc(kindsOf(p), func(k string) bool { return strings.HasSuffix(k, "proc/net/tcp: /proc/net/tcp") }) {
		t.Errorf("parts %q", kindsOf(p))
	}
	if !slices.ContainsFunc(other, func(line string) bool { return strings.Contains(line, "out of memory") }) || slices.Contains(other, "root:x") {
		t.Errorf("the log's lines, and no secrets: %q", other)
	}
	if !blindTo(p, "paste-one-namespace", "") {
		t.Errorf("another namespace was passed over silently: %+v", sn.BlindSpots)
	}
}

func TestReadTree(t *testing.T) {
	var other []string
	p, err := ReadTree(t.Context(), report(), Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, p, other)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	tarred := tarOf(t, report())
	zipped := zipOf(t, report())
	folder := filepath.Join(dir, "folder")
	if err := os.CopyFS(folder, report()); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{folder, write("a.tar", tarred), write("a.tar.gz", gzipOf(t, tarred)), write("a.zip", zipped)} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var other []string
			p, err := Open(t.Context(), file, Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, p, other)
		})
	}
	for _, file := range []string{write("b.txt", []byte(procLittle)), write("b.txt.gz", gzipOf(t, []byte(procLittle)))} {
		p, err := Open(t.Context(), file, Options{})
		if err != nil || len(p.Snapshot.Sockets) != 5 || p.Lines != 6 {
			t.Errorf("%s: %v, %+v", file, err, p)
		}
	}
	for _, file := range []string{write("c.xz", []byte("\xfd7zXZ\x00 and so on")), write("c.zip", []byte("PK\x03\x04 and so on")), write("c.gz", []byte("\x1f\x8b and so on"))} {
		if _, err := Open(t.Context(), file, Options{}); !errors.Is(err, ErrArchive) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if p, err := Open(t.Context(), write("empty", nil), Options{}); err != nil || p.Lines != 0 {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

// A damaged archive gives what came before the damage, and says so.
func TestOpenCutArchive(t *testing.T) {
	whole := tarOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: []byte(procLittle)}, "z.log": &fstest.MapFile{Data: bytes.Repeat([]byte("x\n"), 4096)}})
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(file, whole[:len(whole)-6000], 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), file, Options{})
	if err != nil || len(p.Snapshot.Sockets) != 5 {
		t.Fatalf("%v, %+v", err, p)
	}
	if !blindTo(p, "paste-tree-cut", "") && !blindTo(p, "paste-file-unreadable", "z.log") {
		t.Errorf("blind spots %+v", p.Snapshot.BlindSpots)
	}
}

// A link out of the folder leads nowhere.
func TestOpenLink(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	folder := filepath.Join(dir, "folder")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(secret, []byte(procLittle), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(folder, "netstat.txt")); err != nil {
		t.Skip("no links here: ", err)
	}
	if p, err := Open(t.Context(), folder, Options{}); err == nil || !strings.Contains(err.Error(), "links") {
		t.Errorf("a folder of links: %v, %+v", err, p)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Open(t.Context(), folder, Options{}); err != nil || len(p.Snapshot.Sockets) > 0 || !blindTo(p, "paste-link-not-followed", "netstat.txt") {
		t.Errorf("%v, %d sockets, blind spots %+v", err, len(p.Snapshot.Sockets), p.Snapshot.BlindSpots)
	}
}

// A few files that somebody put together are all read, whatever they are called.
func TestReadTreeOfAnyNames(t *testing.T) {
	p, err := ReadTree(t.Context(), fstest.MapFS{
		"monday/one":    &fstest.MapFile{Data: []byte("net.core.somaxconn = 128\nnet.ipv4.tcp_tw_reuse = 2\n")},
		"two.dat":       &fstest.MapFile{Data: []byte("  5 TIME_WAIT\n  3 CLOSE_WAIT\n")},
		"screen.png":    &fstest.MapFile{Data: []byte("  9 TIME_WAIT\n  9 CLOSE_WAIT\n")},
		"the-rest.conf": &fstest.MapFile{Data: []byte("x\n")},
	}, Options{})
	if err != nil || p.netns().Settings["net.core.somaxconn"] != "128" || len(p.Parts) != 2 {
		t.Errorf("%v, parts %+v", err, p.Parts)
	}
}

func TestRoleOf(t *testing.T) {
	for name, want := range map[string]role{
		"sosreport-a-1/proc/net/tcp6": roleTable, "proc/net/nf_conntrack": roleTable, "proc/12/net/tcp": roleNone, "proc/12/limits": roleTable, "proc/12/environ": roleNone,
		"a/proc/sys/net/core/somaxconn": roleValue, "etc/sysctl.d/99-web.conf": roleConf, "etc/passwd": roleNone,
		"x/sos_commands/networking/netstat_-W_-neopa": roleTable, "x/sos_commands/networking/ss_-peaonmi": roleTable,
		"x/sos_commands/networking/ip_netns_exec_a_netstat_-s": roleNone, "x/sos_commands/process/lsof_M_-n_-l_-c": roleTable,
		"x/sos_commands/kernel/sysctl_-a": roleTable, "x/var/log/messages": roleLog, "x/sos_commands/kernel/dmesg": roleLog, "shop.log": roleLog,
		"NETSTAT.TXT": roleTable, "netstat.png": roleNone, "../../proc/net/tcp": roleTable, "": roleNone, "/": roleNone,
		"n17.txt": roleUnknown, "netstat.txt.gz": roleTable, "x/var/log/messages-1.gz": roleLog, "logs.tar.gz": roleLog, "x/usr/share/doc/a.tar.gz": roleNone,
	} {
		if got := roleOf(name); got != want {
			t.Errorf("%q has role %d, not %d", name, got, want)
		}
	}
}

func tarOf(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzTree: whatever names and contents there are, and whatever bytes an archive has.
func FuzzTree(f *testing.F) {
	f.Add("proc/net/tcp", []byte(procLittle))
	f.Add("../../etc/passwd", []byte("x"))
	f.Add("proc/sys//", []byte("1"))
	f.Add("proc/99999999999/limits", []byte("Max open files 1 2"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		one := func(visit func(member) error) error { return visit(member{name: name, from: bytes.NewReader(data)}) }
		s := NewSession(Options{})
		if err := s.tree(t.Context(), one, nil); err != nil && len(s.pass.parts) > 0 {
			t.Errorf("one file: %v", err)
		}
		_ = NewSession(Options{}).Stream(t.Context(), bytes.NewReader(data), name, nil) // any error is as good
		archive := func() (io.Reader, error) { return bytes.NewReader(data), nil }
		s = NewSession(Options{})
		if err := s.tree(t.Context(), treeOfTar(archive), nil); err != nil && !errors.Is(err, ErrArchive) && len(s.pass.parts) > 0 {
			t.Errorf("as an archive: %v", err)
		}
	})
}
