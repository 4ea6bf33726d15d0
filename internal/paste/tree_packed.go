package paste

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
)

// unpacked undoes a compression that the first bytes name.
func unpacked(head []byte, from io.Reader) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(from)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		return packed{r}, nil
	case isPacked(head):
		return packed{bzip2.NewReader(from)}, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, fmt.Errorf("%w: it is compressed with xz: unpack it first (xz -d)", ErrArchive)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return nil, fmt.Errorf("%w: it is compressed with zstd: unpack it first (zstd -d)", ErrArchive)
	case bytes.HasPrefix(head, []byte("7z\xbc\xaf\x27\x1c")), bytes.HasPrefix(head, []byte("Rar!")):
		return nil, fmt.Errorf("%w: unpack it first", ErrArchive)
	}
	return from, nil
}

// packed says of whatever goes wrong that the archive is damaged, unless somebody
// has interrupted it.
type packed struct{ from io.Reader }

func (p packed) Read(into []byte) (int, error) {
	n, err := p.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return n, err
}

// archiveHead is how much shows what an archive is.
const archiveHead = 512

// isPacked: gzip or bzip2.
func isPacked(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\x1f\x8b")) || bytes.HasPrefix(head, []byte("BZh")) && len(head) > 10 && bytes.HasPrefix(head[4:], []byte("1AY&SY"))
}

func isZip(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) }

// isTar: the magic of POSIX and GNU tar, at byte 257.
func isTar(head []byte) bool {
	return len(head) >= 263 && bytes.Equal(head[257:262], []byte("ustar"))
}
