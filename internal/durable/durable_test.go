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

// What cannot go from the place of the new text keeps nobody from removing the file.
func TestRemoveWithABlockedPlace(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := Replace(root, "a", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".a.new", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Try(root, "a", []byte("y"), 0o600); err == nil {
		t.Error("there was a way to write")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a")); string(got) != "x" {
		t.Errorf("it was tried upon the file: %q", got)
	}
	if err := Remove(root, "a"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestTryLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := Try(root, "a", []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := Try(root, "none/a", []byte("x"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for range 2 {
		if err := MkdirAll(root, "a/b/c", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a", "b", "c")); err != nil || !info.IsDir() {
		t.Fatalf("%v", err)
	}
	if err := RemoveDir(root, "a/b"); err == nil {
		t.Error("it removed what is not empty")
	}
	if err := RemoveDir(root, "a/b/c"); err != nil {
		t.Error(err)
	}
	if err := RemoveDir(root, "a/b/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(root, "file", 0o700); err == nil {
		t.Error("a file is a directory")
	}
	if err := RemoveDir(root, "file"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	if err := RemoveDir(root, "link"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
}
