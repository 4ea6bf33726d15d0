package ledger

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Entry reads one entry; fs.ErrNotExist or ErrDamaged.
func (l *Ledger) Entry(id uint64) (*Entry, error) {
	name := nameOf(id)
	if id == 0 || id > idMax {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(l.dir, name), Err: fs.ErrNotExist}
	}
	info, err := l.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a FIFO would wait for its other end
		return nil, fmt.Errorf("%w: %s is no file of the ledger", ErrDamaged, filepath.Join(l.dir, name))
	}
	f, err := l.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > entryMax {
		return nil, fmt.Errorf("%w: %s is no file of the ledger", ErrDamaged, filepath.Join(l.dir, name))
	}
	data, err := io.ReadAll(io.LimitReader(f, entryMax+1))
	if err != nil {
		return nil, err
	}
	if tooDeep(data) {
		return nil, fmt.Errorf("%w: %s is nested deeper than %d", ErrDamaged, filepath.Join(l.dir, name), deepest)
	}
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Join(l.dir, name), err)
	}
	if e.ID != id {
		return nil, fmt.Errorf("%w: %s says that it is entry %d", ErrDamaged, filepath.Join(l.dir, name), e.ID)
	}
	if !e.Status.known() {
		return nil, fmt.Errorf("%w: %s has the status %.40q", ErrDamaged, filepath.Join(l.dir, name), e.Status)
	}
	return &e, nil
}

// known reports a status that an entry can have. What anything else has come to
// nobody can tell.
func (s Status) known() bool {
	switch s {
	case Begun, Done, Failed, Undoing, RolledBack:
		return true
	}
	return false
}

// deepest is how many objects and arrays of an entry may stand within one another:
// many more than any body has. Written indented, thousands of them would become
// megabytes of blanks.
const deepest = 64

// tooDeep reports JSON that is nested deeper than deepest. Of other text it may say
// anything.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++ // what follows is no end of the string
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > deepest {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// ids lists the entries that there are, ascending. beyond is a file with a number that
// no entry can have, "" when there is none.
func (l *Ledger) ids() (ids []uint64, beyond string, err error) {
	d, err := l.root.Open(".")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, suffix)
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		id, err := strconv.ParseUint(digits, 10, 64)
		switch {
		case err != nil || id > idMax: // of digits alone: it is too large
			beyond = name
		case id > 0 && nameOf(id) == name:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, beyond, nil
}

// How the files are called.
const (
	suffix   = ".json"
	idDigits = 8 // of idMax
)

func nameOf(id uint64) string { return fmt.Sprintf("%0*d%s", idDigits, id, suffix) }
