package lsof

import (
	"bytes"
	"math"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

var Kinds = []form.Kind{
	{Name: "lsof", Commented: true, Begins: begins, Open: func() form.Reader { return &table{descriptors: newDescriptors()} }},
	{Name: "lsof -F", Commented: true, Begins: FieldsBegin, Open: func() form.Reader { return &fields{descriptors: newDescriptors()} }},
}

// begins: the heading, or a row of a socket, which is what people grep for.
func begins(line []byte) bool {
	if len(line) < 20 || line[0] >= '0' && line[0] <= '9' || line[0] == '[' || line[0] == '\t' { // a log's time, a stack's line
		return false
	}
	if bytes.Contains(line, []byte("IPv")) || bytes.Contains(line, []byte("protocol")) {
		r, ok := cut(line, 0)
		return ok && r.about != aboutFile
	}
	return heading(line)
}

func heading(line []byte) bool {
	line = bytes.TrimLeft(line, " ")
	return bytes.HasPrefix(line, []byte("COMMAND")) && bytes.Contains(line, []byte(" PID ")) &&
		bytes.Contains(line, []byte(" FD ")) && bytes.HasSuffix(bytes.TrimRight(line, " "), []byte("NAME"))
}

// table reads lsof's table. Its columns move with their contents, and some
// of them can be blank; what does not move is the order.
type table struct {
	*descriptors
	pidEnd int // where the heading's PID ends: the numbers below end there too; 0 without a heading
}

func (t *table) Read(line []byte, into *form.Builder) form.Verdict {
	if len(bytes.TrimSpace(line)) == 0 {
		return form.Skipped
	}
	if heading(line) {
		t.pidEnd = bytes.Index(line, []byte(" PID ")) + len(" PID")
		return form.Skipped
	}
	if bytes.HasPrefix(line, []byte("lsof: ")) || bytes.HasPrefix(line, []byte("      ")) && bytes.Contains(line, []byte("may be incomplete")) {
		return form.Skipped
	}
	r, ok := cut(line, t.pidEnd)
	if !ok {
		return form.Foreign
	}
	t.at(r.pid, r.command, into)
	t.user(r.user)
	switch {
	case bytes.Equal(r.fd, []byte("NOFD")) || bytes.HasSuffix(r.name, []byte("Permission denied)")):
		if bytes.Equal(r.fd, []byte("NOFD")) {
			into.Cannot("owners-no-permission", "")
		}
		return form.Row
	case r.about == aboutTCP:
		s, ok := socket(r.name, into)
		if !ok {
			return form.Bad
		}
		t.tcp(r.fd, r.device, r.inode, s, into)
	case r.about == aboutUnconnected:
		t.tcp(r.fd, r.device, true, tcp.Socket{State: tcp.Closed}, into)
	case r.about == aboutUnidentified:
		t.unidentified(r.fd)
	case r.about == aboutUDP:
		t.udp(r.fd, r.device, into)
	default:
		t.file(r.fd)
		if bytes.Equal(r.fd, []byte("txt")) && bytes.Equal(r.kind, []byte("REG")) {
			t.program(r.path())
		}
	}
	if os := system(&r); os != "" {
		into.OS(os)
	}
	return form.Row
}

func (t *table) Close(into *form.Builder) { t.done("lsof", into) }

// about says what a row of lsof tells of.
type about uint8

const (
	aboutFile         about = iota // no socket of the Internet family
	aboutTCP                       // a TCP socket, with its ends in the name
	aboutUDP                       // a UDP socket
	aboutUnconnected               // a TCP socket that no table of the kernel lists
	aboutUnidentified              // a socket that no table lists; which protocol, an old lsof cannot tell
)

// row is a row in parts; all are parts of the line.
type row struct {
	command, user, fd, kind, name []byte
	pid                           int32
	about                         about
	device                        uint64 // what tells the socket from others: inode or address; 0: nothing
	inode                         bool   // device is an inode
}

// cut takes a row apart: COMMAND PID [TID TASKCMD] USER FD TYPE DEVICE
// SIZE/OFF NODE NAME, where DEVICE, SIZE/OFF and NODE can be blank. COMMAND and
// TASKCMD can hold blanks. FD, which looks like nothing else, is what it hangs on.
func cut(line []byte, pidEnd int) (r row, ok bool) {
	var words [20]form.Span
	n := form.CutWords(line, words[:])
	word := func(i int) []byte { return line[words[i].From:words[i].To] }
	pid := 0
	for i := 1; i < n-2; i++ {
		if !form.IsNumber(word(i)) {
			continue
		}
		if pid == 0 || words[i].To == pidEnd {
			pid = i
		}
		if pidEnd == 0 || words[i].To == pidEnd {
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
	number, small := form.SmallNumber(word(pid), math.MaxInt32)
	if fd == 0 || !small || number == 0 {
		return r, false
	}
	r = row{
		command: line[words[0].From:words[pid-1].To], pid: int32(number),
		user: word(fd - 1), fd: word(fd), kind: word(fd + 1), name: line[words[fd+1].To:],
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
func (r *row) socket(line []byte, words []form.Span) {
	for i, w := range words {
		switch string(line[w.From:w.To]) {
		case "TCP", "TCP6":
			r.about = aboutTCP
		case "UDP", "UDP6":
			r.about = aboutUDP
		default:
			continue
		}
		r.name = bytes.TrimSpace(line[w.To:])
		if i > 0 {
			r.device, r.inode = deviceOf(line[words[0].From:words[0].To])
		}
		return
	}
}

// path is a file's: it stands behind DEVICE, SIZE/OFF and NODE, each of which may
// be blank.
func (r *row) path() []byte {
	if i := bytes.IndexByte(r.name, '/'); i == 0 || i > 0 && r.name[i-1] == ' ' {
		return r.name[i:]
	}
	return nil
}

// unlisted reads a row of a socket that lsof found in no table.
func (r *row) unlisted(line []byte, words []form.Span) {
	for i, w := range words {
		switch string(line[w.From:w.To]) {
		case "protocol:":
			r.name = line[w.To:]
			switch name := bytes.TrimSpace(r.name); {
			case bytes.HasPrefix(name, []byte("TCP")):
				r.about = aboutUnconnected
			case bytes.HasPrefix(name, []byte("UDP")):
				r.about = aboutUDP
			}
		case "can't":
			if bytes.HasPrefix(line[w.To:], []byte(" identify protocol")) {
				r.about = aboutUnidentified
			}
		default:
			continue
		}
		if i > 0 {
			r.device, r.inode = deviceOf(line[words[i-1].From:words[i-1].To])
		}
		return
	}
}

// deviceOf reads a socket's inode (Linux) or its address in the kernel (others).
func deviceOf(text []byte) (device uint64, inode bool) {
	if form.IsNumber(text) {
		n, ok := form.SmallNumber(text, math.MaxInt64)
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

// system tells the system by what only one of them shows; mostly "".
func system(r *row) string {
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
