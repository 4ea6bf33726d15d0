package tune

import (
	"slices"

	"sockeye/internal/diagnose"
)

// Plan is what would be changed, in this order.
type Plan struct {
	NetNS    uint64     `json:"netns"` // inode of the namespace it was made for
	For      string     `json:"for,omitempty"`
	Profile  Profile    `json:"profile,omitempty"`
	Changes  []Change   `json:"changes"`
	Left     []Left     `json:"left"`      // what was looked at and left as it is
	ByHand   []Change   `json:"by_hand"`   // what helps besides: Kind is set; see Lasting
	AtSource []AtSource `json:"at_source"` // findings whose cure is in a program
}

// Means says how a setting is made, "" for a sysctl.
type Means string

// Means besides sysctls. Of these Apply writes Systemd only, and only where it is to
// last: the others are for a person.
const (
	Systemd  Means = "systemd"  // a line of a unit's drop-in, which counts from the unit's next start
	Registry Means = "registry" // a value below Services\Tcpip\Parameters
	Netsh    Means = "netsh"    // what netsh int ipv4 sets
	NetTCP   Means = "nettcp"   // what the cmdlet Set-NetTCPSetting sets
	Prlimit  Means = "prlimit"  // a limit of a process that runs
)

// Lasting are the changes of a plan that keep: its settings, and the limits of units,
// which are files in any case.
func (p Plan) Lasting() []Change {
	all := slices.Clone(p.Changes)
	for _, c := range p.ByHand {
		if c.Kind == Systemd {
			all = append(all, c)
		}
	}
	return all
}

// Change is one setting's.
type Change struct {
	Kind    Means  `json:"kind,omitempty"`
	Setting string `json:"setting"`
	NetNS   uint64 `json:"netns"` // inode; of a setting of the host that of the initial namespace
	Scope   Scope  `json:"scope"`
	From    string `json:"from"` // as the kernel prints it
	To      string `json:"to"`
	Took    string `json:"took,omitempty"`    // what the kernel made of To, where that is not To
	Finding string `json:"finding,omitempty"` // which one it serves
	Reason  string `json:"reason"`            // key of its words in knowledge: "tw-reuse"
	Undoes  bool   `json:"undoes,omitempty"`  // a way back from a harmful value
	Values  Values `json:"values"`            // what its words mention
}

// Left is a setting that needs no change, and why: key of the words in knowledge.
type Left struct {
	Setting string `json:"setting"`
	Value   string `json:"value"` // as the kernel prints it
	Reason  string `json:"reason"`
	Values  Values `json:"values"`
}

// AtSource is a finding that a program's code or configuration cures, and a
// setting at most puts off.
type AtSource struct {
	Finding string           `json:"finding"`
	Title   string           `json:"title,omitempty"` // as it was told; "" where it was only asked for
	Helped  bool             `json:"helped"`          // a change of the plan puts it off
	Only    bool             `json:"only"`            // no setting of the system helps
	Cure    string           `json:"cure,omitempty"`  // id of the remedy in knowledge, where none was told
	Remedy  *diagnose.Remedy `json:"remedy,omitempty"`
}

// Values are the numbers that a change was computed from.
type Values struct {
	Rate     float64 `json:"rate,omitempty"`     // connections per second
	Need     uint64  `json:"need,omitempty"`     // how many are needed
	Memory   uint64  `json:"memory,omitempty"`   // bytes that it may take
	Capacity uint64  `json:"capacity,omitempty"` // what there is now
	Reserved uint64  `json:"reserved,omitempty"` // ports of the range there is now that are reserved
	Ports    string  `json:"ports,omitempty"`    // that services listen on
	Backlog  uint64  `json:"backlog,omitempty"`  // the shortest queue of a listener that is too short
	Unit     string  `json:"unit,omitempty"`     // of systemd
	Hard     uint64  `json:"hard,omitempty"`     // the hard limit there is now, where the limit is the soft one
	PID      int32   `json:"pid,omitempty"`      // of the process whose limit it is
	Delay    float64 `json:"delay_s,omitempty"`  // seconds that a port rests before tcp_tw_reuse takes it back
}
