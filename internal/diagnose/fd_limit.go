package diagnose

import (
	"fmt"
	"math"
)

// moreFiles proposes a limit of files, within what fs.nr_open lets any process have.
func (x *examination) moreFiles(limit uint64) uint64 {
	if most, ok := x.now.System.Settings.Int("fs.nr_open"); ok && most > 0 {
		return min(doubled(limit), uint64(most))
	}
	return doubled(limit)
}

// doubled proposes twice a limit, at least 65,536: what servers are shipped with.
func doubled(limit uint64) uint64 {
	if limit > 1<<62 {
		return limit
	}
	return max(limit*2, 65536)
}

// limitArgs are a soft limit of files as prlimit(1) and LimitNOFILE= of systemd take
// it. A hard limit that is higher stays: only root can ever raise it again. Where it
// is not known, 0, prlimit leaves it alone, and refuses a soft one above it.
func limitArgs(soft, hard uint64) (prlimit, unit string) {
	unit = fmt.Sprint(soft)
	switch {
	case hard == 0:
		return "", unit
	case hard == math.MaxUint64:
		return unit + ":", unit + ":infinity"
	case hard > soft:
		return unit + ":", fmt.Sprintf("%d:%d", soft, hard)
	}
	return unit + ":" + unit, unit
}
