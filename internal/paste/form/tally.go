package form

import (
	"cmp"
	"slices"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// endsTold is how many remote ends are told of a text that counts them.
const endsTold = 20

// mostCounted lists the remote ends that stand most often in a count.
func mostCounted(peers map[string]uint64) (most []host.CountedEnd) {
	for end, n := range peers {
		most = append(most, host.CountedEnd{End: end, Count: n})
	}
	slices.SortFunc(most, func(a, b host.CountedEnd) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.End, b.End))
	})
	return slices.Clone(most[:min(len(most), endsTold)])
}

// OwnedState is what texts count that tell owners and list no sockets.
type OwnedState struct {
	PID   int32
	State tcp.State
}

// CountOwner counts one socket more of a process.
func (b *Builder) CountOwner(what OwnedState) {
	if b.Owning == nil {
		b.Owning = map[OwnedState]uint64{}
	}
	if _, known := b.Owning[what]; known || len(b.Owning) < ProcessesMost {
		b.Owning[what]++
	}
}

func (b *Builder) countedOwners() (all []host.CountedOwner) {
	for what, n := range b.Owning {
		all = append(all, host.CountedOwner{PID: what.PID, State: what.State, Count: n})
	}
	slices.SortFunc(all, func(x, y host.CountedOwner) int {
		return cmp.Or(cmp.Compare(x.PID, y.PID), cmp.Compare(x.State, y.State))
	})
	return all
}
