package lsof

import (
	"bytes"
	"math"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// sharersMost bounds who is remembered to hold one socket: a pre-fork server has
// hundreds of workers.
const sharersMost = 4096

// descriptors counts the descriptors of processes and keeps their sockets once,
// however many rows tell of them: an old lsof repeats each row for every thread,
// and a socket that several processes hold is listed for each of them.
type descriptors struct {
	pid     int32
	process *host.Process
	fds     map[uint32]struct{} // of process: the numbers seen
	held    int                 // TCP sockets of process
	udps    int                 // UDP sockets of process
	whole   bool                // of process: its directory or program is listed, so all descriptors are
	sockets map[uint64]int32    // by inode or address in the kernel: where builder.sockets has it
	any     bool                // a TCP socket was seen
}

func newDescriptors() *descriptors {
	return &descriptors{fds: map[uint32]struct{}{}, sockets: map[uint64]int32{}}
}

// at says whose descriptors follow.
func (d *descriptors) at(pid int32, command []byte, b *form.Builder) {
	if d.process != nil && d.pid == pid {
		return
	}
	d.leave()
	d.pid, d.process = pid, b.Process(pid, unescaped(command))
}

// leave gives what was counted to the process.
func (d *descriptors) leave() {
	if d.process == nil {
		return
	}
	if d.whole {
		n := uint64(len(d.fds))
		if d.process.FDs != nil { // it is listed twice: two looks in one text
			n = max(n, *d.process.FDs)
		}
		d.process.FDs = &n
	}
	if d.whole || d.udps > 0 {
		d.process.UDP = max(d.process.UDP, d.udps)
	}
	d.process.Sockets = max(d.process.Sockets, d.held)
	clear(d.fds)
	d.udps, d.held, d.whole, d.process = 0, 0, false, nil
}

func (d *descriptors) user(name []byte) {
	if d.process.User != "" || len(name) == 0 {
		return
	}
	if uid, ok := form.SmallNumber(name, math.MaxUint32); ok {
		d.process.UID = uint32(uid)
		return
	}
	d.process.User = string(name)
}

// first notes a descriptor and says whether it is new.
func (d *descriptors) first(fd []byte) bool {
	number := uint64(0)
	digits := 0
	for _, c := range fd {
		if c < '0' || c > '9' || digits == 9 {
			break
		}
		number = number*10 + uint64(c-'0')
		digits++
	}
	if digits == 0 {
		return true // without a number it is counted by nobody
	}
	if _, ok := d.fds[uint32(number)]; ok {
		return false
	}
	d.fds[uint32(number)] = struct{}{}
	return true
}

// file notes a descriptor of no interest but its number.
func (d *descriptors) file(fd []byte) {
	if bytes.Equal(fd, []byte("cwd")) || bytes.Equal(fd, []byte("txt")) {
		d.whole = true
	}
	d.first(fd)
}

// short is how much of a program's name lsof shows unless it is asked for more.
const short = 9

// program notes the file that a process runs: the first that lsof lists as its
// text; others are libraries. What stands in parentheses behind the path says that
// the file is gone, or why lsof could not see it.
func (d *descriptors) program(path []byte) {
	path, deleted := bytes.CutSuffix(path, []byte(" (deleted)"))
	if d.process.Exe != "" || len(path) == 0 || path[0] != '/' || path[len(path)-1] == ')' || len(path) > pathLong {
		return
	}
	d.process.Exe, d.process.ExeDeleted = string(path), deleted
	if file := d.process.Exe[bytes.LastIndexByte(path, '/')+1:]; len(d.process.Name) == short && strings.HasPrefix(file, d.process.Name) {
		d.process.Name = file[:min(len(file), commLong)]
	}
}

const (
	pathLong = 4096 // PATH_MAX
	commLong = 15   // of a process's name, TASK_COMM_LEN less its end
)

// tcp keeps a socket. device tells it from others, 0 when nothing does; inode:
// device is one.
func (d *descriptors) tcp(fd []byte, device uint64, inode bool, s tcp.Socket, b *form.Builder) {
	d.any = true
	if !d.first(fd) {
		return
	}
	d.held++
	if i, ok := d.sockets[device]; ok && i >= 0 && device != 0 { // below 0 it is UDP's
		held := &b.Sockets[i]
		if held.PID != d.pid && len(b.Sharers[device]) < sharersMost {
			held.Inode = device
			b.Share(device, held.PID)
			b.Share(device, d.pid)
		}
		return
	}
	if s.State == tcp.Unknown {
		b.Cannot("paste-states-unknown", "lsof")
	}
	if inode {
		s.Inode = device
	}
	s.PID = d.pid
	form.Peerless(&s)
	b.Socket(s)
	if device != 0 && !b.Spared {
		d.sockets[device] = int32(len(b.Sockets) - 1)
	}
}

// unidentified notes a socket of which an old lsof only says that no table has
// it: TCP most likely, when there are many.
func (d *descriptors) unidentified(fd []byte) {
	if d.first(fd) {
		d.held++
	}
}

func (d *descriptors) udp(fd []byte, device uint64, b *form.Builder) {
	if !d.first(fd) {
		return
	}
	d.udps++
	i, ok := d.sockets[device]
	if ok && i < 0 && device != 0 {
		return
	}
	if !ok && device != 0 { // else it is TCP's, and stays so
		d.sockets[device] = -1
	}
	b.UDP++
}

// done ends the text of the program by.
func (d *descriptors) done(by string, b *form.Builder) {
	d.leave()
	if d.any {
		b.Cannot("paste-ownerless-unseen", by)
	}
}
