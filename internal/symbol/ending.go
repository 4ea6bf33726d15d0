package symbol

import "time"

// ending is when whoever waits for a stack gives up. One file that does not
// answer must not cost the others their names: the last quarter of the time is
// given out in small pieces.
type ending struct{ soft, hard time.Time }

// grace is enough for a file whose tables have been read.
const grace = 10 * time.Millisecond

func endIn(d time.Duration) ending {
	now := time.Now()
	return ending{soft: now.Add(d - d/4), hard: now.Add(d)}
}

// wait is how long the next answer may take; 0 or less: no time at all.
func (e ending) wait() time.Duration {
	return min(max(time.Until(e.soft), grace), time.Until(e.hard))
}
