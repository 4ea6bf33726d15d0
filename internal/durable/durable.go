// Package durable changes files so that a crash or a power cut at any moment leaves
// either what was there or what was to be, whole.
//
// In: a name below an opened directory, and bytes. Out: the file, on the disk.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path"
)

// Replace writes a file anew. The new text is written beside it, as a name with a dot
// before and ".new" behind, and takes its place when it is on the disk; what a crash
// left under that name goes. Nothing is followed there, but the directory's own links
// within root are. After an error of the last step, when the directory is flushed,
// the new text may be there all the same.
func Replace(root *os.Root, name string, data []byte, perm os.FileMode) error {
	temp, err := write(root, name, data, perm)
	if err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		_ = root.Remove(temp)
		return err
	}
	return syncDir(root, path.Dir(name))
}

// Try does what Replace does as far as the new text on the disk, and takes it away
// again: it finds out whether there is a way and room to write. A crash may leave the
// text under the name that Replace writes to.
func Try(root *os.Root, name string, data []byte, perm os.FileMode) error {
	temp, err := write(root, name, data, perm)
	if err != nil {
		return err
	}
	return root.Remove(temp)
}

// Remove removes a file, and what a crash left of its successor. What else stands in the
// successor's place stays, since nobody reads it there.
func Remove(root *os.Root, name string) error {
	_, _ = vacate(root, name)
	if err := root.Remove(name); err != nil {
		return err
	}
	return syncDir(root, path.Dir(name))
}

// Sweep removes what a crash left of a file's successor, if it is a plain file.
func Sweep(root *os.Root, name string) {
	temp := path.Join(path.Dir(name), "."+path.Base(name)+".new")
	if info, err := root.Lstat(temp); err == nil && info.Mode().IsRegular() {
		_ = root.Remove(temp)
	}
}

// MkdirAll makes a directory, and those above it that are not there.
func MkdirAll(root *os.Root, dir string, perm os.FileMode) error {
	if info, err := root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := path.Dir(dir)
	if above != dir {
		if err := MkdirAll(root, above, perm); err != nil {
			return err
		}
	}
	if err := root.Mkdir(dir, perm); err != nil {
		return err
	}
	return syncDir(root, above)
}

// RemoveDir removes an empty directory, and nothing else: a link to one stays, and
// fs.ErrInvalid says so.
func RemoveDir(root *os.Root, dir string) error {
	info, err := root.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: fs.ErrInvalid}
	}
	if err := root.Remove(dir); err != nil {
		return err
	}
	return syncDir(root, path.Dir(dir))
}

// write puts a text on the disk, under the name that it returns.
func write(root *os.Root, name string, data []byte, perm os.FileMode) (temp string, err error) {
	temp, err = vacate(root, name)
	if err != nil {
		return "", err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = root.Remove(temp)
		return "", err
	}
	return temp, nil
}

// vacate returns the name that a file is written under before it takes its place,
// after it has removed what is there.
func vacate(root *os.Root, name string) (string, error) {
	temp := path.Join(path.Dir(name), "."+path.Base(name)+".new")
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return temp, nil
}
