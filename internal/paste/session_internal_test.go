package paste

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// Unending gives the same bytes for ever, and interrupts whoever reads it after a while.
type Unending struct {
	Block     string
	Blocks    int
	Interrupt func()
}

func (u *Unending) Read(into []byte) (int, error) {
	if u.Blocks--; u.Blocks == 0 {
		u.Interrupt()
	}
	return copy(into, u.Block), nil
}

// Reading ends soon after ctx, also in the middle of a line that never ends, of rows,
// and of a log's lines that are left out; and progress is told all the while.
func TestReadInterrupted(t *testing.T) {
	const blocks = 1 << 8
	for name, block := range map[string]string{
		"a line":      strings.Repeat("x", 64<<10),
		"zero bytes":  strings.Repeat("\x00", 64<<10),
		"a JSON line": "[{\"LocalPort\":1," + strings.Repeat(" ", 64<<10),
		"a log":       strings.Repeat("2026-11-22 09:05:00 nothing happened\n", 1<<10),
		"rows":        strings.Repeat("tcp        0      0 192.0.2.10:41234        198.51.100.4:3306       TIME_WAIT\n", 1<<10),
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		told := int64(0)
		s := NewSession(Options{Boring: func([]byte) bool { return true }})
		s.Builder().Room = 1000
		err := s.Read(ctx, &Unending{block, blocks, interrupt}, "", 0, func(read int64) { told = read })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if told < progressStep {
			t.Errorf("%s: progress until %d bytes", name, told)
		}
	}
}
