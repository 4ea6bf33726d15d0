package tune

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"sockeye/internal/durable"
)

// ErrForeignFile is a file that is not as Sockeye wrote it, or in a directory that is
// not the machine's own: it is left alone.
var ErrForeignFile = errors.New("not as sockeye wrote it")

// ownFile is a file that Sockeye alone writes: its first line is the checksum of
// the others, so that what somebody edited is not taken for its own.
type ownFile struct {
	root *os.Root
	path string // below it
	unit string // whose limit it has; "" that of settings
}

const ownPerm = 0o644

// read returns what Sockeye wrote, nil where there is no file. ErrForeignFile is
// anything that it did not write so: a link, a file of somebody else, one that was
// edited by hand, or a directory that is a link, and so perhaps another's as well.
func (f ownFile) read() ([]byte, error) {
	for _, p := range []struct {
		name, want string
		fits       func(fs.FileInfo) bool
	}{
		{path.Dir(f.path), "directory", func(i fs.FileInfo) bool { return i.IsDir() }},
		{f.path, "file", func(i fs.FileInfo) bool { return i.Mode().IsRegular() && i.Size() <= confMax }},
	} {
		info, err := f.root.Lstat(p.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !p.fits(info) {
			return nil, fmt.Errorf("/%s is no plain %s: %w", p.name, p.want, ErrForeignFile)
		}
	}
	data, err := f.root.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Equal(head, headOf(rest)) {
		return nil, fmt.Errorf("/%s was written or edited by somebody else: %w", f.path, ErrForeignFile)
	}
	return data, nil
}

// headOf is the first line of a file with this rest.
func headOf(rest []byte) []byte {
	sum := sha256.Sum256(rest)
	return []byte("# sockeye " + hex.EncodeToString(sum[:]))
}

// text is the file with these lines. An error is one that could not be read again.
func (f ownFile) text(lines []byte) ([]byte, error) {
	data := append(append(headOf(lines), '\n'), lines...)
	if len(data) > confMax {
		return nil, fmt.Errorf("/%s would have %d bytes, and may have %d", f.path, len(data), confMax)
	}
	return data, nil
}

// write replaces the file, or removes it where lines is empty, with those directories
// of made, which are Sockeye's, that are empty then. Nothing happens where it is so
// already.
func (f ownFile) write(lines []byte, made []string) error {
	old, err := f.read()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		err := durable.Remove(f.root, f.path) // also what a crash left of a first one
		if err != nil && old != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // where nothing of ours is, nothing is in the way
		}
		return f.unmake(made)
	}
	data, err := f.text(lines)
	if err != nil || bytes.Equal(data, old) {
		return err
	}
	if err := durable.MkdirAll(f.root, path.Dir(f.path), 0o755); err != nil {
		return err
	}
	return durable.Replace(f.root, f.path, data, ownPerm)
}

// unmake removes the directories of the file that Sockeye made, as far as they are empty.
func (f ownFile) unmake(made []string) error {
	for dir := path.Dir(f.path); slices.Contains(made, dir); dir = path.Dir(dir) {
		err := durable.RemoveDir(f.root, dir)
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST), errors.Is(err, fs.ErrInvalid):
			return nil
		default:
			return err
		}
	}
	return nil
}

// absent are the directories of the file that are not there, the innermost first, and
// the one that is.
func (f ownFile) absent() (dirs []string, there string) {
	for dir := path.Dir(f.path); ; dir = path.Dir(dir) {
		if _, err := f.root.Lstat(dir); dir == "." || !errors.Is(err, fs.ErrNotExist) {
			return dirs, dir
		}
		dirs = append(dirs, dir)
	}
}

// try finds out whether the file could be written, and leaves all as it is.
func (f ownFile) try(lines []byte) error {
	data, err := f.text(lines)
	if err != nil {
		return err
	}
	_, there := f.absent()
	if err := durable.Try(f.root, path.Join(there, path.Base(f.path)), data, ownPerm); err != nil {
		return fmt.Errorf("/%s cannot be written: %w", f.path, err)
	}
	return nil
}
