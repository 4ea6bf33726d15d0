package diagnose

import (
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// examination is what every rule reads: the looks, and indexes over the last
// one, built in a single pass. Rules do not change it.
type examination struct {
	now    *host.Snapshot
	before *host.Snapshot // nil with a single look
	os     string         // as runtime.GOOS spells it; "" unknown
	told   []host.Symptom // error messages of a log
	named  bool           // the only namespace is one that was asked for

	leftOut []host.BlindSpot // findings that are too many to be told

	tells struct { // what the last look's source tells of sockets
		owners bool // who holds connections
		files  bool // inodes
	}
	contradicted bool           // the sockets show nothing of what a message tells
	seen         *host.Activity // nil when nobody watched; of the whole machine, whatever was looked into
	ours         *host.Activity // of that, what belongs to the namespaces that were looked into
	window       time.Duration  // between the two looks, 0 with one

	spaces []*space // one per namespace that has sockets or settings, in order

	accounts []*budget     // ports per destination, nearest its wall first
	pools    []*bindPool   // ports per source address, where programs bind first
	shared   []*sharedPool // ports of systems that give each to one connection only

	standing map[openKey][]*tcp.Socket // of the first look, while the accounts are made

	living []*grouping // owned connections by destination, of the last look and of the first, made when first asked for

	pairs map[uint64]map[int32]uint64 // living pairs on loopback by namespace and process, made when first asked for

	events map[destKey]seenThere // what was seen, by destination, made when first asked for

	leftOpen *[]unclosed // programs that do not close, made when first asked for

	opens *[]*opening // destinations that are being connected to, made when first asked for

	statesNow, statesThen *stateIndex     // sockets of each look by state, made when first asked for
	alike                 map[int32]int32 // pid → the least pid of the same program, filled when first asked for

	groups   map[string]*host.Process // a described process of each control group, made when first asked for
	placesOf map[*host.Stack]place    // stacks that were asked for

	short map[*budget]shortage // connects that failed for want of a port, made when first asked for
}

// recentSpan is how far back the age of TIME_WAIT sockets is read as a rate:
// long enough to even out bursts, short enough to be "now".
const recentSpan = 10 * time.Second

func examine(before, now *host.Snapshot, seen *host.Activity) *examination {
	return examineAll(Input{Before: before, Now: now, Seen: seen})
}

func examineAll(in Input) *examination {
	before, now, seen := in.Before, in.Now, in.Seen
	x := &examination{now: now, before: before, seen: seen, os: systemOf(in), told: in.Symptoms, named: in.Named}
	if before != nil {
		x.window = now.TakenAt.Sub(before.TakenAt)
	}
	bySpace := map[uint64]*space{}
	add := func(ns *host.NetNS) *space {
		s := newSpace(ns, &now.Machine, x.os, x.pasted() && len(now.Sockets) > 0)
		s.pasted = x.pasted()
		s.window, s.life = x.window, x.life
		if before != nil {
			s.before = before.Namespace(ns.Inode)
		}
		bySpace[ns.Inode] = s
		x.spaces = append(x.spaces, s)
		return s
	}
	for _, ns := range now.Namespaces {
		add(ns)
	}
	// Two passes: which ports are listened on decides which way a connection goes.
	for i := range now.Sockets {
		sk := &now.Sockets[i]
		s := bySpace[sk.NetNS]
		if s == nil { // a dump of sockets alone
			s = add(&host.NetNS{Inode: sk.NetNS})
		}
		s.byState[sk.State]++
		x.tells.files = x.tells.files || sk.Inode != 0
		x.tells.owners = x.tells.owners || sk.PID != 0 && sk.State.Connected()
		if sk.State == tcp.Listen {
			s.listen(sk)
		}
	}
	for _, s := range x.spaces {
		s.findServing(now.Sockets)
		s.widen(now.Sockets)
	}
	for i := range now.Sockets {
		bySpace[now.Sockets[i].NetNS].hold(&now.Sockets[i])
	}
	for i := range now.Sockets {
		sk := &now.Sockets[i]
		bySpace[sk.NetNS].request(sk)
	}
	goingOut := groupBy(func(yield func(*tcp.Socket) bool) {
		for i := range now.Sockets {
			if sk := &now.Sockets[i]; bySpace[sk.NetNS].outgoing(sk) && !yield(sk) {
				return
			}
		}
	}, len(now.Sockets), wayOut)
	for _, s := range x.spaces {
		s.goingOut = goingOut
	}
	for n, sk := range goingOut.first {
		s := bySpace[sk.NetNS]
		s.out = append(s.out, int32(n))
	}
	x.ours = x.lookedInto(seen)
	x.accounts, x.pools, x.shared = x.budgets(), x.bindPools(), x.sharedPools()
	for _, b := range x.accounts {
		sure := x.shortage(b).sure
		b.failing = sure == Proven || sure == Likely
	}
	return x
}

// lookedInto leaves of what was seen what belongs to the namespaces of either
// look: the kernel is watched as a whole, also when one namespace was asked for.
func (x *examination) lookedInto(seen *host.Activity) *host.Activity {
	if seen == nil {
		return nil
	}
	ours := map[uint64]bool{}
	for _, s := range x.spaces {
		ours[s.ns.Inode] = true
	}
	if x.before != nil {
		for _, ns := range x.before.Namespaces {
			ours[ns.Inode] = true
		}
	}
	part := *seen
	part.Outgoing, part.Incoming, part.Failures = nil, nil, nil
	for _, c := range seen.Outgoing {
		if ours[c.NetNS] {
			part.Outgoing = append(part.Outgoing, c)
		}
	}
	for _, c := range seen.Incoming {
		if ours[c.NetNS] {
			part.Incoming = append(part.Incoming, c)
		}
	}
	for _, f := range seen.Failures {
		if ours[f.NetNS] {
			part.Failures = append(part.Failures, f)
		}
	}
	return &part
}
