package ledger

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A number that cannot be listed would be given to every entry from then on, each in
// place of the one before.
func TestNumbersThatLeaveNone(t *testing.T) {
	for _, digits := range []string{"99999999", "100000000", strconv.FormatUint(math.MaxInt64, 10), strconv.FormatUint(math.MaxUint64, 10), strings.Repeat("9", 60)} {
		t.Run(digits, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			begin(t, l, "one")
			put(t, dir, digits+suffix, `{"id":`+digits+`,"status":"done"}`)
			if e, err := l.Begin("tune", note{"two"}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), digits+suffix) {
				t.Errorf("%+v, %v", e, err)
			}
			listed := 1
			if digits == "99999999" {
				listed = 2
			}
			if all, damaged := l.Entries(); len(all) != listed || len(damaged) != 0 {
				t.Errorf("%+v, %v", all, damaged)
			}
		})
	}
	dir := t.TempDir()
	l := open(t, dir)
	put(t, dir, "9223372036854775807.json", `{"id":9223372036854775807,"status":"done"}`)
	for _, id := range []uint64{0, idMax + 1, math.MaxInt64, math.MaxUint64} {
		if e, err := l.Entry(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: %+v, %v", id, e, err)
		}
	}
	// What is no number of an entry is in nobody's way.
	dir = t.TempDir()
	l = open(t, dir)
	for _, name := range []string{"00000000.json", "0000000002.json", "7.json", ".json", "-9999999999.json", "9999999999.json.bak", "0x999999999.json"} {
		put(t, dir, name, `{"id":2,"status":"done"}`)
	}
	if e := begin(t, l, "one"); e.ID != 1 {
		t.Errorf("entry %d", e.ID)
	}
}

func TestNestedEntries(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, tt := range map[string]struct {
		body string
		deep bool
	}{
		"as deep as may be": {nested(deepest - 1), false},
		"deeper":            {nested(deepest), true},
		"9,000":             {nested(9000), true},
		"objects":           {strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), true},
		"in a string":       {`"\"` + strings.Repeat("[", 9000) + `\\"`, false},
		"side by side":      {"[" + strings.Repeat("[],{},", 9000) + "0]", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			put(t, dir, nameOf(1), `{"id":1,"kind":"tune","status":"done","body":`+tt.body+`}`)
			all, damaged := l.Entries()
			if tt.deep && (len(all) != 0 || len(damaged) != 1 || !errors.Is(damaged[0], ErrDamaged)) || !tt.deep && (len(all) != 1 || len(damaged) != 0) {
				t.Errorf("%d entries, %v", len(all), damaged)
			}
		})
	}
	var body any = 1
	for range deepest {
		body = []any{body}
	}
	dir := t.TempDir()
	if _, err := open(t, dir).Begin("tune", body); err == nil {
		t.Error("an entry that cannot be read back was written")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
