package host

import (
	"net/netip"
	"time"
)

// Symptom is an error message that a log holds, and every other one like it: what
// a program was told when it could not open or keep a connection.
type Symptom struct {
	ID      string  // of the message in the table of messages, e.g. "java-no-buffer-space"
	Code    string  // "EADDRNOTAVAIL", "WSAENOBUFS", "event 4227"; "" when the message has none
	Errno   uint32  // Linux errno when it has one there, else 0
	Call    string  // "connect", "bind", "listen", "accept", "socket"; "" unknown
	OS      string  // where it is printed: "linux", "windows", "darwin", "freebsd"; "" on several
	Runtime Runtime // of the program that prints it so; "" many do

	Count       uint64
	First, Last time.Time // by the lines' own clock; zero when no line has one
	Line        uint64    // number of the first line
	Example     string    // the first line, cut; hostile

	Endpoints []SymptomEnd // the most frequent ones
	PIDs      []int32      // ascending; of lines that name one
	Frames    []string     // of the first stack trace: the program's own code, innermost first; hostile

	// Candidates are ids of findings, most likely first: what may be behind it.
	Candidates []string
}

// SymptomEnd is a remote end (connect) or a local one (bind, listen, accept) that
// messages name.
type SymptomEnd struct {
	Name  string         // as written: "db.example.com:3306"; hostile
	Addr  netip.AddrPort // invalid when Name is no address
	Count uint64
}
