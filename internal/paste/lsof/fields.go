package lsof

import (
	"bytes"
	"math"
	"strings"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// FieldsBegin: "p1234" alone on a line, or with NULs between fields (-F0).
func FieldsBegin(line []byte) bool {
	if len(line) < 2 || line[0] != 'p' || line[1] < '0' || line[1] > '9' {
		return false
	}
	number, _, _ := bytes.Cut(line[1:], []byte{0})
	pid, ok := form.SmallNumber(number, math.MaxInt32)
	return ok && pid > 0
}

// fields reads lsof -F: a letter and a value on each line. "p" begins a
// process, "f" a descriptor; which of the others follow, the user chose.
type fields struct {
	*descriptors
	open   bool   // a descriptor is being told of
	fd     []byte // its number or name
	socket tcp.Socket
	about  about
	inet   bool // its type is one of the Internet family's
	named  bool // its ends are known
	device uint64
	inode  bool // device is one
	node   uint64
	begun  bool     // a descriptor was told of
	held   [][]byte // the lines before the first
}

func (f *fields) Read(line []byte, into *form.Builder) form.Verdict {
	if len(line) == 0 {
		return form.Foreign
	}
	if !f.begun && len(f.held) < form.HeldMost {
		f.held = append(f.held, bytes.Clone(line))
	}
	verdict := form.Foreign
	for len(line) > 0 {
		var field []byte
		field, line, _ = bytes.Cut(line, []byte{0})
		switch f.field(field, into) {
		case form.Foreign:
			return form.Foreign
		case form.Row:
			verdict = form.Row
		case form.Bad:
			return form.Bad
		case form.Skipped:
			if verdict == form.Foreign {
				verdict = form.Skipped
			}
		}
	}
	return verdict
}

// field reads one field; a descriptor is a row, its fields are no more of them.
func (f *fields) field(field []byte, into *form.Builder) form.Verdict {
	if len(field) == 0 {
		return form.Skipped
	}
	value := field[1:]
	switch field[0] {
	case 'p':
		pid, ok := form.SmallNumber(value, math.MaxInt32)
		if !ok || pid == 0 {
			return form.Foreign
		}
		f.end(into)
		f.at(int32(pid), nil, into)
		return form.Skipped
	case 'c':
		if f.process != nil && f.process.Name == "" && len(value) < 256 {
			f.process.Name = unescaped(value)
		}
		return form.Skipped
	case 'L', 'u':
		f.user(value)
		return form.Skipped
	case 'f':
		if !isDescriptor(value) && (!form.IsNumber(value) || len(value) > 9) {
			return form.Foreign
		}
		f.end(into)
		f.open, f.fd = true, append(f.fd[:0], value...)
		f.begun, f.held = true, nil
		return form.Row
	}
	return f.detail(field[0], value, into)
}

// detail reads a field of the descriptor.
func (f *fields) detail(letter byte, value []byte, into *form.Builder) form.Verdict {
	switch letter {
	case 't':
		f.inet = bytes.HasPrefix(value, []byte("IPv")) || bytes.HasPrefix(value, []byte("inet"))
	case 'P':
		switch string(value) {
		case "TCP":
			f.about = aboutTCP
		case "UDP":
			f.about = aboutUDP
		}
	case 'T':
		if bytes.HasPrefix(value, []byte("ST=")) {
			f.about = aboutTCP
		}
		measure(value, &f.socket)
	case 'd':
		f.device, f.inode = deviceOf(value)
	case 'i':
		f.node, _ = form.SmallNumber(value, math.MaxInt64)
	case 'n':
		return f.name(value, into)
	case 'a', 'l', 'D', 'o', 's', 'k', 'G', 'g', 'R', 'K', 'M', 'N', 'F', 'C', 'x', 'z', 'Z', 'S', 'r', 'A', 'm', '0':
	default:
		return form.Foreign
	}
	return form.Skipped
}

func (f *fields) name(value []byte, into *form.Builder) form.Verdict {
	switch {
	case bytes.HasPrefix(value, []byte("protocol: TCP")):
		f.about, f.device, f.inode = aboutUnconnected, f.node, true
	case bytes.HasPrefix(value, []byte("protocol: UDP")):
		f.about, f.device, f.inode = aboutUDP, f.node, true
	case bytes.HasPrefix(value, []byte("can't identify protocol")):
		f.about = aboutUnidentified
	case f.inet || f.about != aboutFile || bytes.IndexByte(value, '/') < 0: // else it is a file's
		f.named = readEnds(value, &f.socket, into)
	case f.process != nil && bytes.Equal(f.fd, []byte("txt")):
		f.program(value)
	}
	return form.Skipped
}

// end gives the descriptor that was told of.
func (f *fields) end(into *form.Builder) {
	if !f.open || f.process == nil {
		f.open = false
		return
	}
	if f.about == aboutFile && f.named {
		f.asked(into)
	}
	switch {
	case f.about == aboutTCP && f.named:
		f.tcp(f.fd, f.device, f.inode, f.socket, into)
	case f.about == aboutUnconnected:
		f.tcp(f.fd, f.device, f.inode, tcp.Socket{State: tcp.Closed}, into)
	case f.about == aboutUnidentified:
		f.unidentified(f.fd)
	case f.about == aboutUDP:
		f.udp(f.fd, f.device, into)
	default:
		f.file(f.fd)
	}
	if f.inode && f.about == aboutTCP {
		into.OS("linux")
	}
	*f = fields{descriptors: f.descriptors, fd: f.fd, begun: true}
}

// Refused: "p12" alone is no lsof's.
func (f *fields) Refused() [][]byte { return f.held }

// asked takes from the command what its output was not asked to say.
func (f *fields) asked(into *form.Builder) {
	if len(into.Commands) == 0 {
		return
	}
	command := strings.ToUpper(into.Commands[len(into.Commands)-1])
	if strings.Contains(command, "-ITCP") || strings.Contains(command, "-I TCP") || strings.Contains(command, "-STCP:") {
		f.about = aboutTCP
	}
	if _, state, ok := strings.Cut(command, "-STCP:"); ok && f.socket.State == tcp.Unknown {
		state, _, _ = strings.Cut(state, " ")
		f.socket.State, _ = form.StateOf([]byte(state))
	}
}

func (f *fields) Close(into *form.Builder) {
	f.end(into)
	f.done("lsof -F", into)
}
