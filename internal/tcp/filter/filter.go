// Package filter is the language that selects sockets: ss(8)'s expressions and
// Sockeye's own words for processes, containers, units, users and ages.
//
// In: a line of text (Parse), then one socket after the other (Match).
// Out: yes or no; or a SyntaxError that points at the place.
//
//	state established ( dport = :443 or dport = :https )
//	dst 10.0.0.0/8 and not process nginx
//	state time-wait age > 30s
//
// "and" binds tighter than "or", "not" tightest, as ss's manual says. (ss
// itself, iproute2 6.1, evaluates from left to right; with parentheses both
// agree.)
package filter

import (
	"time"

	"sockeye/internal/tcp"
)

// Expr is a parsed filter. It is immutable and safe for concurrent use.
type Expr interface {
	// Match reports whether the filter selects the socket.
	Match(*Subject) bool
	// String gives the canonical spelling, which parses to an equal Expr. It
	// is "" for the filter that selects everything.
	String() string

	// appendTo prints the expression so that it may stand where an operand of
	// that strength is due.
	appendTo(dst []byte, around strength) []byte
}

// Subject is what a filter looks at: a socket and the names of its numbers.
type Subject struct {
	Socket *tcp.Socket
	Names  Names // nil: no names are known
	// Left is the state that the socket comes from, where the subject is a change
	// of state; Unknown for a socket at rest. See states.Match.
	Left tcp.State
}

// Names tells what a socket's numbers stand for. What is not known is "" or
// false, and then selects nothing.
type Names interface {
	// Sharers returns all processes that hold the socket when there are
	// several, else nil: then Socket.PID is the only one.
	Sharers(*tcp.Socket) []int32
	// Process describes a process; ok is false when nothing is known of it.
	Process(pid int32) (p Process, ok bool)
	// User returns who the socket belongs to; name is "" when the uid has none.
	User(*tcp.Socket) (uid uint32, name string, ok bool)
	// Opener returns who called connect() or accept().
	Opener(*tcp.Socket) (pid int32, name string, ok bool)
	// Closer returns who closed first.
	Closer(*tcp.Socket) tcp.Side
	// Age returns how long the socket has been in its state.
	Age(*tcp.Socket) (age time.Duration, ok bool)
	// Code returns the line of the program that opened the socket; where it is
	// hidden, what hides it in brackets instead of a function: "[jit]".
	Code(*tcp.Socket) (function, file string, line int)
	// Interface names a network interface of a namespace.
	Interface(netns uint64, index uint32) string
	// Namespace names a network namespace.
	Namespace(inode uint64) string
}

// Process is what filters ask of a process. Every field may be "".
type Process struct {
	Name          string // comm
	Exe           string // path of the executable
	Unit          string // "shop.service"
	ContainerID   string
	ContainerName string
	Cgroup        string // path
}

// Parse reads a filter; blank text selects everything. Service names are those
// every system has (Parser reads more). The error is a *SyntaxError.
func Parse(line string) (Expr, error) { return Parser{}.Parse(line) }

// Parser parses filters. The zero value is ready.
type Parser struct {
	// Service returns the port of a service name that is to win over the common
	// ones; nil for none.
	Service func(name string) (port uint16, ok bool)
}

// strength orders operators by how tightly they bind.
type strength int

const (
	loose  strength = iota // the whole line, and operands of or
	inAnd                  // operands of and
	inNot                  // the operand of not
	single                 // one term
)

// All selects every socket.
type all struct{}

func (all) Match(*Subject) bool                    { return true }
func (all) String() string                         { return "" }
func (all) appendTo(dst []byte, _ strength) []byte { return append(dst, "state all"...) }

type (
	and []Expr // at least two, none of them an and
	or  []Expr // at least two, none of them an or
	not struct{ x Expr }
)

// conjoin and disjoin flatten, so that equal filters have equal trees and the
// depth of a tree is bounded by the parentheses of its text.
func conjoin(xs []Expr) Expr {
	var flat and
	for _, x := range xs {
		if inner, ok := x.(and); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, x)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

func disjoin(xs []Expr) Expr {
	var flat or
	for _, x := range xs {
		if inner, ok := x.(or); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, x)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

func (e and) Match(s *Subject) bool {
	for _, x := range e {
		if !x.Match(s) {
			return false
		}
	}
	return true
}

func (e or) Match(s *Subject) bool {
	for _, x := range e {
		if x.Match(s) {
			return true
		}
	}
	return false
}

func (e not) Match(s *Subject) bool { return !e.x.Match(s) }

func (e and) String() string { return string(e.appendTo(nil, loose)) }
func (e or) String() string  { return string(e.appendTo(nil, loose)) }
func (e not) String() string { return string(e.appendTo(nil, loose)) }

func (e and) appendTo(dst []byte, around strength) []byte {
	return appendList(dst, e, " and ", inAnd, around > loose)
}

func (e or) appendTo(dst []byte, around strength) []byte {
	return appendList(dst, e, " or ", loose, around > loose)
}

func (e not) appendTo(dst []byte, _ strength) []byte {
	return e.x.appendTo(append(dst, "not "...), inNot)
}

func appendList(dst []byte, xs []Expr, word string, inside strength, parens bool) []byte {
	if parens {
		dst = append(dst, '(')
	}
	for i, x := range xs {
		if i > 0 {
			dst = append(dst, word...)
		}
		dst = x.appendTo(dst, inside)
	}
	if parens {
		dst = append(dst, ')')
	}
	return dst
}
