package paste

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const treeRow = "tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n"

// Of a folder of many files those are read, too, that begin as a table does,
// whatever they are called, and none of the others.
func TestReadTreeOfManyNames(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 3 * treeSmall {
		text := strings.ReplaceAll(treeRow, "41234", fmt.Sprint(10000+i))
		switch i % 3 {
		case 1: // as PowerShell writes
			text = "\xff\xfe" + strings.Join(strings.SplitAfter(text, ""), "\x00") + "\x00"
		case 2:
			text = "dear reader, this is prose about " + text
		}
		files[fmt.Sprintf("n%d.txt", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	var other []string
	p, err := ReadTree(t.Context(), files, Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }})
	if err != nil || len(p.Snapshot.Sockets) != 2*treeSmall || len(other) > 0 {
		t.Errorf("%v, %d sockets, other lines %q", err, len(p.Snapshot.Sockets), other)
	}
}

// Where nothing is read of what is there, that is no empty folder.
func TestReadTreeOfNothingKnown(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 2 * treeSmall {
		files[fmt.Sprintf("n%d.txt", i)] = &fstest.MapFile{Data: []byte("prose\n")}
	}
	if _, err := ReadTree(t.Context(), files, Options{}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(2*treeSmall)) {
		t.Errorf("error %v", err)
	}
	if _, err := ReadTree(t.Context(), fstest.MapFS{}, Options{}); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
}

// Compressed files and archives among the files are read, one deep.
func TestReadTreeOfArchives(t *testing.T) {
	row := func(port int) []byte { return []byte(strings.ReplaceAll(treeRow, "41234", fmt.Sprint(port))) }
	inner := tarOf(t, fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: row(10001)}, "deep.tar": &fstest.MapFile{Data: tarOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: row(10009)}})}})
	files := fstest.MapFS{
		"netstat.txt.gz":        &fstest.MapFile{Data: gzipOf(t, row(10002))},
		"var/log/messages-1.gz": &fstest.MapFile{Data: gzipOf(t, []byte("Nov 22 09:05:00 web-1 kernel: something\n"))},
		"inner.tar.gz":          &fstest.MapFile{Data: gzipOf(t, inner)},
		"inner.zip":             &fstest.MapFile{Data: zipOf(t, fstest.MapFS{"ss.txt": &fstest.MapFile{Data: row(10003)}})},
		"netstat-old.txt.xz":    &fstest.MapFile{Data: []byte("\xfd7zXZ\x00 and so on")},
		"netstat-half.gz":       &fstest.MapFile{Data: []byte("\x1f\x8b and so on")},
	}
	check := func(t *testing.T, p *Pasted, other []string) {
		t.Helper()
		ports := map[uint16]bool{}
		for i := range p.Snapshot.Sockets {
			ports[p.Snapshot.Sockets[i].Local.Port()] = true
		}
		if len(ports) != 3 || !ports[10001] || !ports[10002] || !ports[10003] || len(other) != 1 {
			t.Errorf("ports %v, other lines %q", ports, other)
		}
		for _, blind := range [][2]string{{"paste-archive-inside", "inner.tar.gz/deep.tar"}, {"paste-file-unreadable", "netstat-old.txt.xz"}, {"paste-file-unreadable", "netstat-half.gz"}} {
			if !blindTo(p, blind[0], blind[1]) {
				t.Errorf("%v is missing of %+v", blind, p.Snapshot.BlindSpots)
			}
		}
	}
	for _, many := range []bool{false, true} {
		if many { // what is read of a large folder is chosen by name
			for i := range 2 * treeSmall {
				files[fmt.Sprintf("usr/share/doc/%d.gz", i)] = &fstest.MapFile{Data: gzipOf(t, row(20000))}
			}
		}
		var other []string
		o := Options{Other: func(_ uint64, line []byte) { other = append(other, string(line)) }}
		p, err := ReadTree(t.Context(), files, o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, other)
		other = nil
		file := filepath.Join(t.TempDir(), "a.tgz")
		if err := os.WriteFile(file, gzipOf(t, tarOf(t, files)), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err = Open(t.Context(), file, o); err != nil {
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
	files := fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: []byte(treeRow)}}
	for i := range 30 {
		files[fmt.Sprintf("closed%d/ss.txt", i)] = &fstest.MapFile{Data: []byte(treeRow)}
	}
	p, err := ReadTree(t.Context(), closed{files}, Options{})
	if err != nil || len(p.Snapshot.Sockets) != 1 || !blindTo(p, "paste-file-unreadable", "closed0") || !blindTo(p, "paste-file-unreadable", "") || len(p.Snapshot.BlindSpots) > 16 {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
	delete(files, "netstat.txt")
	if _, err := ReadTree(t.Context(), closed{files}, Options{}); err == nil {
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
	files := fstest.MapFS{"netstat": &fstest.MapFile{Data: []byte(treeRow)}}
	for i := range 2 * treeSmall {
		files[fmt.Sprintf("n%d.txt", i)] = &fstest.MapFile{Data: []byte(treeRow)}
	}
	p, err := ReadTree(t.Context(), forbidding{files}, Options{})
	if err != nil || len(p.Snapshot.Sockets) != 1 || !blindTo(p, "paste-file-unreadable", "n0.txt") || !blindTo(p, "paste-file-unreadable", "") {
		t.Errorf("%v, %d sockets, blind spots %+v", err, len(p.Snapshot.Sockets), p.Snapshot.BlindSpots)
	}
}

// Binary files among a few are named; among a machine's logs they are usual.
func TestReadTreeOfBinaries(t *testing.T) {
	binary := append([]byte("wtmp"), bytes.Repeat([]byte{1, 2, 3, 0}, 1000)...)
	files := fstest.MapFS{"netstat.txt": &fstest.MapFile{Data: []byte(treeRow)}, "var/log/wtmp": &fstest.MapFile{Data: binary}}
	p, err := ReadTree(t.Context(), files, Options{})
	if err != nil || !blindTo(p, "paste-no-text", "var/log/wtmp") {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
	for i := range 2 * treeSmall {
		files[fmt.Sprintf("usr/lib/%d", i)] = &fstest.MapFile{Data: binary}
	}
	if p, err = ReadTree(t.Context(), files, Options{}); err != nil || blindTo(p, "paste-no-text", "var/log/wtmp") || len(p.Snapshot.Sockets) != 1 {
		t.Errorf("%v, blind spots %+v", err, p.Snapshot.BlindSpots)
	}
}

// A walk ends with ctx.
func TestReadTreeInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	visited := 0
	endless := func(visit func(member) error) error {
		for ; ; visited++ {
			if visited == 1000 {
				interrupt()
			}
			if err := visit(member{name: fmt.Sprintf("netstat%d", visited), from: strings.NewReader(treeRow)}); err != nil {
				return err
			}
		}
	}
	if err := NewSession(Options{}).tree(ctx, endless, nil); !errors.Is(err, context.Canceled) || visited != 1000 {
		t.Errorf("%v after %d files", err, visited)
	}
	tarred := tarOf(t, report())
	begin := func() (io.Reader, error) { return &interruptible{ctx, bytes.NewReader(tarred)}, nil }
	if err := NewSession(Options{}).tree(ctx, treeOfTar(begin), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an archive: %v", err)
	}
}
