package paste_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/sample"
)

func checkReport(t *testing.T, p *paste.Pasted, other []string) {
	t.Helper()
	ns, sn := pastetest.NetNS(p), p.Snapshot
	if len(sn.Sockets) != 5 {
		t.Errorf("%d sockets, not those of proc/net/tcp", len(sn.Sockets))
	}
	for name, want := range map[string]string{"net.ipv4.tcp_tw_reuse": "2", "net.core.somaxconn": "4096", "net.ipv4.tcp_fin_timeout": "15"} {
		if ns.Settings[name] != want {
			t.Errorf("%s is %q, not %q", name, ns.Settings[name], want)
		}
	}
	pastetest.WantOpt(t, "open files", sn.System.FilesOpen, 1824)
	pastetest.WantOpt(t, "tw", ns.TimeWait, 954)
	if ns.Counters["TcpExtListenOverflows"] != 12 || sn.Machine.Name != "web-1" || sn.Machine.OS != "linux" || sn.Machine.Uptime.Hours() != 1 {
		t.Errorf("counters %v, machine %+v", ns.Counters, sn.Machine)
	}
	if q := sn.Processes[812]; q == nil || q.Name != "java" || q.FDLimit == nil || *q.FDLimit != 1024 {
		t.Errorf("process %+v", q)
	}
	if !slices.ContainsFunc(pastetest.KindsOf(p), func(k string) bool { return strings.HasSuffix(k, "proc/net/tcp: /proc/net/tcp") }) {
		t.Errorf("parts %q", pastetest.KindsOf(p))
	}
	if !slices.ContainsFunc(other, func(line string) bool { return strings.Contains(line, "out of memory") }) || slices.Contains(other, "root:x") {
		t.Errorf("the log's lines, and no secrets: %q", other)
	}
	if !pastetest.BlindTo(p, "paste-one-namespace", "") {
		t.Errorf("another namespace was passed over silently: %+v", sn.BlindSpots)
	}
}

func TestReadTree(t *testing.T) {
	var other []string
	p, err := paste.ReadTree(t.Context(), paste.Report(), paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
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
	tarred := paste.TarOf(t, paste.Report())
	zipped := zipOf(t, paste.Report())
	folder := filepath.Join(dir, "folder")
	if err := os.CopyFS(folder, paste.Report()); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{folder, write("a.tar", tarred), write("a.tar.gz", gzipOf(t, tarred)), write("a.zip", zipped)} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var other []string
			p, err := paste.Open(t.Context(), file, paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, p, other)
		})
	}
	for _, file := range []string{write("b.txt", []byte(sample.ProcLittle)), write("b.txt.gz", gzipOf(t, []byte(sample.ProcLittle)))} {
		p, err := paste.Open(t.Context(), file, paste.Options{})
		if err != nil || len(p.Snapshot.Sockets) != 5 || p.Lines != 6 {
			t.Errorf("%s: %v, %+v", file, err, p)
		}
	}
	for _, file := range []string{write("c.xz", []byte("\xfd7zXZ\x00 and so on")), write("c.zip", []byte("PK\x03\x04 and so on")), write("c.gz", []byte("\x1f\x8b and so on"))} {
		if _, err := paste.Open(t.Context(), file, paste.Options{}); !errors.Is(err, paste.ErrArchive) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if p, err := paste.Open(t.Context(), write("empty", nil), paste.Options{}); err != nil || p.Lines != 0 {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := paste.Open(t.Context(), filepath.Join(dir, "none"), paste.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

// A damaged archive gives what came before the damage, and says so.
func TestOpenCutArchive(t *testing.T) {
	whole := paste.TarOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: []byte(sample.ProcLittle)}, "z.log": &fstest.MapFile{Data: bytes.Repeat([]byte("x\n"), 4096)}})
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(file, whole[:len(whole)-6000], 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := paste.Open(t.Context(), file, paste.Options{})
	if err != nil || len(p.Snapshot.Sockets) != 5 {
		t.Fatalf("%v, %+v", err, p)
	}
	if !pastetest.BlindTo(p, "paste-tree-cut", "") && !pastetest.BlindTo(p, "paste-file-unreadable", "z.log") {
		t.Errorf("blind spots %+v", p.Snapshot.BlindSpots)
	}
}

// A link out of the folder leads nowhere.
func TestOpenLink(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	folder := filepath.Join(dir, "folder")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(secret, []byte(sample.ProcLittle), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(folder, "netstat.txt")); err != nil {
		t.Skip("no links here: ", err)
	}
	if p, err := paste.Open(t.Context(), folder, paste.Options{}); err == nil || !strings.Contains(err.Error(), "links") {
		t.Errorf("a folder of links: %v, %+v", err, p)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := paste.Open(t.Context(), folder, paste.Options{}); err != nil || len(p.Snapshot.Sockets) > 0 || !pastetest.BlindTo(p, "paste-link-not-followed", "netstat.txt") {
		t.Errorf("%v, %d sockets, blind spots %+v", err, len(p.Snapshot.Sockets), p.Snapshot.BlindSpots)
	}
}

// A few files that somebody put together are all read, whatever they are called.
func TestReadTreeOfAnyNames(t *testing.T) {
	p, err := paste.ReadTree(t.Context(), fstest.MapFS{
		"monday/one":    &fstest.MapFile{Data: []byte("net.core.somaxconn = 128\nnet.ipv4.tcp_tw_reuse = 2\n")},
		"two.dat":       &fstest.MapFile{Data: []byte("  5 TIME_WAIT\n  3 CLOSE_WAIT\n")},
		"screen.png":    &fstest.MapFile{Data: []byte("  9 TIME_WAIT\n  9 CLOSE_WAIT\n")},
		"the-rest.conf": &fstest.MapFile{Data: []byte("x\n")},
	}, paste.Options{})
	if err != nil || pastetest.NetNS(p).Settings["net.core.somaxconn"] != "128" || len(p.Parts) != 2 {
		t.Errorf("%v, parts %+v", err, p.Parts)
	}
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
