//go:build amd64 || arm64

package trace

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Numbers of flows that are there from the start (bpf/tracer.h).
const (
	flowUnknown    = 0
	flowUnaccepted = 1
	firstFlow      = 2
)

// memory reads what the programs remember, while they write it.
type memory struct {
	maps    *tracerMaps // what a reader needs of it: see shared in share_linux.go
	options Options
	since   time.Time
	clock   time.Time // when CLOCK_MONOTONIC was 0

	buckets, lives, flows *array

	stacks  *stacks
	cgroups *cgroups
}

func newMemory(maps *tracerMaps, o Options) (*memory, error) {
	m := &memory{maps: maps, options: o, clock: time.Now().Add(-monotonic()), cgroups: newCgroups()}
	m.stacks = newStacks(maps.Stacks, o)
	var about tracerOverview
	if err := maps.About.Lookup(uint32(0), &about); err != nil {
		return nil, fmt.Errorf("reading the tracer's memory: %w", err)
	}
	m.since = m.at(about.Attached)
	for _, a := range []struct {
		to   **array
		from *ebpf.Map
	}{{&m.buckets, maps.Buckets}, {&m.lives, maps.Lives}, {&m.flows, maps.Flows}} {
		var err error
		if *a.to, err = mapArray(a.from); err != nil {
			return nil, errors.Join(fmt.Errorf("reading the tracer's memory: %w", err), m.unmap())
		}
	}
	return m, nil
}

// unmap lets go of the mapped arrays; reading them fails from then on.
func (m *memory) unmap() error {
	return errors.Join(m.buckets.unmap(), m.lives.unmap(), m.flows.unmap())
}

// Since is when the memory begins.
func (m *memory) Since() time.Time { return m.since }

// monotonic is CLOCK_MONOTONIC, as bpf_ktime_get_ns() has it.
func monotonic() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail with this clock
	return time.Duration(t.Nano())
}

// at turns the kernel's nanoseconds into a time; 0 is unknown.
func (m *memory) at(ns uint64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return m.clock.Add(time.Duration(ns))
}

func (m *memory) flowsUsed() (int, error) {
	var about tracerOverview
	if err := m.maps.About.Lookup(uint32(0), &about); err != nil {
		return 0, fmt.Errorf("reading the tracer's memory: %w", err)
	}
	return int(min(about.Flows, m.maps.Flows.MaxEntries())), nil
}

func (m *memory) readFlows() ([]tracerFlow, error) {
	used, err := m.flowsUsed()
	if err != nil {
		return nil, err
	}
	all := make([]tracerFlow, used)
	return all, readArray(m.flows, 0, all)
}

func decodeAddr(ip [16]uint8) netip.Addr { return netip.AddrFrom16(ip).Unmap() }

// decodeEnd returns the zero AddrPort where there is no remote end.
func decodeEnd(ip [16]uint8, port uint16) netip.AddrPort {
	if ip == ([16]uint8{}) && port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(decodeAddr(ip), port)
}

// decodeName cuts a comm at its end; it may hold any other byte.
func decodeName(comm [16]uint8) string {
	name, _, _ := bytes.Cut(comm[:], []byte{0})
	return string(name)
}
