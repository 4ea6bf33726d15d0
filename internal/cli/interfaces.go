package cli

import (
	"net"
	"strconv"

	"sockeye/internal/host"
)

// interfaceNames names interfaces by index: a snapshot holds indexes only. It
// can tell loopback anywhere (Linux gives it index 1 in every namespace,
// include/net/flow.h LOOPBACK_IFINDEX) and, on a live machine, the interfaces of
// the namespace that this program runs in. They are asked for when first needed.
type interfaceNames struct {
	sn   *host.Snapshot
	own  map[uint32]string
	read bool
}

func (n *interfaceNames) name(ns *host.NetNS, index uint32) string {
	if index == 1 && n.sn.Machine.OS == "linux" {
		return "lo"
	}
	if ns == nil || !ns.Self || n.sn.Source.Kind != host.Live {
		return ""
	}
	if !n.read {
		n.read = true
		n.own = map[uint32]string{}
		all, err := net.Interfaces()
		if err != nil {
			return "" // the filter's index still works
		}
		for _, i := range all {
			n.own[uint32(i.Index)] = i.Name
		}
	}
	return n.own[index]
}

// ifaceText is the interface's name, or its index where the name is not known.
func (v *view) ifaceText(netns uint64, index uint32) string {
	if index == 0 {
		return ""
	}
	if name := v.Interface(netns, index); name != "" {
		return name
	}
	return strconv.FormatUint(uint64(index), 10)
}
