// Package lab reproduces TCP states and faults on the real kernel, safely: in a
// private network namespace, bounded in count and time, gone when its starter is.
//
// In: the name of a scenario.
// Out: events, told step by step, and a picture that stands still to be looked at.
package lab

import (
	"errors"
	"io"
	"time"
)

// ErrNotSupported says that this system has no network namespaces to play in.
var ErrNotSupported = errors.New("the lab needs Linux: it plays in private network namespaces")

// ErrUnknownScenario says that there is no scenario of that name.
var ErrUnknownScenario = errors.New("no such scenario")

// ErrNotAllowed says that the system refuses to make a private network
// namespace, directly and by way of a user namespace.
var ErrNotAllowed = errors.New("making a private network namespace is not allowed here")

// ErrImpossible says that a scenario cannot be played on this machine; the error
// around it says what is lacking.
var ErrImpossible = errors.New("this scenario cannot be played on this machine")

// MaxHold is the longest that a picture is held.
const MaxHold = 10 * time.Minute

// Text is a sentence for people, in both languages.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// In returns the text in a language, "en" or "zh".
func (t Text) In(lang string) string {
	if lang == "zh" && t.Zh != "" {
		return t.Zh
	}
	return t.En
}

// Expectation is what an examination of the scenario has to say.
type Expectation struct {
	Finding     string   // id of the finding that must be present; "" in healthy scenarios
	With        []string // findings that must be present as well: its cause or its consequence
	May         []string // findings that are true too and no false alarm
	Culprit     string   // role that is to blame; "" when no process of this machine is
	Destination string   // address:port that the finding must name; "" when there is none
	Severity    string   // the least severity: "notice", "warning", "critical"; "" in healthy scenarios
	AtMost      string   // the highest severity that is no false alarm; "" for no bound
	Healthy     bool     // the verdict must be "healthy", or "notice" where May is not empty

	// What only a tracer that watches the standing picture can tell; "" where the
	// picture says nothing of it.
	Errno  string // name of the error that calls go on to fail with: "EADDRNOTAVAIL"
	Call   string // the call that fails so: "connect", "bind", "accept"
	Opener string // role that opens the sockets in question
	Closer string // who closes them first, seen from their opener: "local", "peer"
	Code   string // function that opens them, or whose call fails: "lab.(*churn).job"
}

// Info describes a scenario.
type Info struct {
	Name   string
	About  Text
	Roles  []string
	Expect Expectation
}

// Options of a run.
type Options struct {
	Hold   time.Duration // how long the picture is held once it stands; 0: until stopped, MaxHold at most
	On     func(Event)   // told everything that happens, one call at a time, in order; may be nil
	Stderr io.Writer     // where a role's last words go (a crash); nil: nowhere
}

// Event kinds.
const (
	EventStep  = "step"  // something was done, or is seen
	EventReady = "ready" // the picture stands; Event.Ready tells where
	EventDied  = "died"  // a role ended by itself
)

// Event is something that happened in a run.
type Event struct {
	Kind    string
	Role    string // who tells it; "" for the lab itself
	Text    Text
	Sockets []Row  // the socket table, where the step shows it
	Ready   *Ready // only with EventReady
}

// Row is one socket of the table that a step shows.
type Row struct {
	Laddr string `json:"laddr"`
	Lport uint16 `json:"lport"`
	Raddr string `json:"raddr,omitempty"`
	Rport uint16 `json:"rport,omitempty"`
	State string `json:"state"`
	Role  string `json:"role,omitempty"` // the role that holds it; "" for nobody
}

// Ready tells where the picture stands.
type Ready struct {
	Scenario string
	NetNS    uint64    // inode of the namespace to examine
	Roles    []RolePID // in the order they were started
	Expect   Expectation
}

// RolePID is a role and the process that plays it.
type RolePID struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// PID returns the process that plays a role, 0 when there is none.
func (r *Ready) PID(role string) int {
	for _, p := range r.Roles {
		if p.Name == role {
			return p.PID
		}
	}
	return 0
}
