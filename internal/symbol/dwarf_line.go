package symbol

import "path"

const (
	maxLineBytes = 32 << 20 // of one unit's line table
	maxRows      = 8 << 20
	maxFiles     = 1 << 16
	maxColumns   = 16 // DWARF 5 has five: path, directory, time, size, checksum
)

// lineTable is a unit's line table: files by number, and the program that makes
// the rows (DWARF 5, 6.2).
type lineTable struct {
	c         *cursor // at the program
	version   uint16
	minInst   uint64
	lineBase  int64
	lineRange uint64
	opcodes   []byte // operands of the standard opcodes
	dirs      []value
	files     []lineFile
	unitDir   string
	text      func(value) string
}

// lineFile is a file as the table says it: what many files are called takes no
// memory, only what is asked for.
type lineFile struct {
	name value
	dir  uint64
}

// readLines reads the header of a unit's line table.
func (d *dwarf) readLines(u *unit) (*lineTable, bool) {
	if !u.hasLines {
		return nil, false
	}
	c := &cursor{b: d.line.at(u.lines, 12), order: d.order}
	n, offset := c.length()
	if c.bad || n > maxLineBytes {
		return nil, false
	}
	c = &cursor{b: d.line.at(u.lines+uint64(c.pos), int(n)), order: d.order}
	t := &lineTable{c: c, version: c.u16(), unitDir: d.dirOf(u)}
	t.text = func(v value) string { return d.text(u, v) }
	address := u.address
	if t.version >= 5 {
		address = int(c.u8())
		c.u8() // segment selectors
	}
	if t.version < 2 || t.version > 5 {
		return nil, false
	}
	size := c.uint(offset)
	program := uint64(c.pos) + size
	t.minInst = uint64(c.u8())
	if t.version >= 4 {
		c.u8() // operations of an instruction: VLIW machines only
	}
	c.u8() // default_is_stmt
	t.lineBase, t.lineRange = int64(int8(c.u8())), uint64(c.u8())
	if base := c.u8(); base > 0 {
		t.opcodes = c.take(uint64(base) - 1)
	}
	if t.version >= 5 {
		t.fileTables(offset, address)
	} else {
		t.oldFileTables()
	}
	if c.bad || t.lineRange == 0 || program > uint64(len(c.b)) {
		return nil, false
	}
	c.pos = int(program)
	return t, true
}

func (t *lineTable) oldFileTables() {
	c := t.c
	t.dirs = []value{inPlace(t.unitDir)}
	for !c.bad && len(t.dirs) < maxFiles {
		dir := c.text()
		if dir == "" {
			break
		}
		t.dirs = append(t.dirs, inPlace(dir))
	}
	t.files = []lineFile{{}} // numbered from one
	for !c.bad && len(t.files) < maxFiles {
		name := c.text()
		if name == "" {
			break
		}
		t.files = append(t.files, lineFile{inPlace(name), c.uleb()})
		c.uleb() // modified
		c.uleb() // length
	}
}

// fileTables reads directories and files of DWARF 5, which describe themselves.
func (t *lineTable) fileTables(offset, address int) {
	const contentPath, contentDir = 1, 2
	c := t.c
	read := func(add func(name value, dir uint64)) {
		type column struct{ content, form uint64 }
		columns := make([]column, c.u8())
		c.bad = c.bad || len(columns) > maxColumns
		for i := range columns {
			columns[i] = column{c.uleb(), c.uleb()}
		}
		count := c.uleb()
		if len(columns) == 0 {
			return
		}
		for i := uint64(0); i < count && i < maxFiles && !c.bad; i++ {
			var name value
			var dir uint64
			for _, col := range columns {
				v, ok := c.form(uint16(min(col.form, 0xffff)), 0, offset, address, t.version)
				if !ok {
					return
				}
				switch col.content {
				case contentPath:
					name = v
				case contentDir:
					dir = v.u
				}
			}
			add(name, dir)
		}
	}
	read(func(name value, _ uint64) { t.dirs = append(t.dirs, name) })
	read(func(name value, dir uint64) { t.files = append(t.files, lineFile{name, dir}) })
}

// file returns the path of a file by its number.
func (t *lineTable) file(number uint64) string {
	if number >= uint64(len(t.files)) {
		return ""
	}
	f := t.files[number]
	name := t.text(f.name)
	if name == "" || path.IsAbs(name) {
		return name
	}
	dir := ""
	if f.dir < uint64(len(t.dirs)) {
		dir = t.text(t.dirs[f.dir])
	}
	if !path.IsAbs(dir) && f.dir != 0 {
		dir = path.Join(t.unitDir, dir)
	}
	return path.Join(dir, name)
}

// inPlace is a string that stands in the table itself.
func inPlace(s string) value { return value{form: formString, s: s, set: true} }

// find runs the program up to the row that covers an address.
func (t *lineTable) find(addr uint64, width int) (file, line uint64, ok bool) {
	c := *t.c
	type row struct{ addr, file, line uint64 }
	start := row{file: 1, line: 1}
	now, last, open := start, row{}, false
	emit := func(end bool) bool {
		if open && last.addr <= addr && addr < now.addr {
			return true
		}
		last, open = now, !end
		if end {
			now = start
		}
		return false
	}
	for range maxRows {
		if c.left() == 0 || c.bad {
			return 0, 0, false
		}
		done := false
		op := c.u8()
		switch {
		case int(op) > len(t.opcodes): // special
			adjusted := uint64(op) - uint64(len(t.opcodes)) - 1
			now.addr += adjusted / t.lineRange * t.minInst
			now.line += uint64(t.lineBase + int64(adjusted%t.lineRange))
			done = emit(false)
		case op == 0: // extended
			n := c.uleb()
			if n == 0 {
				continue
			}
			arg := cursor{b: c.take(n), order: c.order}
			switch arg.u8() {
			case 1: // end_sequence
				done = emit(true)
			case 2: // set_address
				now.addr = arg.uint(width)
			}
		case op == 1: // copy
			done = emit(false)
		case op == 2: // advance_pc
			now.addr += c.uleb() * t.minInst
		case op == 3: // advance_line
			now.line += uint64(c.sleb())
		case op == 4: // set_file
			now.file = c.uleb()
		case op == 8: // const_add_pc
			now.addr += (255 - uint64(len(t.opcodes)) - 1) / t.lineRange * t.minInst
		case op == 9: // fixed_advance_pc
			now.addr += uint64(c.u16())
		default:
			for range t.opcodes[op-1] {
				c.uleb()
			}
		}
		if done {
			return last.file, last.line, true
		}
	}
	return 0, 0, false
}
