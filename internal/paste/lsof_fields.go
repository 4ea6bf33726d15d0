package paste

import (
	"bytes"
	"math"
	"strings"

	"sockeye/internal/tcp"
)

// lsofFieldsBegin: "p1234" alone on a line, or with NULs between fields (-F0).
func lsofFieldsBegin(line []byte) bool {
	if len(line) < 2 || line[0] != 'p' || line[1] < '0' || line[1] > '9' {
		return false
	}
	number, _, _ := bytes.Cut(line[1:], []byte{0})
	pid, ok := smallNumber(number, math.MaxInt32)
	return ok && pid > 0
}

// lsofFields reads lsof -F: a letter and a value on each line. "p" begins a
// process, "f" a descriptor; which of the others follow, the user chose.
type lsofFields struct {
	*descriptors
	open   bool   // a descriptor is being told of
	fd     []byte // its number or name
	socket tcp.Socket
	about  lsofAbout
	inet   bool // its type is one of the Internet family's
	named  bool // its ends are known
	device uint64
	inode  bool // device is one
	node   uint64
	begun  bool     // a descriptor was told of
	held   [][]byte // the lines before the first
}

func (f *lsofFields) read(line []byte, into *builder) verdict {
	if len(line) == 0 {
		return foreign
	}
	if !f.begun && len(f.held) < heldMost {
		f.held = append(f.held, bytes.Clone(line))
	}
	verdict := foreign
	for len(line) > 0 {
		var field []byte
		field, line, _ = bytes.Cut(line, []byte{0})
		switch f.field(field, into) {
		case foreign:
			return foreign
		case row:
			verdict = row
		case bad:
			return bad
		case skipped:
			if verdict == foreign {
				verdict = skipped
			}
		}
	}
	return verdict
}

// field reads one field; a descriptor is a row, its fields are no more of them.
func (f *lsofFields) field(field []byte, into *builder) verdict {
	if len(field) == 0 {
		return skipped
	}
	value := field[1:]
	switch field[0] {
	case 'p':
		pid, ok := smallNumber(value, math.MaxInt32)
		if !ok || pid == 0 {
			return foreign
		}
		f.end(into)
		f.at(int32(pid), nil, into)
		return skipped
	case 'c':
		if f.process != nil && f.process.Name == "" && len(value) < 256 {
			f.process.Name = unescaped(value)
		}
		return skipped
	case 'L', 'u':
		f.user(value)
		return skipped
	case 'f':
		if !isDescriptor(value) && (!number(value) || len(value) > 9) {
			return foreign
		}
		f.end(into)
		f.open, f.fd = true, append(f.fd[:0], value...)
		f.begun, f.held = true, nil
		return row
	}
	return f.detail(field[0], value, into)
}

// detail reads a field of the descriptor.
func (f *lsofFields) detail(letter byte, value []byte, into *builder) verdict {
	switch letter {
	case 't':
		f.inet = bytes.HasPrefix(value, []byte("IPv")) || bytes.HasPrefix(value, []byte("inet"))
	case 'P':
		switch string(value) {
		case "TCP":
			f.about = lsofTCP
		case "UDP":
			f.about = lsofUDP
		}
	case 'T':
		if bytes.HasPrefix(value, []byte("ST=")) {
			f.about = lsofTCP
		}
		lsofMeasure(value, &f.socket)
	case 'd':
		f.device, f.inode = deviceOf(value)
	case 'i':
		f.node, _ = smallNumber(value, math.MaxInt64)
	case 'n':
		return f.name(value, into)
	case 'a', 'l', 'D', 'o', 's', 'k', 'G', 'g', 'R', 'K', 'M', 'N', 'F', 'C', 'x', 'z', 'Z', 'S', 'r', 'A', 'm', '0':
	default:
		return foreign
	}
	return skipped
}

func (f *lsofFields) name(value []byte, into *builder) verdict {
	switch {
	case bytes.HasPrefix(value, []byte("protocol: TCP")):
		f.about, f.device, f.inode = lsofUnconnected, f.node, true
	case bytes.HasPrefix(value, []byte("protocol: UDP")):
		f.about, f.device, f.inode = lsofUDP, f.node, true
	case bytes.HasPrefix(value, []byte("can't identify protocol")):
		f.about = lsofUnidentified
	case f.inet || f.about != lsofFile || bytes.IndexByte(value, '/') < 0: // else it is a file's
		f.named = lsofEnds(value, &f.socket, into)
	case f.process != nil && bytes.Equal(f.fd, []byte("txt")):
		f.program(value)
	}
	return skipped
}

// end gives the descriptor that was told of.
func (f *lsofFields) end(into *builder) {
	if !f.open || f.process == nil {
		f.open = false
		return
	}
	if f.about == lsofFile && f.named {
		f.asked(into)
	}
	switch {
	case f.about == lsofTCP && f.named:
		f.tcp(f.fd, f.device, f.inode, f.socket, into)
	case f.about == lsofUnconnected:
		f.tcp(f.fd, f.device, f.inode, tcp.Socket{State: tcp.Closed}, into)
	case f.about == lsofUnidentified:
		f.unidentified(f.fd)
	case f.about == lsofUDP:
		f.udp(f.fd, f.device, into)
	default:
		f.file(f.fd)
	}
	if f.inode && f.about == lsofTCP {
		into.os("linux")
	}
	*f = lsofFields{descriptors: f.descriptors, fd: f.fd, begun: true}
}

// refused: "p12" alone is no lsof's.
func (f *lsofFields) refused() [][]byte { return f.held }

// asked takes from the command what its output was not asked to say.
func (f *lsofFields) asked(into *builder) {
	if len(into.commands) == 0 {
		return
	}
	command := strings.ToUpper(into.commands[len(into.commands)-1])
	if strings.Contains(command, "-ITCP") || strings.Contains(command, "-I TCP") || strings.Contains(command, "-STCP:") {
		f.about = lsofTCP
	}
	if _, state, ok := strings.Cut(command, "-STCP:"); ok && f.socket.State == tcp.Unknown {
		state, _, _ = strings.Cut(state, " ")
		f.socket.State, _ = stateOf([]byte(state))
	}
}

func (f *lsofFields) close(into *builder) {
	f.end(into)
	f.done("lsof -F", into)
}
