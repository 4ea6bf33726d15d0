package paste_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"sockeye/internal/paste"
	"sockeye/internal/paste/pastetest"
)

// Compressed files and archives among the files are read, one deep.
func TestReadTreeOfArchives(t *testing.T) {
	row := func(port int) []byte { return []byte(strings.ReplaceAll(paste.TreeRow, "41234", fmt.Sprint(port))) }
	inner := paste.TarOf(t, fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: row(10001)}, "deep.tar": &fstest.MapFile{Data: paste.TarOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: row(10009)}})}})
	files := fstest.MapFS{
		"netstat.txt.gz":        &fstest.MapFile{Data: gzipOf(t, row(10002))},
		"var/log/messages-1.gz": &fstest.MapFile{Data: gzipOf(t, []byte("Nov 22 09:05:00 web-1 kernel: something\n"))},
		"inner.tar.gz":          &fstest.MapFile{Data: gzipOf(t, inner)},
		"inner.zip":             &fstest.MapFile{Data: zipOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: row(10003)}})},
		"netstat-old.txt.xz":    &fstest.MapFile{Data: []byte("\xfd7zXZ\x00 and so on")},
		"netstat-half.gz":       &fstest.MapFile{Data: []byte("\x1f\x8b and so on")},
	}
	check := func(t *testing.T, p *paste.Pasted, other []string) {
		t.Helper()
		ports := map[uint16]bool{}
		for i := range p.Snapshot.Sockets {
			ports[p.Snapshot.Sockets[i].Local.Port()] = true
		}
		if len(ports) != 3 || !ports[10001] || !ports[10002] || !ports[10003] || len(other) != 1 {
			t.Errorf("ports %v, other lines %q", ports, other)
		}
		for _, blind := range [][2]string{{"paste-archive-inside", "inner.tar.gz/deep.tar"}, {"paste-file-unreadable", "netstat-old.txt.xz"}, {"paste-file-unreadable", "netstat-half.gz"}} {
			if !pastetest.BlindTo(p, blind[0], blind[1]) {
				t.Errorf("%v is missing of %+v", blind, p.Snapshot.BlindSpots)
			}
		}
	}
	for _, many := range []bool{false, true} {
		if many { // what is read of a large folder is chosen by name
			for i := range 2 * paste.TreeSmall {
				files[fmt.Sprintf("usr/share/doc/%d.gz", i)] = &fstest.MapFile{Data: gzipOf(t, row(20000))}
			}
		}
		var other []string
		o := paste.Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }}
		p, err := paste.ReadTree(t.Context(), files, o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, other)
		other = nil
		file := filepath.Join(t.TempDir(), "a.tgz")
		if err := os.WriteFile(file, gzipOf(t, paste.TarOf(t, files)), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err = paste.Open(t.Context(), file, o); err != nil {
			t.Fatal(err)
		}
		check(t, p, other)
	}
}

// closed is a folder some of which may not be opened.
type closed struct{ fstest.MapFS }

func (c closed) ReadDir(name string) ([]fs.DirEntry, error) {
	if strings.HasPrefix(name, "closed") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.MapFS.ReadDir(name)
}

// A folder within that is closed is told, and many of them are not a page of names.
func TestReadTreeOfClosedFolders(t *testing.T) {
	files := fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: []byte(paste.TreeRow)}}
	for i := range 30 {
		files[fmt.Sprintf("closed%d/ss.txt", i)] = &fstest.MapFile{Data: []byte(paste.TreeRow)}
	}
	p, err := paste.ReadTree(t.Context(), closed{files}, paste.Options{})
	if err != nil || len(p.Snapshot.Sockets) != 1 || !pastetest.BlindTo(p, "paste-file-unreadable", "closed0") || !pastetest.BlindTo(p, "paste-file-unreadable", "") || len(p.Snapshot.BlindSpots) > 16 {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
	delete(files, "netstat.txt")
	if _, err := paste.ReadTree(t.Context(), closed{files}, paste.Options{}); err == nil {
		t.Error("nothing could be opened, and nothing is said")
	}
}

// forbidding is a folder of files that may not be opened.
type forbidding struct{ fstest.MapFS }

func (c forbidding) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".txt") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.MapFS.Open(name)
}

// So is a file that is closed, whatever it is called and however many there are.
func TestReadTreeOfClosedFiles(t *testing.T) {
	files := fstest.MapFS{"netstat": &fstest.MapFile{Data: []byte(paste.TreeRow)}}
	for i := range 2 * paste.TreeSmall {
		files[fmt.Sprintf("n%d.txt", i)] = &fstest.MapFile{Data: []byte(paste.TreeRow)}
	}
	p, err := paste.ReadTree(t.Context(), forbidding{files}, paste.Options{})
	if err != nil || len(p.Snapshot.Sockets) != 1 || !pastetest.BlindTo(p, "paste-file-unreadable", "n0.txt") || !pastetest.BlindTo(p, "paste-file-unreadable", "") {
		t.Errorf("%v, %d sockets, blind spots %+v", err, len(p.Snapshot.Sockets), p.Snapshot.BlindSpots)
	}
}

// Binary files among a few are named; among a machine's logs they are usual.
func TestReadTreeOfBinaries(t *testing.T) {
	binary := append([]byte("wtmp"), bytes.Repeat([]byte{1, 2, 3, 0}, 1000)...)
	files := fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: []byte(paste.TreeRow)}, "var/log/wtmp": &fstest.MapFile{Data: binary}}
	p, err := paste.ReadTree(t.Context(), files, paste.Options{})
	if err != nil || !pastetest.BlindTo(p, "paste-no-text", "var/log/wtmp") {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
	for i := range 2 * paste.TreeSmall {
		files[fmt.Sprintf("usr/lib/%d", i)] = &fstest.MapFile{Data: binary}
	}
	if p, err = paste.ReadTree(t.Context(), files, paste.Options{}); err != nil || pastetest.BlindTo(p, "paste-no-text", "var/log/wtmp") || len(p.Snapshot.Sockets) != 1 {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
}
