package symbol

import "slices"

// locations returns the calls at an address, innermost first, as far as the
// debugging information knows them; of the outermost perhaps only the line.
// Names are the linker's where the compiler recorded them.
func (d *dwarf) locations(addr uint64) []location {
	if d == nil {
		return nil
	}
	u := d.unitOf(addr)
	if u == nil {
		return nil
	}
	var file func(n uint64) string
	var out []location
	var here location
	if t, ok := d.readLines(u); ok {
		file = t.file
		if f, l, ok := t.find(addr, u.address); ok {
			here.file, here.line = t.file(f), clampLine(l)
		}
	} else {
		file = func(uint64) string { return "" }
	}
	calls := d.callsAt(u, addr)
	if len(calls) == 0 {
		if here.file == "" {
			return nil
		}
		return []location{here}
	}
	for _, c := range calls {
		here.function = c.function
		out = append(out, here)
		here.file, here.line = file(c.file), clampLine(c.line)
	}
	return slices.Clip(out)
}

// clampLine keeps a damaged table from showing lines that no file has.
func clampLine(n uint64) int {
	if n > 1<<31-1 {
		return 0
	}
	return int(n)
}
