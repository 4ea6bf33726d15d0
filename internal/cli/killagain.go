package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// Whoever watches over a program starts it again soon after it has ended: systemd
// waits 100 ms by default (RestartSec, systemd.service(5)), loops of a shell less.
const (
	longestLook = time.Second
	nextLook    = 200 * time.Millisecond
)

// lookFunc reads the sockets once more.
type lookFunc func(context.Context) (*host.Snapshot, error)

// describeFunc describes a process by its number; nil when there is none.
type describeFunc func(sn *host.Snapshot, pid int32) *host.Process

// heldAgain is a port that a process which has ended listened on, and another does.
type heldAgain struct {
	socket tcp.Socket
	isNew  bool // a socket that was not there before
	holder *host.Process
	parent *host.Process // of the holder, nil where that tells nothing
}

// parentOf is who started a process and may start it again; nil for process 1 and for
// what Sockeye was started from, as the shell of the session is. A number that went to
// a process which began later is no parent's.
func parentOf(sn *host.Snapshot, p *host.Process, guard *act.Guard, describe describeFunc) *host.Process {
	if p.PPID <= 1 {
		return nil
	}
	parent := describe(sn, p.PPID)
	if parent == nil || parent.StartTicks > p.StartTicks {
		return nil
	}
	switch guard.Process(parent) {
	case act.Ancestor, act.Own, act.Kernel:
		return nil
	}
	return parent
}

// hasKeeper reports whether somebody may start a process again.
func (d *doomed) hasKeeper() bool {
	return d.parent != nil || d.PPID == 1 && isService(d.Process) || d.Container != nil
}

// isService reports a process of a unit that systemd may start again.
func isService(p *host.Process) bool {
	return strings.HasSuffix(p.Unit, ".service") && !strings.HasPrefix(p.Unit, "user@")
}

// seekAgain looks who listens now where those did that have ended: once, and where
// somebody may start them again until one second has passed.
func (k *killing) seekAgain(ctx context.Context, guard *act.Guard, look lookFunc, describe describeFunc) []heldAgain {
	ended := map[int32]bool{}
	isPatient := false
	for i := range k.plan {
		if p := &k.plan[i]; p.result.Outcome == act.Ended || p.result.Outcome == act.Killed {
			ended[p.PID] = true
			isPatient = isPatient || p.hasKeeper()
		}
	}
	lost := listenersOf(k.sn, func(pid int32) bool { return ended[pid] })
	if len(lost) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	for {
		sn, err := look(ctx)
		if err != nil { // what it would have told is no part of the deed
			return nil
		}
		if found := k.holdersNow(sn, lost, ended, describe); len(found) > 0 || !isPatient {
			for i := range found {
				found[i].parent = parentOf(sn, found[i].holder, guard, describe)
			}
			return found
		}
		select {
		case <-time.After(nextLook):
		case <-ctx.Done():
			return nil
		}
	}
}

// listenersOf are the listening sockets that somebody of those holds.
func listenersOf(sn *host.Snapshot, of func(pid int32) bool) (out []tcp.Socket) {
	for i := range sn.Sockets {
		if s := &sn.Sockets[i]; s.State == tcp.Listen && slices.ContainsFunc(sn.Owners(s), of) {
			out = append(out, *s)
		}
	}
	return out
}

// holdersNow are the processes that listen on the ports of lost sockets: on new sockets
// at any address, on old ones only at the same, once for each port and process.
func (k *killing) holdersNow(sn *host.Snapshot, lost []tcp.Socket, ended map[int32]bool, describe describeFunc) (found []heldAgain) {
	const most = 5
	type identity struct{ cookie, inode uint64 }
	before := map[identity]bool{}
	for i := range k.sn.Sockets {
		s := &k.sn.Sockets[i]
		before[identity{s.Cookie, s.Inode}] = true
	}
	for _, s := range listenersOf(sn, func(pid int32) bool { return !ended[pid] }) {
		isNew := !before[identity{s.Cookie, s.Inode}]
		if !slices.ContainsFunc(lost, func(l tcp.Socket) bool {
			return l.NetNS == s.NetNS && l.Local.Port() == s.Local.Port() && (isNew || l.Local == s.Local)
		}) {
			continue
		}
		owners := slices.DeleteFunc(slices.Clone(sn.Owners(&s)), func(pid int32) bool { return ended[pid] })
		isTold := slices.ContainsFunc(found, func(h heldAgain) bool {
			return h.holder.PID == owners[0] && h.socket.Local.Port() == s.Local.Port()
		})
		if holder := describe(sn, owners[0]); holder != nil && !isTold && len(found) < most {
			found = append(found, heldAgain{socket: s, isNew: isNew, holder: holder})
		}
	}
	return found
}

// saysAgain is the note about a port that is held again.
func (k *killing) saysAgain(h heldAgain) string {
	v := struct {
		Port                    uint16
		New                     bool
		Process, Parent, Keeper string
	}{Port: h.socket.Local.Port(), New: h.isNew, Process: called(h.holder)}
	if h.parent != nil {
		v.Parent = called(h.parent)
	}
	if v.Keeper = k.container(h.holder.Container); v.Keeper == "" && isService(h.holder) {
		v.Keeper = k.unit(h.holder)
	}
	v.Keeper = host.Printable(v.Keeper)
	return sentence(k.book, "act.kill.held-again", v)
}
