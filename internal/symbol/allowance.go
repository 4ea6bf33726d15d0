package symbol

import (
	"errors"
	"time"
)

// errSpent is returned while a file has taken more time than is given to it.
var errSpent = errors.New("takes too much time")

// allowance is the time that work on one file may take, all stacks together. It
// comes back slowly: a large program is named for as long as it is asked for, a
// crafted one costs a twentieth of a processor at most.
type allowance struct {
	left time.Duration // negative: a debt
	at   time.Time     // when left was right; zero: nothing was taken yet
}

const (
	allowed      = 2 * time.Second
	allowedShare = 20                     // one second comes back in so many
	leastAllowed = 200 * time.Millisecond // less is not worth to begin with
	maxDebt      = 5 * time.Second        // a file system that hung for an hour is forgiven

	// opening is how long the first look may take: into an executable of hundreds
	// of megabytes a good part of a second, and several on a machine that is busy.
	opening = 5 * time.Second
)

// rest returns how long a piece of work that begins now may take, 0 for not at all.
func (a *allowance) rest(now time.Time) time.Duration {
	if a.at.IsZero() {
		a.left = allowed
	} else if since := now.Sub(a.at); since > 0 {
		a.left = min(a.left+since/allowedShare, allowed)
	}
	a.at = now
	if a.left < leastAllowed {
		return 0
	}
	return a.left
}

func (a *allowance) spend(d time.Duration) { a.left = max(a.left-d, -maxDebt) }
