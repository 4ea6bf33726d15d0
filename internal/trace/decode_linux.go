//go:build amd64 || arm64

package trace

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"sockeye/internal/host"
)

// callNames are indexed by enum call (bpf/activity.h).
var callNames = [...]string{1: "connect", 2: "bind", 3: "listen", 4: "socket", 5: "accept"}

// decodeConnects orders by process, namespace and destination.
func decodeConnects(in []entry[activityConnectKey, activityConnectCount]) []host.Flow {
	var out []host.Flow
	for _, e := range in {
		if e.value.Opened == 0 && e.value.Failed == 0 {
			continue // every attempt ended before a SYN left: they are failures only
		}
		out = append(out, host.Flow{
			PID:    int32(e.key.Pid),
			Name:   decodeName(e.value.Name),
			NetNS:  uint64(e.key.Netns),
			Remote: decodeEndpoint(e.key.Remote),
			Opened: e.value.Opened,
			Failed: e.value.Failed,
		})
	}
	slices.SortFunc(out, func(a, b host.Flow) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.NetNS, b.NetNS), a.Remote.Compare(b.Remote))
	})
	return out
}

// decodeFailures orders by process, namespace, call, errno and address.
func decodeFailures(in []entry[activityFailureKey, activityFailureCount]) []host.Failure {
	var out []host.Failure
	for _, e := range in {
		if e.value.Count == 0 || int(e.key.Call) >= len(callNames) || callNames[e.key.Call] == "" {
			continue
		}
		out = append(out, host.Failure{
			PID:   int32(e.key.Pid),
			Name:  decodeName(e.value.Name),
			NetNS: uint64(e.key.Netns),
			Call:  callNames[e.key.Call],
			Errno: uint32(e.key.Error),
			Addr:  decodeEndpoint(e.key.Addr),
			Count: e.value.Count,
		})
	}
	slices.SortFunc(out, func(a, b host.Failure) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.NetNS, b.NetNS),
			cmp.Compare(a.Call, b.Call), cmp.Compare(a.Errno, b.Errno), a.Addr.Compare(b.Addr))
	})
	return out
}

// decodeEndpoint returns the zero AddrPort where the call names no address.
func decodeEndpoint(e activityEndpoint) netip.AddrPort {
	if e.Known == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(e.Ip).Unmap(), e.Port)
}

// decodeName cuts a comm at its end; it may hold any other byte.
func decodeName(comm [16]uint8) string {
	name, _, _ := bytes.Cut(comm[:], []byte{0})
	return string(name)
}
