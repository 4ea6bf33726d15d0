package cli

import (
	"context"
	"net/netip"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// listeners are who listens where. Until a connection is accepted it belongs to
// the program that listens; its events do not tell that.
type listeners map[listenerKey]*host.Opener

type listenerKey struct {
	netns uint64
	local netip.AddrPort
}

// findListeners reads those that listen already.
func findListeners(ctx context.Context, netns string) (listeners, error) {
	sn, err := collect.Take(ctx, collect.Options{NetNS: netns, SocketsOnly: true, NoInfo: true})
	if err != nil {
		return nil, err
	}
	all := listeners{}
	for i := range sn.Sockets {
		s := &sn.Sockets[i]
		if s.State != tcp.Listen || s.PID == 0 {
			continue
		}
		o := &host.Opener{PID: s.PID}
		if p := sn.Processes[s.PID]; p != nil {
			o.Name, o.Cgroup = p.Name, p.Cgroup
		}
		all[listenerKey{s.NetNS, s.Local}] = o
	}
	return all, nil
}

// complete gives an event of an incoming connection that nobody has accepted its
// listener's owner, and learns from those of listeners.
func (l listeners) complete(e *host.Event) {
	if l == nil || e.Call != "" {
		return
	}
	key := listenerKey{e.NetNS, e.Local}
	switch {
	case e.To == tcp.Listen:
		if e.Life.Opener != nil {
			l[key] = e.Life.Opener
		}
	case e.From == tcp.Listen:
		if o := l[key]; o != nil {
			e.Life.Opener = o
		}
		delete(l, key)
	case e.Life.Opener == nil && (e.Life.Incoming || e.From == tcp.SynReceived):
		port := e.Local.Port()
		for _, local := range []netip.AddrPort{e.Local,
			netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPortFrom(netip.IPv6Unspecified(), port)} {
			if o := l[listenerKey{e.NetNS, local}]; o != nil {
				e.Life.Opener = &host.Opener{PID: o.PID, Name: o.Name, Cgroup: o.Cgroup}
				return
			}
		}
	}
}
