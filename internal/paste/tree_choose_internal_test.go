package paste

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
)

const TreeRow = "tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n"

// Of a folder of many files those are read, too, that begin as a table does,
// whatever they are called, and none of the others.
func TestReadTreeOfManyNames(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 3 * treeSmall {
		text := strings.ReplaceAll(TreeRow, "41234", fmt.Sprint(10000+i))
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

// A walk ends with ctx.
func TestReadTreeInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	visited := 0
	endless := func(visit func(member) error) error {
		for ; ; visited++ {
			if visited == 1000 {
				interrupt()
			}
			if err := visit(member{name: fmt.Sprintf("netstat%d", visited), from: strings.NewReader(TreeRow)}); err != nil {
				return err
			}
		}
	}
	if err := NewSession(Options{}).tree(ctx, endless, nil); !errors.Is(err, context.Canceled) || visited != 1000 {
		t.Errorf("%v after %d files", err, visited)
	}
	tarred := TarOf(t, Report())
	begin := func() (io.Reader, error) { return &interruptible{ctx, bytes.NewReader(tarred)}, nil }
	if err := NewSession(Options{}).tree(ctx, treeOfTar(begin), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an archive: %v", err)
	}
}
