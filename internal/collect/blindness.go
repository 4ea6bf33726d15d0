package collect

import (
	"sync"

	"sockeye/internal/host"
)

// blindness gathers what could not be seen. Many processes that refuse in the
// same way are one spot with a count. The zero value is ready.
type blindness struct {
	mu    sync.Mutex // guards the two below
	spots []host.BlindSpot
	index map[spotKey]int // where in spots
}

type spotKey struct{ code, subject string }

// add notes one thing that was not seen; err may be nil. Of equal code and
// subject the first error's words are kept.
func (b *blindness) add(code, subject string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := spotKey{code, subject}
	if i, ok := b.index[key]; ok {
		b.spots[i].Count++
		return
	}
	spot := host.BlindSpot{Code: code, Subject: subject, Count: 1}
	if err != nil {
		spot.Err = err.Error()
	}
	if b.index == nil {
		b.index = make(map[spotKey]int)
	}
	b.index[key] = len(b.spots)
	b.spots = append(b.spots, spot)
}

// list returns what was noted, in the order it was first noted.
func (b *blindness) list() []host.BlindSpot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]host.BlindSpot(nil), b.spots...)
}
