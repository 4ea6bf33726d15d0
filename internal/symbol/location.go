package symbol

import "sockeye/internal/host"

// location is a place in the code of one file; an address has several where
// calls were inlined.
type location struct {
	function string
	file     string
	line     int
	library  bool // certainly not the program's own: a runtime, a standard library, a third party's module
	golang   bool
}

// bare returns a stack that nothing is known of but its addresses.
func bare(addrs []uint64, gap host.Gap) *host.Stack {
	if len(addrs) == 0 {
		return nil
	}
	s := &host.Stack{Gap: gap}
	for _, a := range addrs {
		s.Frames = append(s.Frames, host.Frame{Addr: a})
	}
	return s
}
