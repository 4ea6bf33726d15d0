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
	temp, err := vacate(root, name)
	if err != nil {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
		return err
	}
	return syncDir(root, path.Dir(name))
}

// Remove removes a file, and what a crash left of its successor.
func Remove(root *os.Root, name string) error {
	if _, err := vacate(root, name); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	return syncDir(root, path.Dir(name))
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
