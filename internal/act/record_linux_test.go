package act

import (
	"os"
	"strings"
	"testing"

	"sockeye/internal/ledger"
)

// A record that can no longer be written ends it, and is told once.
func TestCloseTellsOfALostRecordOnce(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	f := &fake{before: func(uint64) { _ = os.RemoveAll(dir) }}
	c := &Closer{Ledger: l, open: func(uint64) (destroyer, error) { return f, nil }}
	many := targets(make([]uint64, 3*recordEvery)...)
	_, results, err := c.Close(t.Context(), "all", many)
	if err == nil || strings.Count(err.Error(), "cannot write the ledger") != 1 {
		t.Errorf("%v", err)
	}
	if got := totalsOf(results); got[Destroyed] != recordEvery || got[Untried] != 2*recordEvery {
		t.Errorf("%v", got)
	}
}

// A place for the record that is gone is named.
func TestBeginNamesThePlace(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, results, err := (&Closer{Ledger: l}).Close(t.Context(), "all", targets(1)); results != nil || err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v, %v", results, err)
	}
}
