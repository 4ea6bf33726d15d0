package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceAndRemove(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	names := func() (list []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if err := os.WriteFile(filepath.Join(dir, ".a.new"), []byte("of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := Replace(root, "a", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a")); string(got) != text || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got := names(); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
	if err := Remove(root, "a"); err != nil || len(names()) != 0 {
		t.Errorf("%v, left: %v", err, names())
	}
	if err := Remove(root, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// What cannot be replaced stays, and nothing is left beside it.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil { // a rename onto it fails
		t.Fatal(err)
	}
	if err := Replace(root, "a", []byte("x"), 0o600); err == nil {
		t.Error("it replaced a directory")
	}
	if _, err := os.Lstat(filepath.Join(dir, ".a.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := Replace(root, "../x", []byte("x"), 0o600); err == nil {
		t.Error("it wrote outside of its root")
	}
}
