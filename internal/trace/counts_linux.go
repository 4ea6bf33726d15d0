//go:build amd64 || arm64

package trace

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"sockeye/internal/host"
)

// counts is everything that was counted until a moment.
type counts struct {
	flows    []tracerFlow
	failures map[tracerFailureKey]tracerFailure
	lost     tracerLosses
	sampling tracerSampling // summed over the CPUs; Every is the greatest
}

func (m *memory) count() (*counts, error) {
	c := &counts{}
	var err error
	if c.flows, err = m.readFlows(); err != nil {
		return nil, err
	}
	if c.failures, err = readHash[tracerFailureKey, tracerFailure](m.maps.Failures); err != nil {
		return nil, fmt.Errorf("reading the failures: %w", err)
	}
	if c.lost, err = m.losses(); err != nil {
		return nil, err
	}
	var perCPU []tracerSampling
	if err := m.maps.Samplings.Lookup(uint32(0), &perCPU); err != nil {
		return nil, fmt.Errorf("reading how stacks are sampled: %w", err)
	}
	for _, s := range perCPU {
		c.sampling.TotalSeen += s.TotalSeen
		c.sampling.TotalTaken += s.TotalTaken
		c.sampling.NoRoom += s.NoRoom
		c.sampling.Every = max(c.sampling.Every, s.Every)
	}
	return c, nil
}

func (m *memory) losses() (sum tracerLosses, err error) {
	var perCPU []tracerLosses
	if err := m.maps.Lost.Lookup(uint32(0), &perCPU); err != nil {
		return sum, fmt.Errorf("reading the losses: %w", err)
	}
	for _, l := range perCPU {
		sum.Flows += l.Flows
		sum.Folded += l.Folded
		sum.Lives += l.Lives
		sum.Evicted += l.Evicted
		sum.Failures += l.Failures
		sum.Events += l.Events
	}
	return sum, nil
}

// readHash reads a whole hash map; entries written meanwhile may be missing.
func readHash[K comparable, V any](m *ebpf.Map) (map[K]V, error) {
	all := map[K]V{}
	var key K
	var value V
	it := m.Iterate()
	for it.Next(&key, &value) {
		all[key] = value
	}
	return all, it.Err()
}

// activity tells what was counted between two moments; before is nil for all of it.
func (m *memory) activity(now, before *counts) *host.Activity {
	if before == nil {
		before = &counts{}
	}
	a := &host.Activity{
		By:   "tracepoint",
		Lost: now.lost.Flows + now.lost.Failures - before.lost.Flows - before.lost.Failures,

		Forgotten: now.lost.Lives + now.lost.Evicted - before.lost.Lives - before.lost.Evicted,
		Folded:    now.lost.Folded - before.lost.Folded,
		Sampled: host.Sampling{
			Taken:  now.sampling.TotalTaken - before.sampling.TotalTaken,
			Of:     now.sampling.TotalSeen - before.sampling.TotalSeen,
			Every:  now.sampling.Every,
			NoRoom: now.sampling.NoRoom - before.sampling.NoRoom,
		},
	}
	a.Outgoing, a.Incoming = m.flowsOf(now.flows, before.flows)
	a.Failures = m.failuresOf(now.failures, before.failures)
	return a
}

// flowsOf puts together the rows of one flow, whatever their stack.
func (m *memory) flowsOf(now, before []tracerFlow) (outgoing, incoming []host.Flow) {
	index := map[tracerFlowKey]*host.Flow{}
	for i := firstFlow; i < len(now); i++ {
		row := now[i]
		if i < len(before) && before[i].Key == row.Key && before[i].Generation == row.Generation {
			row = less(row, before[i])
		}
		if row.Opened == 0 && row.Failed == 0 && row.ended() == 0 {
			continue // every attempt ended before a SYN left: they are failures only
		}
		whole := row.Key
		whole.Stack = 0
		f := index[whole]
		if f == nil {
			f = m.flow(&row)
			index[whole] = f
		}
		add(f, &row)
		if row.Key.Stack != 0 && row.Opened > 0 {
			call := Call{PID: int32(row.Key.Pid), Name: decodeName(row.Name), At: m.at(row.Used)}
			f.Stacks = append(f.Stacks, host.Site{Stack: m.stacks.of(row.Key.Stack, call), Count: row.Opened})
		}
	}
	for key, f := range index {
		sortSites(f.Stacks)
		if key.Incoming != 0 {
			incoming = append(incoming, *f)
		} else {
			outgoing = append(outgoing, *f)
		}
	}
	order := func(a, b host.Flow) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.NetNS, b.NetNS), a.Remote.Compare(b.Remote), cmp.Compare(a.Port, b.Port))
	}
	slices.SortFunc(outgoing, order)
	slices.SortFunc(incoming, order)
	return outgoing, incoming
}

func sortSites(sites []host.Site) {
	slices.SortStableFunc(sites, func(a, b host.Site) int { return cmp.Compare(b.Count, a.Count) })
}

// flow begins a row without counts.
func (m *memory) flow(row *tracerFlow) *host.Flow {
	f := &host.Flow{
		PID:    int32(row.Key.Pid),
		Name:   decodeName(row.Name),
		NetNS:  uint64(row.Key.Netns),
		Cgroup: m.cgroups.path(row.Cgroup),
		Remote: netip.AddrPortFrom(decodeAddr(row.Key.Ip), row.Key.Port),
	}
	if row.Key.Incoming != 0 {
		f.Remote, f.Port = netip.AddrPortFrom(f.Remote.Addr(), 0), row.Key.Port
	}
	return f
}

func (row *tracerFlow) ended() (n uint64) {
	for _, e := range row.Ends {
		n += e
	}
	return n
}

func add(f *host.Flow, row *tracerFlow) {
	f.Opened += row.Opened
	f.Failed += row.Failed
	f.Sent += row.Sent
	f.Received += row.Received
	f.Retrans += row.Retrans
	f.Ends.Local += row.Ends[tracerEndingENDING_LOCAL_FIN]
	f.Ends.Peer += row.Ends[tracerEndingENDING_PEER_FIN]
	f.Ends.LocalReset += row.Ends[tracerEndingENDING_LOCAL_RESET]
	f.Ends.LocalLinger += row.Ends[tracerEndingENDING_LOCAL_LINGER]
	f.Ends.PeerReset += row.Ends[tracerEndingENDING_PEER_RESET]
	f.Ends.TimedOut += row.Ends[tracerEndingENDING_TIMEOUT]
	for i := range row.Latency {
		f.Latency[i] += row.Latency[i]
		f.Lifetime[i] += row.Lifetime[i]
	}
}

// less subtracts what was counted before. Counts only grow, but for opened,
// which a connect() that found no port takes back: it may be one too small.
func less(row, before tracerFlow) tracerFlow {
	minus := func(a *uint64, b uint64) {
		if *a < b {
			b = *a
		}
		*a -= b
	}
	minus(&row.Opened, before.Opened)
	minus(&row.Failed, before.Failed)
	minus(&row.Sent, before.Sent)
	minus(&row.Received, before.Received)
	minus(&row.Retrans, before.Retrans)
	for i := range row.Ends {
		minus(&row.Ends[i], before.Ends[i])
	}
	for i := range row.Latency {
		minus(&row.Latency[i], before.Latency[i])
		minus(&row.Lifetime[i], before.Lifetime[i])
	}
	return row
}

// callNames are indexed by enum call (bpf/tracer.h).
var callNames = [...]string{1: "connect", 2: "bind", 3: "listen", 4: "socket", 5: "accept"}

func callName(call uint16) string {
	if int(call) < len(callNames) {
		return callNames[call]
	}
	return ""
}

// failuresOf orders by process, namespace, call, errno and address.
func (m *memory) failuresOf(now, before map[tracerFailureKey]tracerFailure) []host.Failure {
	index := map[tracerFailureKey]int{}
	var all []host.Failure
	for key, f := range now {
		n := f.Count - min(f.Count, before[key].Count)
		if n == 0 || callName(key.Call) == "" {
			continue
		}
		whole := key
		whole.Stack = 0
		at, known := index[whole]
		if !known {
			at = len(all)
			index[whole] = at
			all = append(all, m.failure(key, f))
		}
		all[at].Count += n
		if key.Stack != 0 {
			call := Call{PID: int32(key.Pid), Name: decodeName(f.Name)}
			all[at].Stacks = append(all[at].Stacks, host.Site{Stack: m.stacks.of(key.Stack, call), Count: n})
		}
	}
	for i := range all {
		sortSites(all[i].Stacks)
	}
	slices.SortFunc(all, func(a, b host.Failure) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.NetNS, b.NetNS),
			cmp.Compare(a.Call, b.Call), cmp.Compare(a.Errno, b.Errno), a.Addr.Compare(b.Addr))
	})
	return all
}

// failure begins a row without a count.
func (m *memory) failure(key tracerFailureKey, f tracerFailure) host.Failure {
	out := host.Failure{
		PID:    int32(key.Pid),
		Name:   decodeName(f.Name),
		NetNS:  uint64(key.Netns),
		Cgroup: m.cgroups.path(f.Cgroup),
		Call:   callName(key.Call),
		Errno:  uint32(key.Error),
	}
	if key.Known != 0 {
		out.Addr = netip.AddrPortFrom(decodeAddr(key.Ip), key.Port)
	}
	return out
}
