package collect

import "sockeye/internal/host"

// Inspect describes one process, whatever it holds, by the number that this
// process's own /proc gives it; nil when there is none. Sockets is 0 and UDP -1:
// nobody counted. What was not seen of it is told.
func Inspect(pid int32) (p *host.Process, notSeen []host.BlindSpot) {
	blind := &blindness{}
	p = newDescriber(liveProc(), bootTime()).read(pid, blind)
	return p, blind.list()
}
