package symbol

import "slices"

const (
	maxEntries = 4 << 20 // visited in one search; Rust makes units of a million
	maxCalls   = 256     // that lie in each other
	maxNames   = 8       // hops from an inlined call to the function that has the name
)

// call is a function at an address, and where in the next outer one it was
// inlined: the number of a file in the line table, and the line.
type call struct {
	function   string
	file, line uint64
}

// callsAt searches a unit for the function that holds an address and for the
// calls inlined there; innermost first.
func (d *dwarf) callsAt(u *unit, addr uint64) []call {
	calls := d.search(u, addr, false)
	if len(calls) == 0 {
		// A lambda's code may stand below a function that it does not lie in.
		calls = d.search(u, addr, true)
	}
	slices.Reverse(calls)
	return calls
}

// search walks a unit's tree; without deep it passes by what is below functions
// that do not hold the address. The outermost call comes first.
func (d *dwarf) search(u *unit, addr uint64, deep bool) (calls []call) {
	w := &walker{d: d, u: u, shapes: d.unitShapes(u)}
	w.load(u.first, walkWindow)
	depth, matched := 0, -1 // matched: depth of the innermost entry that holds addr
	skip := -1              // depth of an entry whose children do not matter
	for range maxEntries {
		e, ok := w.next()
		if !ok {
			break
		}
		if e.tag == 0 { // ends a list of children
			depth--
			if depth <= skip {
				skip = -1
			}
			if depth <= max(matched, 0) {
				break // all that is inside has been seen
			}
			continue
		}
		if skip < 0 {
			holds, known := d.holds(u, &e, addr)
			switch {
			case holds && (e.tag == tagSubprogram || matched >= 0):
				matched = depth
				if len(calls) == maxCalls {
					return nil
				}
				if !block(e.tag) {
					calls = append(calls, call{d.functionName(u, &e), e.callFile.u, e.callLine.u})
				}
				if !e.children {
					return calls
				}
			case e.children && !deep && (e.tag == tagSubprogram || e.tag == tagInlined || known):
				if w.jump(&e) {
					continue
				}
				skip = depth
			}
		}
		if e.children {
			depth++
		} else if depth == 0 {
			break // the unit has nothing else
		}
	}
	return calls
}

const walkWindow = 64 << 10

// walker reads a unit's entries one after the other, by windows.
type walker struct {
	d      *dwarf
	u      *unit
	shapes map[uint64]*abbrev
	c      cursor
	base   uint64 // in .debug_info, of the window
	buf    []byte
}

// load puts the window at an offset.
func (w *walker) load(off uint64, size int) {
	if size > len(w.buf) {
		w.buf = make([]byte, size)
	}
	part := w.d.info.part(off, min(w.u.end-off, uint64(size)))
	n := 0
	if part.size > 0 {
		n, _ = part.r.ReadAt(w.buf[:part.size], part.base) // what is cut off is missing
	}
	w.c, w.base = cursor{b: w.buf[:max(n, 0)], order: w.d.order}, off
}

// next reads the entry that follows; its tag is 0 at the end of a list.
func (w *walker) next() (e entry, ok bool) {
	at := w.base + uint64(w.c.pos)
	if at >= w.u.end {
		return e, false
	}
	// An entry may be cut by the window; a long one needs a larger window.
	for _, size := range []int{0, walkWindow, 16 * walkWindow} {
		if size > 0 {
			w.load(at, size)
		}
		code := w.c.uleb()
		if code == 0 && !w.c.bad {
			return entry{}, true
		}
		if shape := w.shapes[code]; shape != nil && !w.c.bad {
			if e, ok = w.u.entry(&w.c, shape); ok {
				return e, true
			}
		} else if !w.c.bad {
			return e, false
		}
	}
	return e, false
}

// jump goes to an entry's sibling, where the compiler says where that is.
func (w *walker) jump(e *entry) bool {
	if !e.sibling.set || e.sibling.form == formRefAddr {
		return false
	}
	here, to := w.base+uint64(w.c.pos), w.u.off+e.sibling.u
	if to < here || to >= w.u.end {
		return false
	}
	if skip := to - here; skip < uint64(w.c.left()) {
		w.c.pos += int(skip)
	} else {
		w.load(to, walkWindow)
	}
	return true
}

func block(tag uint16) bool { return tag == tagLexical || tag == tagTry || tag == tagCatch }

// holds reports whether an entry is about an address; known is false when it
// does not say which addresses it is about.
func (d *dwarf) holds(u *unit, e *entry, addr uint64) (holds, known bool) {
	switch e.tag {
	case tagSubprogram, tagInlined, tagLexical, tagTry, tagCatch:
	default:
		return false, false
	}
	if !e.low.set && !e.ranges.set {
		return false, false
	}
	for _, r := range d.spans(u, e) {
		if r[0] <= addr && addr < r[1] {
			return true, true
		}
	}
	return false, true
}

func (d *dwarf) unitShapes(u *unit) map[uint64]*abbrev {
	if t, ok := d.shapes[u.abbrev]; ok {
		return t
	}
	const most = 4 // tables kept
	if len(d.shapes) >= most {
		clear(d.shapes)
		d.shaped = 0
	}
	t, _ := d.readAbbrevs(u.abbrev, 0)
	d.shapes[u.abbrev] = t
	for _, a := range t {
		d.shaped += 96 + 16*cap(a.attrs)
	}
	return t
}

// functionName follows an entry to the declaration that bears the name.
func (d *dwarf) functionName(u *unit, e *entry) string {
	name := ""
	for range maxNames {
		if s := d.text(u, e.linkage); s != "" {
			return s
		}
		if name == "" {
			name = d.text(u, e.name)
		}
		ref := e.origin
		if !ref.set {
			ref = e.spec
		}
		var ok bool
		if u, e, ok = d.follow(u, ref); !ok {
			break
		}
	}
	return name
}

// follow reads the entry that a reference names, perhaps in another unit.
func (d *dwarf) follow(u *unit, ref value) (*unit, *entry, bool) {
	if !ref.set {
		return nil, nil, false
	}
	var off uint64
	switch {
	case ref.form >= formRef1 && ref.form <= formRefUdata:
		off = u.off + ref.u
	case ref.form == formRefAddr:
		off = ref.u
	default:
		return nil, nil, false // in another file
	}
	if off < u.first || off >= u.end {
		i, found := slices.BinarySearchFunc(d.units, off, func(u unit, off uint64) int {
			switch {
			case u.end <= off:
				return -1
			case u.first > off:
				return 1
			}
			return 0
		})
		if !found {
			return nil, nil, false
		}
		u = &d.units[i]
	}
	c := &cursor{b: d.info.at(off, int(min(u.end-off, 2*maxString))), order: d.order}
	shape := d.unitShapes(u)[c.uleb()]
	if shape == nil {
		return nil, nil, false
	}
	e, ok := u.entry(c, shape)
	return u, &e, ok
}
