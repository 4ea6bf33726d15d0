package symbol

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// dwarf finds lines and inlined calls by a file's debugging information. In
// memory is only which unit covers which addresses; the standard library's
// debug/dwarf would want all of it, hundreds of megabytes for a C++ server.
type dwarf struct {
	order binary.ByteOrder

	info, abbrev, line, str, lineStr, ranges, rngLists, addr, strOffsets data

	units  []unit     // by offset
	index  []unitSpan // by address
	held   int        // bytes of unpacked sections
	shapes map[uint64]map[uint64]*abbrev
	shaped int // bytes of shapes
}

// unit is a compilation unit.
type unit struct {
	off, end uint64 // in .debug_info
	first    uint64 // of its first entry
	abbrev   uint64
	version  uint16
	offset   int // bytes of an offset: 4 or 8
	address  int // bytes of an address

	low                            uint64 // base of its ranges
	lines                          uint64
	hasLines                       bool
	strOffsets, addrBase, rngLists uint64
}

type unitSpan struct {
	low, high uint64
	unit      int32
}

const (
	maxUnits = 1 << 18
	maxSpans = 1 << 20
)

// openDWARF reads which units there are; nil without debugging information.
func openDWARF(im *image) *dwarf {
	d := &dwarf{order: im.order, shapes: map[uint64]map[uint64]*abbrev{}}
	get := func(name string) data {
		sec, held := im.unpacked(name, maxUnpacked-d.held)
		d.held += held
		return sec
	}
	d.info, d.abbrev, d.line = get(".debug_info"), get(".debug_abbrev"), get(".debug_line")
	if d.info.size == 0 || d.abbrev.size == 0 {
		return nil
	}
	d.str, d.lineStr, d.ranges = get(".debug_str"), get(".debug_line_str"), get(".debug_ranges")
	d.rngLists, d.addr, d.strOffsets = get(".debug_rnglists"), get(".debug_addr"), get(".debug_str_offsets")
	d.readUnits()
	if len(d.index) == 0 {
		return nil
	}
	return d
}

func (d *dwarf) readUnits() {
	for off := uint64(0); off < uint64(d.info.size) && len(d.units) < maxUnits; {
		u, ok := d.readUnit(off)
		if u.end <= off {
			break
		}
		off = u.end
		if ok {
			d.units = append(d.units, u)
			d.cover(len(d.units) - 1)
		}
	}
	slices.SortFunc(d.index, func(a, b unitSpan) int { return cmp.Compare(a.low, b.low) })
	d.index = slices.Clip(d.index)
}

// readUnit reads a unit's header (DWARF 5, 7.5.1). u.end is set as far as the
// length could be read; ok is false for units that hold no code.
func (d *dwarf) readUnit(off uint64) (u unit, ok bool) {
	c := &cursor{b: d.info.at(off, 40), order: d.order}
	n, offset := c.length()
	if c.bad || n > uint64(d.info.size) {
		return u, false
	}
	u = unit{off: off, end: min(off+uint64(c.pos)+n, uint64(d.info.size)), offset: offset, version: c.u16()}
	const compile, partial, skeleton = 1, 3, 4
	kind := uint8(compile)
	if u.version >= 5 {
		kind, u.address = c.u8(), int(c.u8())
		u.abbrev = c.uint(offset)
		if kind == skeleton {
			c.take(8)
		}
	} else {
		u.abbrev = c.uint(offset)
		u.address = int(c.u8())
	}
	u.first = off + uint64(c.pos)
	return u, !c.bad && u.version >= 2 && u.version <= 5 && (u.address == 4 || u.address == 8) &&
		(kind == compile || kind == partial || kind == skeleton)
}

// cover reads the unit's own entry and notes which addresses it is about.
func (d *dwarf) cover(i int) {
	u := &d.units[i]
	e, ok := d.unitEntry(u)
	if !ok {
		return
	}
	u.strOffsets, u.addrBase, u.rngLists = e.strOffsets.u, e.addrBase.u, e.rngLists.u
	u.lines, u.hasLines = e.lines.u, e.lines.set
	u.low, _ = d.address(u, e.low)
	for _, r := range d.spans(u, &e) {
		if len(d.index) < maxSpans {
			d.index = append(d.index, unitSpan{r[0], r[1], int32(i)})
		}
	}
}

// unitEntry reads the entry of the unit itself.
func (d *dwarf) unitEntry(u *unit) (e entry, ok bool) {
	c := &cursor{b: d.info.at(u.first, int(min(u.end-u.first, 2*maxString))), order: d.order}
	code := c.uleb()
	table, ok := d.readAbbrevs(u.abbrev, code)
	if !ok || table[code] == nil {
		return e, false
	}
	return u.entry(c, table[code])
}

// dirOf returns the directory in which a unit was compiled. It is read when it is
// asked for: those of all units would be hundreds of megabytes where a file
// wants them to be.
func (d *dwarf) dirOf(u *unit) string {
	e, _ := d.unitEntry(u)
	return d.text(u, e.dir)
}

// unitOf returns the unit that covers an address.
func (d *dwarf) unitOf(addr uint64) *unit {
	next, _ := slices.BinarySearchFunc(d.index, addr, func(s unitSpan, addr uint64) int {
		if s.low <= addr {
			return -1
		}
		return 1
	})
	const around = 16 // spans that overlap, of a linker that folds functions
	for i := next - 1; i >= max(0, next-around); i-- {
		if s := &d.index[i]; addr < s.high {
			return &d.units[s.unit]
		}
	}
	return nil
}

func (d *dwarf) memory() int {
	if d == nil {
		return 0
	}
	return d.held + 104*cap(d.units) + 24*cap(d.index) + d.shaped
}
