package knowledge

import "time"

// Values are the measured facts that a sentence may mention. A rule fills what
// its own sentences use; a template that names a field which does not exist
// fails the tests. Shares are 0 to 1, rates per second.
type Values struct {
	Count    uint64 // how many sockets, events, entries: the finding's own number
	Total    uint64 // out of how many
	Capacity uint64 // of the limit
	Usable   uint64 // ports left after reserved and bound ones
	Reserved uint64
	Blocked  uint64 // ports held by bind() or listeners
	Other    uint64 // a second number that the sentence explains
	Limit    uint64 // a configured bound

	Share   float64 // Count of Total, or used of capacity
	Rate    float64 // new ones per second
	Plateau uint64  // where Count levels off at Rate
	FullIn  time.Duration
	Age     time.Duration // how old, or for how long
	Window  time.Duration // between the two looks

	Process   string // name, safe to print
	PID       int32
	Peer      string // the other program, if it is on this machine
	PeerPID   int32
	By        string // how the peer is tied to what is told: "opener", or "" where it holds it
	Unit      string // systemd unit of the process, "" when none
	Container string

	Dest    string // "10.0.0.2:3306"
	Dests   uint64 // how many destinations, where Dest is the busiest of them
	Busiest uint64 // of Count, those that go to Dest, or came to the port Lport
	Laddr   string
	Lport   uint16
	Raddr   string
	Rport   uint16
	NetNS   string

	Low, High uint16 // the ephemeral port range
	NewLow    uint16 // the one that a remedy proposes
	NewHigh   uint16

	Setting string // name of a system setting
	Value   string // what it is
	Wanted  string // what it should be
	State   string
	Call    string // the system call that failed
	Errno   uint32
	Path    string
	Known   string // the well-known program or name that is meant
	Kind    string // which of several cases it is; the rule says which there are
	Ports   string // a list of ports as a setting takes it: "8080,9148-9150"
	Names   string // settings as grep -E looks for them: "tcp_timestamps|tcp_mem"
	Others  string // further values that a remedy is for: "MaxFreeTcbs, TcpNumConnections"
	Unset   string // settings to whose value the kernel comes by itself when it starts
}
