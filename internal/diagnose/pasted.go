package diagnose

import (
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// pasted reports whether the looks are text that somebody saved.
func (x *examination) pasted() bool { return x.now.Source.Kind == host.Paste }

// systemTold is the system that the report names: of a text, also one that only
// its settings or messages give away.
func (x *examination) systemTold() string {
	if x.now.Machine.OS == "" && x.pasted() {
		return x.os
	}
	return x.now.Machine.OS
}

// cut reports whether something was left out of the text: what is counted is then
// "at least", and what is missing proves nothing.
func (x *examination) cut() bool { return x.lacks("paste-cut", "paste-tree-cut") }

// partly reports whether the text leaves out sockets, also by intent: a command
// that asked for some states or ports. What is not there proves nothing.
func (x *examination) partly() bool {
	return x.cut() || x.lacks("paste-filtered", "ss-states-left-out")
}

// lacks reports whether a text was read with one of these blind spots.
func (x *examination) lacks(codes ...string) bool {
	return slices.ContainsFunc(x.now.BlindSpots, func(b host.BlindSpot) bool { return slices.Contains(codes, b.Code) })
}

// atLeast reports whether a number that was read at a source is a lower bound.
func (x *examination) atLeast(source string) bool { return source == x.socketSource() && x.cut() }

// countsOnly reports whether the text tells how many sockets there are, and lists none.
func (x *examination) countsOnly() bool { return len(x.now.Sockets) == 0 && len(x.now.Counted) > 0 }

// unseen are what a saved text did not show, as far as its snapshot tells.
func (x *examination) unseen() []host.BlindSpot {
	if !x.pasted() {
		return nil
	}
	var out []host.BlindSpot
	add := func(b host.BlindSpot) {
		b.Count = max(b.Count, 1)
		if !slices.ContainsFunc(x.now.BlindSpots, func(o host.BlindSpot) bool { return o.Code == b.Code }) {
			out = append(out, b)
		}
	}
	if x.countsOnly() {
		add(host.BlindSpot{Code: "paste-counts-only"})
	}
	switch {
	case len(x.now.Sockets) > 0:
		x.unseenOfSockets(add)
	case len(x.now.Counted) == 0 && len(x.told) == 0:
		add(host.BlindSpot{Code: "paste-no-sockets"})
	}
	if x.os == "" && (len(x.now.Sockets) > 0 || x.countsOnly()) {
		add(host.BlindSpot{Code: "paste-os-unknown"})
	}
	return out
}

func (x *examination) unseenOfSockets(add func(host.BlindSpot)) {
	var owned, connected, listeners, queues, names, strange bool
	for i := range x.now.Sockets {
		sk := &x.now.Sockets[i]
		owned = owned || sk.PID != 0
		connected = connected || sk.State.Connected() && sk.State != tcp.TimeWait
		if sk.State == tcp.Listen {
			listeners, queues = true, queues || x.knowsBacklog(sk)
		}
		names = names || isName(sk.Local.Addr()) || isName(sk.Remote.Addr())
		strange = strange || sk.State == tcp.Unknown
	}
	if !owned && (connected || listeners) && !x.lacks("paste-owners-hidden", "ss-owners-hidden") {
		add(host.BlindSpot{Code: "paste-no-owners"})
	}
	if listeners && !queues && x.os != "windows" && !x.lacks("paste-queues-unseen") { // which has no such table
		add(host.BlindSpot{Code: "paste-no-queues"})
	}
	if names {
		add(host.BlindSpot{Code: "paste-names"})
	}
	if strange {
		add(host.BlindSpot{Code: "paste-states-unknown"})
	}
	for _, s := range x.spaces {
		switch s.rangeBy {
		case rangeAssumed:
			add(host.BlindSpot{Code: "paste-no-settings", Subject: s.rangeText()})
		case rangeSeen:
			add(host.BlindSpot{Code: "paste-range-seen", Subject: s.rangeText()})
		}
		if len(s.ns.Counters) == 0 && x.os == "linux" {
			add(host.BlindSpot{Code: "paste-no-counters"})
		}
	}
	if x.namespaceDoubted() {
		add(host.BlindSpot{Code: "paste-one-namespace"})
	}
}

// namespaceDoubted reports whether a log tells of trouble that the table shows
// nothing of: it may be of another network namespace (a container), or of another time.
func (x *examination) namespaceDoubted() bool { return x.os == "linux" && x.contradicted }

// crowded tells of what is counted where nothing is listed: the states alone.
func (x *examination) crowded() *found {
	if !x.countsOnly() {
		return nil
	}
	n, est := x.now.Counted[tcp.CloseWait], x.now.Counted[tcp.Established]
	if n < closeWaitMany || float64(n) < closeWaitShare*float64(est) {
		return nil
	}
	f := &found{id: "close-wait-leak", severity: Notice, certainty: Possible, ns: x.onlyNamespace(), wide: true}
	f.values.Count, f.values.Total, f.values.Other, f.values.Kind = n, n, est, "counted"
	f.values.State = tcp.CloseWait.String()
	f.facts = append(f.facts, fact{key: "counted", value: float64(n), source: x.socketSource()})
	if f.blamed = x.countedBlame(tcp.CloseWait, n); len(f.blamed) > 0 {
		f.wide = false
	}
	f.cures = []string{"close-connections"}
	return f
}

// Connects without an answer that are worth a word where only counts are told: any
// busy client has some. No source gives a number; as many as the CLOSE_WAIT that are
// worth a word (closeWaitMany), and a tenth of all, since a handshake takes a moment
// and a connection that is used stays.
const (
	muteCounted      = 100
	muteCountedShare = 0.1
)

// crowdedConnects tells of connects without an answer where nothing is listed.
func (x *examination) crowdedConnects() *found {
	if !x.countsOnly() {
		return nil
	}
	n, all := x.now.Counted[tcp.SynSent], uint64(0)
	for _, c := range x.now.Counted {
		all += c
	}
	if n < muteCounted || float64(n) < muteCountedShare*float64(all) {
		return nil
	}
	est := x.now.Counted[tcp.Established]
	f := &found{id: "unreachable-destination", severity: Notice, certainty: Possible, ns: x.onlyNamespace(), wide: true}
	f.values.Count, f.values.Total, f.values.Kind, f.values.State = n, est, "counted", tcp.SynSent.String()
	f.facts = append(f.facts, fact{key: "counted", value: float64(n), source: x.socketSource()})
	f.cures = []string{"connect-timeout"}
	return f
}

// onlyNamespace is the inode of the one namespace of a text, 0 where there are several.
func (x *examination) onlyNamespace() uint64 {
	if len(x.now.Namespaces) == 1 {
		return x.now.Namespaces[0].Inode
	}
	return 0
}

// sockstat are the kernel's own counts of sockets, nil where none is known.
func (x *examination) sockstat(ns *host.NetNS) (counts map[string]uint64) {
	for name, n := range map[string]host.Opt{
		"inuse": ns.InUse, "tw": ns.TimeWait, "orphan": x.now.System.TCPOrphans, "alloc": x.now.System.TCPAlloc,
	} {
		if !n.Known {
			continue
		}
		if counts == nil {
			counts = map[string]uint64{}
		}
		counts[name] = n.Value
	}
	return counts
}
