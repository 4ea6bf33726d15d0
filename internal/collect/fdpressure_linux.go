package collect

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// minFileLimit is the least limit that is meant as one. Programs that lock
// themselves in (sshd's unprivileged child) set theirs to 0 or 1 while they hold
// more, so that nothing can be opened.
const minFileLimit = 16

// fdPressure lists the processes, by pid, that have at least 70 % of their soft
// limit of open files in use, whether or not they hold a socket. Without
// privileges it sees them all as well.
func fdPressure(r *blindness) []int32 { return liveProc().fdPressure(r) }

func (p procFS) fdPressure(r *blindness) []int32 {
	dir, err := os.Open(p.root)
	if err != nil {
		r.add("process-unreadable", "", err)
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		r.add("process-unreadable", "", err)
	}
	counted := p.countsFDs()
	var out []int32
	for _, name := range names {
		pid, err := strconv.ParseInt(name, 10, 32)
		if err != nil || pid <= 0 {
			continue
		}
		if near, err := p.nearFileLimit(int(dir.Fd()), name, int32(pid), counted); near {
			out = append(out, int32(pid))
		} else if err != nil && !hasGone(err) {
			r.add("process-unreadable", "", err)
		}
	}
	slices.Sort(out)
	return out
}

// nearFileLimit compares a process's open descriptors with its limit.
func (p procFS) nearFileLimit(root int, name string, pid int32, counted bool) (bool, error) {
	fd, err := openRetry(root, name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	d := processDir{fd, pid}
	defer d.close()
	near := func(n, limit uint64) bool { return limit >= minFileLimit && float64(n) >= 0.7*float64(limit) }

	if !counted {
		// Counting costs a listing of each descriptor. FDSize, the room of the
		// table, is never less than their number.
		limit, _, ok := d.fileLimits(p.live)
		if !ok {
			return false, nil
		}
		status, err := readAt(d.fd, "status", 16<<10)
		if err != nil {
			return false, err
		}
		if room := statusLine(status, "FDSize"); len(room) == 1 {
			if n, err := strconv.ParseUint(room[0], 10, 64); err == nil && !near(n, limit) {
				return false, nil
			}
		}
		n, err := d.openFiles(false)
		return err == nil && near(n, limit), err
	}
	n, err := d.openFiles(true)
	if err != nil || n == 0 { // kernel threads have none
		return false, err
	}
	limit, _, ok := d.fileLimits(p.live)
	return ok && near(n, limit), nil
}
