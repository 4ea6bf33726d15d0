package symbol

import (
	"io"
	"time"
)

// meter lets only so many bytes be read, all files and unpacked sections of one
// executable together, and only for so long: a crafted file may send its reader
// from one table to the next for ever. Whoever starts a piece of work sets what
// it may cost.
type meter struct {
	left  int64
	until time.Time // zero: no end
	late  bool      // something was not read because the time was over
}

const (
	costOfOpening = 1 << 30 // kubectl, 60 MB without section for its moduledata, takes 40 MB
	costOfLookup  = 512 << 20
	costOfRead    = 64 // of each read itself
)

// affords reports whether n more bytes may be read.
func (m *meter) affords(n int64) error {
	if m.late || !m.until.IsZero() && time.Now().After(m.until) {
		m.late = true
		return errSpent
	}
	if n+costOfRead > m.left {
		return errTooLong
	}
	return nil
}

type metered struct {
	r io.ReaderAt
	m *meter
}

func (r metered) ReadAt(p []byte, off int64) (int, error) {
	if err := r.m.affords(int64(len(p))); err != nil {
		return 0, err
	}
	r.m.left -= int64(len(p)) + costOfRead
	return r.r.ReadAt(p, off)
}

// modest refuses long reads: for readers of the standard library, which reserve
// memory for what a file claims to hold.
type modest struct{ r io.ReaderAt }

func (r modest) ReadAt(p []byte, off int64) (int, error) {
	const most = 2 << 20 // they look through a file by one
	if len(p) > most {
		return 0, errTooLong
	}
	return r.r.ReadAt(p, off)
}
