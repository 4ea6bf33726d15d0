package tcp

import (
	"fmt"
	"maps"
	"strings"
)

// State is a TCP connection state. The numbers are Linux's own
// (include/net/tcp_states.h, v6.18), so that kernel tables need no mapping;
// Bound follows after the last of them.
type State uint8

// The eleven states of RFC 9293 section 3.3.2 and two that real kernels add:
// NewSynRecv is Linux's request socket (a SYN answered, no full socket yet), and
// Bound is a socket that took a port with bind() but never connected or
// listened (Linux TCP_BOUND_INACTIVE, Windows MIB_TCP_STATE "Bound").
const (
	Unknown     State = 0
	Established State = 1
	SynSent     State = 2
	SynReceived State = 3
	FinWait1    State = 4
	FinWait2    State = 5
	TimeWait    State = 6
	Closed      State = 7
	CloseWait   State = 8
	LastAck     State = 9
	Listen      State = 10
	Closing     State = 11
	NewSynRecv  State = 12
	Bound       State = 13

	// NumStates is one more than the highest State, for arrays indexed by it.
	NumStates = 14
)

var stateNames = [NumStates]string{
	Unknown: "UNKNOWN", Established: "ESTABLISHED", SynSent: "SYN_SENT",
	SynReceived: "SYN_RECV", FinWait1: "FIN_WAIT_1", FinWait2: "FIN_WAIT_2",
	TimeWait: "TIME_WAIT", Closed: "CLOSED", CloseWait: "CLOSE_WAIT",
	LastAck: "LAST_ACK", Listen: "LISTEN", Closing: "CLOSING",
	NewSynRecv: "NEW_SYN_RECV", Bound: "BOUND",
}

// String spells the state as RFC 9293 does, with underscores; SYN-RECEIVED is
// printed SYN_RECV, the short form every tool uses.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("STATE_%d", uint8(s))
}

// States returns every state in the order a connection's life passes them,
// for listings and column orders.
func States() []State {
	return []State{Listen, SynSent, SynReceived, NewSynRecv, Established, CloseWait,
		FinWait1, FinWait2, Closing, LastAck, TimeWait, Bound, Closed}
}

// stateAliases are the other spellings in use: ss (syn-recv, fin-wait-1),
// netstat (SYN_RECV, FIN_WAIT1), Windows (LISTENING, FIN_WAIT_1, CLOSED), BSD
// (SYN_RCVD, CLOSING), PowerShell (TimeWait). Keys are folded by foldState.
var stateAliases = map[string]State{
	"ESTAB": Established, "SYNRECEIVED": SynReceived, "SYNRCVD": SynReceived,
	"SYNRECV": SynReceived, "LISTENING": Listen, "CLOSE": Closed,
	"UNCONN": Closed, "BOUNDINACTIVE": Bound,
}

// ParseState reads any common spelling of a state name, whatever its case and
// whether its words are joined by '_', '-', blanks or nothing.
// ok is false when the name is no state; State is then Unknown.
func ParseState(name string) (s State, ok bool) {
	s, ok = stateWords[foldState(name)]
	return s, ok
}

// stateWords are all spellings, folded.
var stateWords = func() map[string]State {
	words := maps.Clone(stateAliases)
	for i, n := range stateNames {
		if State(i) != Unknown {
			words[foldState(n)] = State(i)
		}
	}
	return words
}()

// joints are what stands between the words of a state's name.
var joints = strings.NewReplacer("_", "", "-", "", " ", "")

func foldState(name string) string {
	return strings.ToUpper(joints.Replace(strings.TrimSpace(name)))
}
