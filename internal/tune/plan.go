package tune

// Plan is what would be changed, in this order.
type Plan struct {
	Changes []Change `json:"changes"`
	Left    []Left   `json:"left"` // what was looked at and left as it is
}

// Change is one setting's.
type Change struct {
	Setting string `json:"setting"`
	NetNS   uint64 `json:"netns"` // inode; of a setting of the host that of the initial namespace
	Scope   Scope  `json:"scope"`
	From    string `json:"from"` // as the kernel prints it
	To      string `json:"to"`
	Finding string `json:"finding,omitempty"` // which one it serves
	Reason  string `json:"reason"`            // key of its words in knowledge: "tw-reuse"
	Undoes  bool   `json:"undoes,omitempty"`  // a way back from a harmful value
	Values  Values `json:"values"`            // what its words mention
}

// Left is a setting that needs no change, and why: key of the words in knowledge.
type Left struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
	Reason  string `json:"reason"`
}

// Values are the numbers that a change was computed from.
type Values struct {
	Rate     float64 `json:"rate,omitempty"`     // connections per second
	Need     uint64  `json:"need,omitempty"`     // how many are needed
	Memory   uint64  `json:"memory,omitempty"`   // bytes that it may take
	Capacity uint64  `json:"capacity,omitempty"` // what there is now
	Ports    string  `json:"ports,omitempty"`    // that services listen on
	Backlog  uint64  `json:"backlog,omitempty"`  // what the program asks for
}
