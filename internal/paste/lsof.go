package paste

import (
	"bytes"
	"math"

	"sockeye/internal/tcp"
)

var lsofKinds = []kind{
	{name: "lsof", commented: true, begins: lsofBegins, open: func() reader { return &lsofTable{descriptors: newDescriptors()} }},
	{name: "lsof -F", commented: true, begins: lsofFieldsBegin, open: func() reader { return &lsofFields{descriptors: newDescriptors()} }},
}

// lsofBegins: the heading, or a row of a socket, which is what people grep for.
func lsofBegins(line []byte) bool {
	if len(line) < 20 || line[0] >= '0' && line[0] <= '9' || line[0] == '[' || line[0] == '\t' { // a log's time, a stack's line
		return false
	}
	if bytes.Contains(line, []byte("IPv")) || bytes.Contains(line, []byte("protocol")) {
		r, ok := lsofCut(line, 0)
		return ok && r.about != lsofFile
	}
	return lsofHeading(line)
}

func lsofHeading(line []byte) bool {
	line = bytes.TrimLeft(line, " ")
	return bytes.HasPrefix(line, []byte("COMMAND")) && bytes.Contains(line, []byte(" PID ")) &&
		bytes.Contains(line, []byte(" FD ")) && bytes.HasSuffix(bytes.TrimRight(line, " "), []byte("NAME"))
}

// lsofTable reads lsof's table. Its columns move with their contents, and some
// of them can be blank; what does not move is the order.
type lsofTable struct {
	*descriptors
	pidEnd int // where the heading's PID ends: the numbers below end there too; 0 without a heading
}

func (t *lsofTable) read(line []byte, into *builder) verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return skipped
	}
	if lsofHeading(line) {
		t.pidEnd = bytes.Index(line, []byte(" PID ")) + len(" PID")
		return skipped
	}
	if bytes.HasPrefix(line, []byte("lsof: ")) || bytes.HasPrefix(line, []byte("      ")) && bytes.Contains(line, []byte("may be incomplete")) {
		return skipped
	}
	r, ok := lsofCut(line, t.pidEnd)
	if !ok {
		return foreign
	}
	t.at(r.pid, r.command, into)
	t.user(r.user)
	switch {
	case bytes.Equal(r.fd, []byte("NOFD")) || bytes.HasSuffix(r.name, []byte("Permission denied)")):
		if bytes.Equal(r.fd, []byte("NOFD")) {
			into.cannot("owners-no-permission", "")
		}
		return row
	case r.about == lsofTCP:
		s, ok := lsofSocket(r.name, into)
		if !ok {
			return bad
		}
		t.tcp(r.fd, r.device, r.inode, s, into)
	case r.about == lsofUnconnected:
		t.tcp(r.fd, r.device, true, tcp.Socket{State: tcp.Closed}, into)
	case r.about == lsofUnidentified:
		t.unidentified(r.fd)
	case r.about == lsofUDP:
		t.udp(r.fd, r.device, into)
	default:
		t.file(r.fd)
		if bytes.Equal(r.fd, []byte("txt")) && bytes.Equal(r.kind, []byte("REG")) {
			t.program(r.path())
		}
	}
	if os := lsofSystem(&r); os != "" {
		into.os(os)
	}
	return row
}

func (t *lsofTable) close(into *builder) { t.done("lsof", into) }

// lsofAbout says what a row of lsof tells of.
type lsofAbout uint8

const (
	lsofFile         lsofAbout = iota // no socket of the Internet family
	lsofTCP                           // a TCP socket, with its ends in the name
	lsofUDP                           // a UDP socket
	lsofUnconnected                   // a TCP socket that no table of the kernel lists
	lsofUnidentified                  // a socket that no table lists; which protocol, an old lsof cannot tell
)

// lsofRow is a row in parts; all are parts of the line.
type lsofRow struct {
	command, user, fd, kind, name []byte
	pid                           int32
	about                         lsofAbout
	device                        uint64 // what tells the socket from others: inode or address; 0: nothing
	inode                         bool   // device is an inode
}

// lsofCut takes a row apart: COMMAND PID [TID TASKCMD] USER FD TYPE DEVICE
// SIZE/OFF NODE NAME, where DEVICE, SIZE/OFF and NODE can be blank. COMMAND and
// TASKCMD can hold blanks. FD, which looks like nothing else, is what it hangs on.
func lsofCut(line []byte, pidEnd int) (r lsofRow, ok bool) {
	var words [20]span
	n := cutWords(line, words[:])
	word := func(i int) []byte { return line[words[i].from:words[i].to] }
	pid := 0
	for i := 1; i < n-2; i++ {
		if !number(word(i)) {
			continue
		}
		if pid == 0 || words[i].to == pidEnd {
			pid = i
		}
		if pidEnd == 0 || words[i].to == pidEnd {
			break
		}
	}
	if pid == 0 {
		return r, false
	}
	fd := 0
	for i := pid + 2; i < n-1; i++ {
		if isDescriptor(word(i)) {
			fd = i
			break
		}
	}
	number, small := smallNumber(word(pid), math.MaxInt32)
	if fd == 0 || !small || number == 0 {
		return r, false
	}
	r = lsofRow{
		command: line[words[0].from:words[pid-1].to], pid: int32(number),
		user: word(fd - 1), fd: word(fd), kind: word(fd + 1), name: line[words[fd+1].to:],
	}
	r.name = bytes.TrimSpace(r.name)
	switch string(r.kind) {
	case "IPv4", "IPv6", "inet", "inet6":
		r.socket(line, words[fd+2:min(n, fd+6)])
	case "sock":
		r.unlisted(line, words[fd+2:n])
	}
	return r, true
}

// socket reads what follows the type of a socket of the Internet family: DEVICE,
// SIZE/OFF, NODE (which is the protocol), NAME.
func (r *lsofRow) socket(line []byte, words []span) {
	for i, w := range words {
		switch string(line[w.from:w.to]) {
		case "TCP", "TCP6":
			r.about = lsofTCP
		case "UDP", "UDP6":
			r.about = lsofUDP
		default:
			continue
		}
		r.name = bytes.TrimSpace(line[w.to:])
		if i > 0 {
			r.device, r.inode = deviceOf(line[words[0].from:words[0].to])
		}
		return
	}
}

// path is a file's: it stands behind DEVICE, SIZE/OFF and NODE, each of which may
// be blank.
func (r *lsofRow) path() []byte {
	if i := bytes.IndexByte(r.name, '/'); i == 0 || i > 0 && r.name[i-1] == ' ' {
		return r.name[i:]
	}
	return nil
}

// unlisted reads a row of a socket that lsof found in no table.
func (r *lsofRow) unlisted(line []byte, words []span) {
	for i, w := range words {
		switch string(line[w.from:w.to]) {
		case "protocol:":
			r.name = line[w.to:]
			switch name := bytes.TrimSpace(r.name); {
			case bytes.HasPrefix(name, []byte("TCP")):
				r.about = lsofUnconnected
			case bytes.HasPrefix(name, []byte("UDP")):
				r.about = lsofUDP
			}
		case "can't":
			if bytes.HasPrefix(line[w.to:], []byte(" identify protocol")) {
				r.about = lsofUnidentified
			}
		default:
			continue
		}
		if i > 0 {
			r.device, r.inode = deviceOf(line[words[i-1].from:words[i-1].to])
		}
		return
	}
}

// deviceOf reads a socket's inode (Linux) or its address in the kernel (others).
func deviceOf(text []byte) (device uint64, inode bool) {
	if number(text) {
		n, ok := smallNumber(text, math.MaxInt64)
		return n, ok
	}
	if !bytes.HasPrefix(text, []byte("0x")) || len(text) > 18 {
		return 0, false
	}
	for _, c := range text[2:] {
		switch {
		case c >= '0' && c <= '9':
			device = device<<4 | uint64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			device = device<<4 | uint64(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return device, false
}

// isDescriptor recognises the FD column: a number with the mode and perhaps a
// lock ("12u", "3uW", "0r"), or what stands there for files without a number.
func isDescriptor(word []byte) bool {
	switch string(word) {
	case "cwd", "rtd", "txt", "mem", "mmap", "DEL", "ltx", "err", "jld", "pd", "NOFD", "ctty", "tr":
		return true
	}
	digits := 0
	for digits < len(word) && word[digits] >= '0' && word[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 9 || len(word)-digits > 2 || digits == len(word) {
		return false
	}
	switch word[digits] {
	case 'r', 'w', 'u', '-':
		return true
	}
	return false
}

// lsofSystem tells the system by what only one of them shows; mostly "".
func lsofSystem(r *lsofRow) string {
	switch string(r.kind) {
	case "IPv4", "IPv6":
		if r.inode {
			return "linux"
		}
	case "sock", "a_inode", "netlink":
		return "linux"
	case "NPOLICY", "PSXSHM", "PSXSEM", "fsevent", "CHAN", "NEXUS", "systm", "ndrv":
		return "darwin"
	}
	if bytes.Equal(r.fd, []byte("txt")) {
		switch {
		case bytes.Contains(r.name, []byte(" /System/Library/")), bytes.HasSuffix(r.name, []byte(" /usr/lib/dyld")):
			return "darwin"
		case bytes.HasSuffix(r.name, []byte(" /libexec/ld-elf.so.1")):
			return "freebsd"
		}
	}
	return ""
}
