package symbol

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tables are all that can name the code of one file.
type tables struct {
	im     *image
	golang *goTable
	lines  bool // wanted

	// Of a Go program what follows is read only when C code in it is asked for.
	looked  bool
	symbols *symTable
	dwarf   *dwarf
	debug   io.Closer // the separate file of debugging information; nil without
}

// readTables reads a file's headers and what finds its functions. It gives up
// when the time is over.
func readTables(r io.ReaderAt, size int64, lines bool, until time.Time) (*tables, error) {
	m := &meter{left: costOfOpening, until: until}
	im, err := openImage(r, size, m)
	switch {
	case m.late:
		return nil, errSpent
	case err != nil:
		return nil, err
	}
	t := &tables{im: im, lines: lines}
	t.golang, _ = findGoTable(im)
	if t.golang == nil {
		t.readNative()
	}
	if m.late {
		t.close()
		return nil, errSpent
	}
	return t, nil
}

// readNative reads the tables of C, C++ and Rust code.
func (t *tables) readNative() {
	if t.looked {
		return
	}
	t.looked = true
	t.im.meter.left = costOfOpening
	t.symbols = readSymbols(t.im)
	if t.lines {
		t.dwarf = openDWARF(t.im)
	}
	if t.dwarf == nil {
		t.separate(debugFolder)
	}
}

func (t *tables) memory() int {
	if t == nil {
		return 0
	}
	n := 64*len(t.im.sections) + t.symbols.memory() + t.dwarf.memory()
	if t.golang != nil {
		n += len(t.golang.entries)
	}
	return n
}

// locate names an offset in the file, unless that takes too long.
func (t *tables) locate(offset uint64, until time.Time) ([]location, error) {
	t.im.meter.until, t.im.meter.late = until, false
	had := t.looked
	l := t.locations(offset)
	if t.im.meter.late { // what was found may be half of it
		if !had {
			t.close()
			t.looked, t.symbols, t.dwarf, t.debug = false, nil, nil, nil
		}
		return nil, errSpent
	}
	for i := range l {
		l[i].function, l[i].file = shortened(l[i].function), shortened(l[i].file)
	}
	return l, nil
}

// shortened bounds what is remembered of a name or a path.
func shortened(s string) string {
	const most = 1024
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func (t *tables) locations(offset uint64) []location {
	t.im.meter.left = costOfLookup
	addr, ok := t.im.address(offset)
	if !ok {
		return nil
	}
	if t.golang != nil {
		if l := t.golang.locations(addr); l != nil {
			return l
		}
	}
	t.readNative()
	t.im.meter.left = costOfLookup
	l := t.dwarf.locations(addr)
	linker := t.symbols.find(addr)
	if len(l) == 0 {
		if linker == "" {
			return nil
		}
		l = []location{{}}
	}
	// The linker's name of the outermost function is qualified; DWARF's may not be.
	if last := &l[len(l)-1]; linker != "" {
		last.function = linker
	}
	for i := range l {
		raw := l[i].function
		l[i].function = readable(raw)
		l[i].library = t.foreign(raw, &l[i])
	}
	return l
}

// foreign reports what is certainly not the program's own, wherever it lies.
func (t *tables) foreign(raw string, l *location) bool {
	switch {
	case foreignFunction(l.function):
		return true
	case l.file != "":
		return foreignFile(l.file)
	case strings.HasPrefix(raw, "_Z"), strings.HasPrefix(raw, "_R"):
		return false
	}
	return reserved(raw) || t.im.static && libcCalls[l.function]
}

// debugFolder is where distributions install debugging information apart from
// the files it is about, by build ID.
const debugFolder = "/usr/lib/debug/.build-id"

// separate opens the debugging information that is installed for the file, if
// it is that of the very same build.
func (t *tables) separate(folder string) {
	id := t.im.buildID()
	if id == "" {
		return
	}
	name := filepath.Join(folder, id[:2], id[2:]+".debug")
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := os.Open(name)
	if err != nil {
		return
	}
	im, err := openImage(f, info.Size(), t.im.meter)
	if err != nil || im.buildID() != id {
		_ = f.Close() // it was only read
		return
	}
	t.debug = f
	if t.lines {
		t.dwarf = openDWARF(im)
	}
	if s := readSymbols(im); s != nil {
		t.symbols = s
	}
}

func (t *tables) close() {
	if t != nil && t.debug != nil {
		_ = t.debug.Close() // it was only read
	}
}
