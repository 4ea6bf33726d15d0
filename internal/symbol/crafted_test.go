package symbol

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"runtime"
	"testing"
	"time"
)

// crafted is an executable that somebody made up: what is written nowhere reads
// as zeros, up to any size.
type crafted struct {
	parts []craftedPart
	size  int64
}

type craftedPart struct {
	at int64
	b  []byte
}

func (c *crafted) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.size-off)]
	clear(p)
	for _, part := range c.parts {
		switch {
		case off < part.at+int64(len(part.b)) && off+int64(len(p)) > part.at:
			copy(p[max(part.at-off, 0):], part.b[max(off-part.at, 0):])
		}
	}
	return len(p), nil
}

func (*crafted) Close() error { return nil }

func (c *crafted) put(at int64, b []byte) { c.parts = append(c.parts, craftedPart{at: at, b: b}) }

// craftedSection is a section of a crafted file; size 0 means that of b.
type craftedSection struct {
	name  string
	kind  elf.SectionType
	flags elf.SectionFlag
	size  uint64
	b     []byte
}

const craftedRoom = 1 << 30 // between one section and the next

// craft makes a 64-bit executable of which all is mapped at address 0.
func craft(sections ...craftedSection) *crafted {
	c := &crafted{size: int64(len(sections)+3) * craftedRoom}
	le := binary.LittleEndian
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	le.PutUint16(header[16:], uint16(elf.ET_DYN))
	le.PutUint16(header[18:], uint16(elf.EM_X86_64))
	le.PutUint64(header[32:], 64)
	le.PutUint64(header[40:], 4096)
	le.PutUint16(header[54:], 56)
	le.PutUint16(header[56:], 1)
	le.PutUint16(header[58:], 64)
	le.PutUint16(header[60:], uint16(len(sections)+2))
	le.PutUint16(header[62:], 1)
	c.put(0, header)
	load := make([]byte, 56)
	le.PutUint32(load, uint32(elf.PT_LOAD))
	le.PutUint32(load[4:], uint32(elf.PF_X|elf.PF_R))
	le.PutUint64(load[32:], uint64(c.size))
	le.PutUint64(load[40:], uint64(c.size))
	c.put(64, load)
	names, table := []byte{0}, make([]byte, 64)
	add := func(s craftedSection) {
		h := make([]byte, 64)
		le.PutUint32(h, uint32(len(names)))
		le.PutUint32(h[4:], uint32(s.kind))
		le.PutUint64(h[8:], uint64(s.flags))
		at := int64(len(table)/64) * craftedRoom
		le.PutUint64(h[24:], uint64(at))
		le.PutUint64(h[32:], max(s.size, uint64(len(s.b))))
		le.PutUint32(h[40:], 1)
		c.put(at, s.b)
		names = append(append(names, s.name...), 0)
		table = append(table, h...)
	}
	all := []byte{0}
	for _, s := range append([]craftedSection{{name: ".shstrtab"}}, sections...) {
		all = append(append(all, s.name...), 0)
	}
	add(craftedSection{name: ".shstrtab", kind: elf.SHT_STRTAB, b: all})
	for _, s := range sections {
		add(s)
	}
	c.put(4096, table)
	return c
}

// dwarfUnit makes a unit of version 5 with low address 0x1000 and length
// 0x100000; children are the entries below the first.
func dwarfUnit(attrs, children []byte) []byte {
	b := []byte{5, 0, 1, 8, 0, 0, 0, 0} // version, compile unit, address size, abbreviations at 0
	b = append(b, 1)
	b = binary.LittleEndian.AppendUint64(b, 0x1000)
	b = binary.LittleEndian.AppendUint64(b, 0x100000)
	b = append(b, attrs...)
	b = append(b, children...)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// shape is an abbreviation: code, tag, whether it has children, attributes and
// their forms.
func shape(code, tag, children byte, attrs ...byte) []byte {
	return append(append([]byte{code, tag, children}, attrs...), 0, 0)
}

var rangesOfUnit = []byte{attrLow, formAddr, attrHigh, 0x07}

// slowLookup is a file with functions whose ranges take a second to look through.
func slowLookup() *crafted {
	list := bytes.Repeat([]byte{4, 1, 0}, maxRanges) // from base+1 to base+0: empty
	function := append([]byte{2}, 0, 0, 0, 0)
	return craft(
		craftedSection{name: ".debug_abbrev", kind: elf.SHT_PROGBITS, b: append(append(
			shape(1, 0x11, 1, rangesOfUnit...), shape(2, tagSubprogram, 0, attrRanges, formSecOffset)...), 0)},
		craftedSection{name: ".debug_info", kind: elf.SHT_PROGBITS, b: dwarfUnit(nil, bytes.Repeat(function, 30000))},
		craftedSection{name: ".debug_rnglists", kind: elf.SHT_PROGBITS, b: list},
	)
}

// oversized are files that claim more than there is, each with the memory that
// reading it and naming a few addresses may reserve altogether, in MiB.
func oversized() map[string]struct {
	file *crafted
	most uint64
} {
	type result = struct {
		file *crafted
		most uint64
	}
	header := func(change func(h []byte)) *crafted {
		c := craft()
		change(c.parts[0].b)
		c.size = 1 << 40
		// Little is mapped: without sections all of that is searched for Go's table.
		binary.LittleEndian.PutUint64(c.parts[1].b[32:], 1<<20)
		return c
	}
	u16 := binary.LittleEndian.PutUint16
	section := func(name string, kind elf.SectionType, size uint64, b []byte) craftedSection {
		return craftedSection{name: name, kind: kind, size: size, b: b}
	}
	progbits := func(name string, b []byte) craftedSection { return section(name, elf.SHT_PROGBITS, 0, b) }

	goHeader := func(count uint64) []byte {
		b := binary.LittleEndian.AppendUint32(nil, magicGo120)
		b = append(b, 0, 0, 1, 8)
		for _, w := range []uint64{count, 1, 0x1000, 64, 64, 64, 64, 64} {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	packed := make([]byte, 60)
	packed[0] = byte(elf.COMPRESS_ZLIB)
	binary.LittleEndian.PutUint64(packed[8:], maxUnpacked)
	packed[24], packed[25] = 0x78, 0x9c // zlib's header

	long := append(bytes.Repeat([]byte{'a'}, 4000), 0)
	longNames := craft()
	u16(longNames.parts[0].b[60:], 0xffff)
	longNames.put(craftedRoom, long) // .shstrtab, which every other section's name begins
	binary.LittleEndian.PutUint64(longNames.parts[3].b[64+32:], uint64(len(long)))

	lineHeader := func(files []byte) []byte {
		b := []byte{5, 0, 8, 0, 0, 0, 0, 0, 1, 1, 1, 0xfb, 14, 1}
		binary.LittleEndian.PutUint32(b[4:], uint32(6+len(files)))
		b = append(b, files...)
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	many := binary.AppendUvarint([]byte{1, 1, formLineStrp}, maxFiles) // one column: path
	many = append(many, make([]byte, 4*maxFiles)...)
	withLines := append(shape(1, 0x11, 0, append(rangesOfUnit, attrStmtList, formSecOffset)...), 0)

	unitsWithDirs := bytes.Repeat(dwarfUnit(append(bytes.Repeat([]byte{'d'}, 4000), 0), nil), 20000)
	return map[string]result{
		"e_phentsize":                   {header(func(h []byte) { u16(h[54:], 0xffff); u16(h[56:], maxSegments) }), 1},
		"e_phentsize, not too much":     {header(func(h []byte) { u16(h[54:], 0x8000); u16(h[56:], 1000) }), 2},
		"e_shentsize, not too much":     {header(func(h []byte) { u16(h[58:], 0xffff); u16(h[60:], 1000); u16(h[62:], 0) }), 2},
		"e_shentsize":                   {header(func(h []byte) { u16(h[58:], 0xffff); u16(h[60:], 0xffff); u16(h[62:], 0) }), 2},
		"e_shentsize, no e_shnum":       {header(func(h []byte) { u16(h[58:], 0xffff); u16(h[60:], 0) }), 2},
		"65535 sections of long names":  {longNames, 20},
		"symbols without end":           {craft(section(".symtab", elf.SHT_SYMTAB, 1<<40, nil)), 1},
		"symbols at most":               {craft(section(".symtab", elf.SHT_SYMTAB, maxSymbols, nil)), 80},
		"Go functions without end":      {craft(section(".gopclntab", elf.SHT_PROGBITS, 1<<29, goHeader(1<<60))), 1},
		"Go functions at most":          {craft(section(".gopclntab", elf.SHT_PROGBITS, 1<<29, goHeader(maxGoFunctions))), 90},
		"Go functions that are not":     {craft(progbits(".gopclntab", goHeader(maxGoFunctions))), 1},
		"compressed, a lie":             {craft(progbits(".debug_abbrev", []byte{0}), craftedSection{name: ".debug_info", kind: elf.SHT_PROGBITS, flags: elf.SHF_COMPRESSED, b: packed}), 1},
		"line table of 4 GB":            {craft(progbits(".debug_abbrev", withLines), progbits(".debug_info", dwarfUnit(make([]byte, 4), nil)), section(".debug_line", elf.SHT_PROGBITS, 1<<29, []byte{0xef, 0xff, 0xff, 0xff})), 1},
		"line table at most":            {craft(progbits(".debug_abbrev", withLines), progbits(".debug_info", dwarfUnit(make([]byte, 4), nil)), section(".debug_line", elf.SHT_PROGBITS, 1<<29, []byte{0, 0, 0, 2, 5, 0, 8, 0})), 100},
		"65536 files with long names":   {craft(progbits(".debug_abbrev", withLines), progbits(".debug_info", dwarfUnit(make([]byte, 4), nil)), progbits(".debug_line", lineHeader(append(append([]byte{}, many...), many...))), progbits(".debug_line_str", long)), 120},
		"units in long directories":     {craft(progbits(".debug_abbrev", append(shape(1, 0x11, 0, append(rangesOfUnit, attrDir, formString)...), 0)), progbits(".debug_info", unitsWithDirs)), 320},
		"a shape with 500,000 elements": {craft(progbits(".debug_abbrev", shape(1, 0x11, 0, bytes.Repeat([]byte{attrName, formFlagPresent}, 500_000)...)), progbits(".debug_info", dwarfUnit(nil, nil))), 4},
	}
}

// allocated returns how many bytes f reserves, whether or not they are given back.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestOversized bounds what a file's claims cost in memory. It does not run
// beside other tests: their memory would be counted.
func TestOversized(t *testing.T) {
	for name, test := range oversized() {
		var held int
		got := allocated(func() {
			tables, err := readTables(test.file, test.file.size, true, time.Time{})
			if err != nil {
				return
			}
			for addr := uint64(0x1000); addr < 0x1003; addr++ {
				if _, err := tables.locate(addr, time.Time{}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			held = tables.memory()
		})
		t.Logf("%s: %d KiB, %d KiB held", name, got>>10, held>>10)
		if got > test.most<<20 {
			t.Errorf("%s: %d MiB reserved, want at most %d", name, got>>20, test.most)
		}
	}
}

func TestAtReservesNothingInVain(t *testing.T) {
	d := data{r: metered{&crafted{size: 1 << 40}, &meter{left: 10 << 20}}, size: 1 << 40}
	rich := data{r: metered{&crafted{size: 1 << 40}, &meter{left: 1 << 41}}, size: 1 << 40}
	for _, test := range []struct {
		d data
		n int
	}{{d, 10 << 20}, {d, maxAtOnce}, {d, 1 << 39}, {rich, maxAtOnce + 1}} {
		if got := allocated(func() {
			if b := test.d.at(0, test.n); b != nil {
				t.Errorf("%d bytes read", len(b))
			}
		}); got > 1<<20 {
			t.Errorf("%d bytes reserved for %d that may not be read", got, test.n)
		}
	}
	if b := d.at(0, 1<<20); len(b) != 1<<20 {
		t.Errorf("%d bytes read", len(b))
	}
}
