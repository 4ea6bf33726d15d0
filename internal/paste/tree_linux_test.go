package paste_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sockeye/internal/paste"
	"sockeye/internal/paste/sample"
)

// A device may have no end; one that is nothing is an empty text.
func TestOpenDevice(t *testing.T) {
	if _, err := paste.Open(t.Context(), "/dev/zero", paste.Options{}); !errors.Is(err, paste.ErrDevice) {
		t.Errorf("/dev/zero: %v", err)
	}
	if p, err := paste.Open(t.Context(), os.DevNull, paste.Options{}); err != nil || p.Lines > 0 {
		t.Errorf("%s: %v", os.DevNull, err)
	}
}

// A pipe by its name is waited for until somebody writes, or ctx ends.
func TestOpenPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := paste.Open(ctx, pipe, paste.Options{})
		done <- err
	}()
	interrupt()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("nobody writes: %v", err)
	}

	ctx, interrupt = context.WithCancel(t.Context())
	go func() {
		_, err := paste.Open(ctx, pipe, paste.Options{})
		done <- err
	}()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // now both have it open
	if err != nil {
		t.Fatal(err)
	}
	interrupt()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("somebody has it open and writes nothing: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, gzipOf(t, []byte(sample.ProcLittle)), 0o600) }()
	if p, err := paste.Open(t.Context(), pipe, paste.Options{}); err != nil || len(p.Snapshot.Sockets) != 5 {
		t.Errorf("%v, %+v", err, p)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}
