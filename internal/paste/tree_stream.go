package paste

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// openPipe opens a pipe by its name, which waits for somebody to write into it.
func openPipe(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(name)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				_ = o.file.Close() // nobody wants it any more
			}
		}()
		return nil, ctx.Err()
	}
}

// pipeMost is how much of an archive is kept in memory where it can be read once only.
const pipeMost = 64 << 20

// Stream reads what can be read once only, a pipe: a text, which may be compressed,
// or a small archive. The rest is as with Open.
func (s *Session) Stream(ctx context.Context, from io.Reader, name string, progress func(int64)) error {
	buffered := bufio.NewReaderSize(&interruptible{ctx, from}, 4096)
	head, _ := buffered.Peek(archiveHead) // an error comes again
	packed, zipped := isPacked(head), isZip(head)
	plain, err := unpacked(bytes.Clone(head), buffered)
	if err != nil {
		return err
	}
	inner := buffered
	if packed {
		inner = bufio.NewReaderSize(plain, 4096)
	}
	if head, _ = inner.Peek(archiveHead); !zipped && !isTar(head) {
		return s.text(ctx, inner, name, 0, progress)
	}
	archive, err := io.ReadAll(io.LimitReader(inner, pipeMost+1))
	switch {
	case len(archive) > pipeMost:
		return fmt.Errorf("%w: it is too large to be read from a pipe: save it as a file and give its name", ErrArchive)
	case err != nil && !errors.Is(err, ErrArchive) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return s.whole(ctx, bytes.NewReader(archive), int64(len(archive)), name, progress)
}
