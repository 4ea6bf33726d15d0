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

	"sockeye/internal/durable"
)

// ErrForeignFile is a file that is not as Sockeye wrote it: it is left alone.
var ErrForeignFile = errors.New("not as sockeye wrote it")

// ownFile is a file that Sockeye alone writes: its first line is the checksum of
// the others, so that what somebody edited is not taken for its own.
type ownFile struct {
	root *os.Root
	path string // below it
}

// read returns what Sockeye wrote, nil where there is no file. ErrForeignFile is
// anything that it did not write so: a link, a file of somebody else, or one that
// was edited by hand.
func (f ownFile) read() ([]byte, error) {
	info, err := f.root.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > confMax {
		return nil, fmt.Errorf("/%s is no plain file: %w", f.path, ErrForeignFile)
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

// write replaces the file, or removes it where lines is empty; nothing happens
// where it is so already.
func (f ownFile) write(lines []byte) error {
	old, err := f.read()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		err := durable.Remove(f.root, f.path) // also what a crash left of a first one
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	data := append(append(headOf(lines), '\n'), lines...)
	if bytes.Equal(data, old) {
		return nil
	}
	if err := f.root.MkdirAll(path.Dir(f.path), 0o755); err != nil {
		return err
	}
	return durable.Replace(f.root, f.path, data, 0o644)
}
