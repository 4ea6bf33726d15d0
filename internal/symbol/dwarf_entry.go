package symbol

// entry is a debugging information entry, as far as its attributes matter here.
type entry struct {
	tag                            uint16
	children                       bool
	sibling, name, linkage         value
	low, high, ranges              value
	origin, spec                   value
	callFile, callLine             value
	lines, dir                     value
	strOffsets, addrBase, rngLists value
}

// entry reads the attributes of an entry whose shape is known.
func (u *unit) entry(c *cursor, a *abbrev) (e entry, ok bool) {
	e.tag, e.children = a.tag, a.children
	for i := range a.attrs {
		at := &a.attrs[i]
		v, ok := c.form(at.form, at.implicit, u.offset, u.address, u.version)
		if !ok {
			return e, false
		}
		switch at.name {
		case attrSibling:
			e.sibling = v
		case attrName:
			e.name = v
		case attrLinkage, attrMIPSName:
			e.linkage = v
		case attrLow:
			e.low = v
		case attrHigh:
			e.high = v
		case attrRanges:
			e.ranges = v
		case attrOrigin:
			e.origin = v
		case attrSpec:
			e.spec = v
		case attrCallFile:
			e.callFile = v
		case attrCallLine:
			e.callLine = v
		case attrStmtList:
			e.lines = v
		case attrDir:
			e.dir = v
		case attrStrOffsets:
			e.strOffsets = v
		case attrAddrBase:
			e.addrBase = v
		case attrRngLists:
			e.rngLists = v
		}
	}
	return e, true
}

// text resolves a string; "" for one in a file that is not read (dwz, .dwo).
func (d *dwarf) text(u *unit, v value) string {
	switch {
	case !v.set:
		return ""
	case v.form == formString:
		return v.s
	case v.form == formStrp:
		return d.str.text(v.u)
	case v.form == formLineStrp:
		return d.lineStr.text(v.u)
	case v.form == formStrx || v.form >= formStrx1 && v.form <= formStrx4:
		c := &cursor{b: d.strOffsets.at(u.strOffsets+v.u*uint64(u.offset), u.offset), order: d.order}
		if off := c.uint(u.offset); !c.bad {
			return d.str.text(off)
		}
	}
	return ""
}

// address resolves an address.
func (d *dwarf) address(u *unit, v value) (uint64, bool) {
	switch {
	case !v.set:
		return 0, false
	case v.form == formAddr:
		return v.u, true
	case v.form == formAddrx || v.form >= formAddrx1 && v.form <= formAddrx4:
		return d.indexed(u, v.u)
	}
	return 0, false
}

func (d *dwarf) indexed(u *unit, i uint64) (uint64, bool) {
	c := &cursor{b: d.addr.at(u.addrBase+i*uint64(u.address), u.address), order: d.order}
	a := c.uint(u.address)
	return a, !c.bad
}

// spans returns the ranges of addresses that an entry is about: none for an
// abstract one, and none that a linker has discarded (they begin at 0, or at -1).
func (d *dwarf) spans(u *unit, e *entry) (out [][2]uint64) {
	add := func(low, high uint64) {
		if low != 0 && low < high {
			out = append(out, [2]uint64{low, high})
		}
	}
	if e.ranges.set {
		if u.version < 5 {
			d.oldRanges(u, e.ranges.u, add)
		} else {
			d.rangeList(u, e.ranges, add)
		}
		return out
	}
	low, ok := d.address(u, e.low)
	if !ok || !e.high.set {
		return nil
	}
	if high, ok := d.address(u, e.high); ok {
		add(low, high)
	} else {
		add(low, low+e.high.u) // a constant is a length
	}
	return out
}

const (
	maxRanges = 1 << 16 // of one entry
)

// oldRanges reads .debug_ranges (DWARF 4, 2.17.3).
func (d *dwarf) oldRanges(u *unit, off uint64, add func(low, high uint64)) {
	base, most := u.low, ^uint64(0)
	if u.address == 4 {
		most = 1<<32 - 1
	}
	d.windows(d.ranges, off, func(c *cursor) bool {
		low, high := c.uint(u.address), c.uint(u.address)
		switch {
		case c.bad || low == 0 && high == 0:
			return false
		case low == most:
			base = high
		default:
			add(base+low, base+high)
		}
		return true
	})
}

// rangeList reads .debug_rnglists (DWARF 5, 7.25).
func (d *dwarf) rangeList(u *unit, v value, add func(low, high uint64)) {
	off := v.u
	if v.form == formRnglistx {
		c := &cursor{b: d.rngLists.at(u.rngLists+v.u*uint64(u.offset), u.offset), order: d.order}
		off = u.rngLists + c.uint(u.offset)
		if c.bad {
			return
		}
	}
	base := u.low
	d.windows(d.rngLists, off, func(c *cursor) bool {
		switch c.u8() {
		case 1: // base_addressx
			base, _ = d.indexed(u, c.uleb())
		case 2: // startx_endx
			low, _ := d.indexed(u, c.uleb())
			high, _ := d.indexed(u, c.uleb())
			add(low, high)
		case 3: // startx_length
			low, _ := d.indexed(u, c.uleb())
			add(low, low+c.uleb())
		case 4: // offset_pair
			low, high := c.uleb(), c.uleb()
			if !c.bad {
				add(base+low, base+high)
			}
		case 5: // base_address
			base = c.uint(u.address)
		case 6: // start_end
			low, high := c.uint(u.address), c.uint(u.address)
			add(low, high)
		case 7: // start_length
			low := c.uint(u.address)
			add(low, low+c.uleb())
		default: // 0 ends the list
			return false
		}
		return !c.bad
	})
}

// windows calls next for each item of a list whose length only its end tells,
// reading ahead by as much as lists are long.
func (d *dwarf) windows(sec data, off uint64, next func(c *cursor) bool) {
	const window, item = 1024, 32
	c := &cursor{order: d.order}
	for range maxRanges {
		if c.left() < item {
			off += uint64(c.pos)
			c.b, c.pos = sec.at(off, window), 0
		}
		if c.left() == 0 || !next(c) {
			return
		}
	}
}
