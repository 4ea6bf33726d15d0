package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fill puts n entries there, from number 1 on, as they are written.
func fill(t *testing.T, dir string, n int, of func(id int) (kind string, status Status)) {
	t.Helper()
	for id := 1; id <= n; id++ {
		kind, status := of(id)
		put(t, dir, nameOf(uint64(id)), fmt.Sprintf(`{"id":%d,"kind":%q,"status":%q}`, id, kind, status))
	}
}

// mayGo is what the callers let go.
func mayGo(e *Entry) bool {
	return e.Status == Failed || e.Status == RolledBack || e.Status == Done && e.Kind != "tune"
}

func TestOldEntriesGo(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	l.MayGo = mayGo
	const n = keepEnded + 3*pruneMost
	stays := map[int]struct {
		kind   string
		status Status
	}{1: {"tune", Done}, 2: {"tune", Begun}, 3: {"kill", Begun}, 4: {"tune", Undoing}, 5: {"close", Undoing}}
	fill(t, dir, n, func(id int) (string, Status) {
		if s, ok := stays[id]; ok {
			return s.kind, s.status
		}
		return []string{"tune", "tune", "close", "kill"}[id%4], []Status{RolledBack, Failed, Done, Failed}[id%4]
	})
	const damaged = 10
	put(t, dir, nameOf(damaged), "{")

	left := n
	for i := 1; i <= 5; i++ {
		if e := begin(t, l, "new"); e.ID != uint64(n+i) {
			t.Fatalf("entry %d, want %d", e.ID, n+i)
		}
		all, bad := l.Entries()
		now := len(all) + len(bad)
		if gone := left + 1 - now; gone < 0 || gone > pruneMost {
			t.Errorf("%d entries went at once", gone)
		}
		left = now
	}
	all, bad := l.Entries()
	if len(bad) != 1 {
		t.Errorf("a damaged entry went: %v", bad)
	}
	ended := 0
	for i := range all {
		delete(stays, int(all[i].ID))
		if mayGo(&all[i]) {
			ended++
		}
	}
	if len(stays) != 0 {
		t.Errorf("went: %v", stays)
	}
	if ended < keepEnded || ended >= keepEnded+pruneMost {
		t.Errorf("%d ended entries are left", ended)
	}
	for id := n - keepEnded + 1; id <= n; id++ { // the newest are the ones that stay
		if _, err := os.Lstat(filepath.Join(dir, nameOf(uint64(id)))); err != nil {
			t.Fatal(err)
		}
	}
}

// Where nothing has ended, or nobody says what may go, all of it stays.
func TestEntriesInForceStay(t *testing.T) {
	const n = keepEnded + pruneMost + 50
	dir := t.TempDir()
	l := open(t, dir)
	fill(t, dir, n, func(id int) (string, Status) {
		return []string{"tune", "tune", "close"}[id%3], []Status{Done, Undoing, Begun}[id%3]
	})
	begin(t, l, "nobody is asked")
	asked := 0
	l.MayGo = func(e *Entry) bool {
		if asked++; e.Status != Done {
			t.Errorf("entry %d, %s, was asked about", e.ID, e.Status)
		}
		return mayGo(e)
	}
	begin(t, l, "all are looked at")
	if all, damaged := l.Entries(); len(all) != n+2 || len(damaged) != 0 || asked != n/3 {
		t.Errorf("%d of %d, %d asked about, %v", len(all), n+2, asked, damaged)
	}
}
