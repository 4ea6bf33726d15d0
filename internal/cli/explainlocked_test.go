package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link that leads in a circle is a file that cannot be read, not a word.
func TestExplainLinkLoop(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Symlink("b", "a"), os.Symlink("a", "b")); err != nil {
		t.Skip("no links here: ", err)
	}
	code, _, talk := ran(t, nil, "a")
	if code != exitFailed || !strings.Contains(talk, "cannot read a:") {
		t.Errorf("exit code %d, stderr %q", code, talk)
	}
	if exists("nothing") || exists(filepath.Join("nothing", "x.log")) || exists("open x: permission denied") {
		t.Error("what is no file exists")
	}
}

// What comes through a pipe is unpacked as a file is.
func TestExplainPackedPipe(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte("tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n"))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	code, out, talk := ran(t, &packed, "--format", "json", "-")
	if code != 0 || !strings.Contains(out, `"TIME_WAIT": 1`) {
		t.Errorf("exit code %d, stderr %q\n%s", code, talk, out)
	}
}

// What cannot be called back, a diagnosis, does not keep anybody who has interrupted it.
func TestUnlessOver(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	began, end := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(end) })
	go func() { <-began; interrupt() }()
	err := unlessOver(ctx, func() error { close(began); <-end; return nil })
	if its, ok := errors.AsType[*exit](err); !ok || its.code != exitInterrupted {
		t.Errorf("interrupted: %v", err)
	}
	if err := unlessOver(t.Context(), func() error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("what it returns is lost: %v", err)
	}
}
