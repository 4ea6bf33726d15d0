package ledger

const (
	// keepEnded is how many of the newest entries that MayGo lets go stay all the same:
	// what a person may want to look up.
	keepEnded = 1000
	// pruneMost is how many are removed at a time, so that nobody waits for it long, and
	// how many more than keepEnded there are before any is.
	pruneMost = 300
)

// prune removes entries that nobody needs and that keepEnded newer ones follow, and
// tells how many. The newest entry is never among them, so no number is given out
// twice. One that cannot be read stays, and one that cannot be removed is tried again
// next time. It flushes nothing: the entry that is written next does, and one that
// comes back after a power cut does no harm.
func (l *Ledger) prune(ids []uint64) (removed int) {
	if l.MayGo == nil || len(ids) <= keepEnded+pruneMost {
		return 0
	}
	ended := 0
	for i := len(ids) - 1; i >= 0 && removed < pruneMost; i-- {
		e, err := l.Entry(ids[i])
		if err != nil || e.Status == Begun || e.Status == Undoing || !l.MayGo(e) {
			continue
		}
		if ended++; ended <= keepEnded {
			continue
		}
		if l.root.Remove(nameOf(e.ID)) == nil {
			removed++
		}
	}
	return removed
}
