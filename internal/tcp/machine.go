package tcp

// Cause is what makes a connection change its state.
type Cause string

// The causes of RFC 9293 section 3.3.2, figure 5: calls of the program, segments
// that arrive, and timers that run out.
const (
	PassiveOpen Cause = "passive open" // listen()
	ActiveOpen  Cause = "active open"  // connect(): SYN sent
	Close       Cause = "close"        // close() or shutdown(): FIN sent, where one is due
	RecvSYN     Cause = "SYN received" // answered with SYN,ACK
	RecvSYNACK  Cause = "SYN,ACK received"
	RecvACK     Cause = "ACK received"     // of our SYN or of our FIN
	RecvFIN     Cause = "FIN received"     // answered with ACK
	RecvFINACK  Cause = "FIN,ACK received" // the peer's FIN with the ACK of ours
	RecvRST     Cause = "RST received"
	Timeout     Cause = "timeout" // 2MSL, or retransmissions given up
	Bind        Cause = "bind"    // bind() to a port, no RFC state: Linux and Windows show it
)

// Transition is one arrow of the state machine.
type Transition struct {
	From  State
	Cause Cause
	To    State
}

// Transitions returns the arrows of RFC 9293 figure 5, with the resets and
// timeouts of sections 3.10.7 and 3.10.8, and bind() as real systems show it.
// NEW_SYN_RECV is Linux's SYN_RECV and has the same arrows.
func Transitions() []Transition { return append([]Transition(nil), transitions...) }

var transitions = []Transition{
	{Closed, Bind, Bound}, {Bound, PassiveOpen, Listen}, {Bound, ActiveOpen, SynSent}, {Bound, Close, Closed},
	{Closed, PassiveOpen, Listen}, {Closed, ActiveOpen, SynSent},
	{Listen, RecvSYN, SynReceived}, {Listen, RecvSYN, NewSynRecv},
	{Listen, ActiveOpen, SynSent}, {Listen, Close, Closed},
	{SynSent, RecvSYN, SynReceived}, {SynSent, RecvSYNACK, Established},
	{SynSent, Close, Closed}, {SynSent, RecvRST, Closed}, {SynSent, Timeout, Closed},
	{SynReceived, RecvACK, Established}, {SynReceived, Close, FinWait1},
	{SynReceived, RecvFIN, CloseWait}, {SynReceived, RecvRST, Closed}, {SynReceived, Timeout, Closed},
	{NewSynRecv, RecvACK, Established}, {NewSynRecv, RecvRST, Closed}, {NewSynRecv, Timeout, Closed},
	{NewSynRecv, RecvACK, SynReceived},
	{Established, Close, FinWait1}, {Established, RecvFIN, CloseWait},
	{Established, RecvRST, Closed}, {Established, Timeout, Closed},
	{FinWait1, RecvACK, FinWait2}, {FinWait1, RecvFIN, Closing}, {FinWait1, RecvFINACK, TimeWait},
	{FinWait1, RecvRST, Closed}, {FinWait1, Timeout, Closed},
	{FinWait2, RecvFIN, TimeWait}, {FinWait2, RecvRST, Closed}, {FinWait2, Timeout, Closed},
	{CloseWait, Close, LastAck}, {CloseWait, RecvRST, Closed}, {CloseWait, Timeout, Closed},
	{Closing, RecvACK, TimeWait}, {Closing, RecvRST, Closed}, {Closing, Timeout, Closed},
	{LastAck, RecvACK, Closed}, {LastAck, RecvRST, Closed}, {LastAck, Timeout, Closed},
	{TimeWait, Timeout, Closed},
	// RFC 9293 section 3.10.7.4, and what makes a busy server's TIME_WAIT harmless:
	// a fresh SYN for the same four-tuple may be taken (RFC 6191).
	{TimeWait, RecvSYN, SynReceived}, {TimeWait, RecvSYN, NewSynRecv},
}

// CanFollow reports whether a connection may go from one state to the other in
// a single step, and by which cause.
func CanFollow(from, to State) (Cause, bool) {
	for _, t := range transitions {
		if t.From == from && t.To == to {
			return t.Cause, true
		}
	}
	return "", false
}

// Side tells which end closed first, as far as a state alone can tell.
type Side string

// Sides of a close; Neither means that the state does not say.
const (
	Neither Side = ""
	Local   Side = "local"
	Peer    Side = "peer"
)

// FirstCloser says who sent the first FIN of a connection in this state. For
// TIME_WAIT it is Local: only the active closer passes through it (CLOSING, a
// simultaneous close, ends there too, and then our FIN was sent before the
// peer's arrived).
func (s State) FirstCloser() Side {
	switch s {
	case FinWait1, FinWait2, TimeWait, Closing:
		return Local
	case CloseWait, LastAck:
		return Peer
	}
	return Neither
}

// Connected reports whether a socket in this state has a remote end, and so
// occupies a four-tuple.
func (s State) Connected() bool {
	return s != Listen && s != Bound && s != Closed && s != Unknown
}
