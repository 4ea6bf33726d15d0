//go:build amd64 || arm64

package trace

import (
	"sync"

	"github.com/cilium/ebpf"

	"sockeye/internal/host"
)

// stackDepth is STACK_DEPTH of bpf/tracer.h.
const stackDepth = 64

// stacks reads and names the stacks that were taken, each once for a process.
type stacks struct {
	raw     *ebpf.Map
	options Options

	mu    sync.Mutex // guards what follows
	named map[stackOf]*host.Stack
}

// stackOf identifies a stack: equal addresses in two processes are two stacks.
type stackOf struct {
	id   uint32 // + 1, as the keys have it
	pid  int32
	name string // after exec() the same addresses are other code
}

func newStacks(raw *ebpf.Map, o Options) *stacks {
	return &stacks{raw: raw, options: o, named: map[stackOf]*host.Stack{}}
}

// of names a stack; nil when it is not there.
func (s *stacks) of(id uint32, call Call) *host.Stack {
	if id == 0 {
		return nil
	}
	key := stackOf{id, call.PID, call.Name}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, known := s.named[key]; known {
		return st
	}
	var addrs [stackDepth]uint64
	if err := s.raw.Lookup(id-1, &addrs); err != nil {
		return nil // not there: it was never stored
	}
	call.Addrs = addrs[:]
	for i, a := range addrs {
		if a == 0 {
			call.Addrs = addrs[:i]
			break
		}
	}
	st := s.options.name(call)
	// Of processes that come and go by the thousand only the last are kept.
	if len(s.named) >= 8192 {
		clear(s.named)
	}
	s.named[key] = st
	return st
}
