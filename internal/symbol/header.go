package symbol

import (
	"debug/elf"
	"encoding/binary"
	"io"
)

// The kernel runs no program with more than 64 KiB of program headers
// (load_elf_phdrs, fs/binfmt_elf.c, v6.18); C++ files have some 10,000 sections.
const (
	maxSegments = 65536 / 56
	maxSections = 65535

	maxSectionName = 32 // a longer one is none that is asked for
)

// openImage reads the headers. A file whose section table is broken or gone
// (sstrip, packers) is read without it. debug/elf would do, but it unpacks a
// compressed table of section names to any size. What is read of the file, now
// and later, is counted in m.
func openImage(r io.ReaderAt, size int64, m *meter) (*image, error) {
	im := &image{file: data{r: metered{r, m}, size: size}, meter: m}
	h := im.file.at(0, 64)
	if len(h) < 64 || string(h[:4]) != elf.ELFMAG {
		return nil, errNotELF
	}
	switch elf.Data(h[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		im.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		im.order = binary.BigEndian
	default:
		return nil, errMalformed
	}
	u16 := func(off int) uint64 { return uint64(im.order.Uint16(h[off:])) }
	// Elf64_Ehdr and Elf32_Ehdr: e_phoff, e_shoff, e_phentsize and what follows it.
	var tables, counts int
	switch elf.Class(h[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		im.ptr, tables, counts = 8, 32, 54
	case elf.ELFCLASS32:
		im.ptr, tables, counts = 4, 28, 42
	default:
		return nil, errMalformed
	}
	im.machine = elf.Machine(u16(18))
	phoff, shoff := im.word(h[tables:]), im.word(h[tables+im.ptr:])
	im.readSegments(phoff, u16(counts), u16(counts+2))
	im.readSections(shoff, u16(counts+4), u16(counts+6), u16(counts+8))
	if len(im.segments) == 0 {
		return nil, errMalformed
	}
	im.static = elf.Type(u16(16)) == elf.ET_EXEC
	if flags, ok := im.dynamic(elf.DT_FLAGS_1); ok && elf.DynFlag1(flags)&elf.DF_1_PIE != 0 {
		im.static = true
	}
	for i := range im.segments {
		if im.segments[i].Type == elf.PT_INTERP {
			im.static = false
		}
	}
	return im, nil
}

// bits chooses by the file's class between the sizes of a structure. A file that
// tells another size is damaged: the kernel does not run it (load_elf_phdrs).
func (im *image) bits(of64, of32 uint64) uint64 {
	if im.ptr == 8 {
		return of64
	}
	return of32
}

func (im *image) readSegments(off, entry, count uint64) {
	if entry != im.bits(56, 32) || count > maxSegments {
		return
	}
	b := im.file.at(off, int(entry*count))
	for ; uint64(len(b)) >= entry; b = b[entry:] {
		p := elf.ProgHeader{Type: elf.ProgType(im.order.Uint32(b))}
		if im.ptr == 8 {
			p.Flags = elf.ProgFlag(im.order.Uint32(b[4:]))
			p.Off, p.Vaddr = im.order.Uint64(b[8:]), im.order.Uint64(b[16:])
			p.Filesz, p.Memsz = im.order.Uint64(b[32:]), im.order.Uint64(b[40:])
		} else {
			u32 := func(off int) uint64 { return uint64(im.order.Uint32(b[off:])) }
			p.Off, p.Vaddr, p.Filesz, p.Memsz = u32(4), u32(8), u32(16), u32(20)
			p.Flags = elf.ProgFlag(u32(24))
		}
		im.segments = append(im.segments, p)
	}
}

func (im *image) readSections(off, entry, count, names uint64) {
	if off == 0 || entry != im.bits(64, 40) {
		return
	}
	if first := im.readSection(im.file.at(off, int(entry))); first != nil {
		// Numbers that do not fit the file's header stand in the first section's.
		if count == 0 {
			count = first.FileSize
		}
		if names == uint64(elf.SHN_XINDEX) {
			names = uint64(first.Link)
		}
	}
	if count > maxSections || names >= count {
		return
	}
	table := im.file.at(off, int(entry*count))
	found := uint64(len(table)) / entry // what was read, whatever is claimed
	im.sections = make([]elf.SectionHeader, 0, found)
	offsets := make([]uint64, 0, found)
	for b := table; uint64(len(b)) >= entry; b = b[entry:] {
		im.sections = append(im.sections, *im.readSection(b))
		offsets = append(offsets, uint64(im.order.Uint32(b)))
	}
	if names >= uint64(len(im.sections)) {
		im.sections = nil
		return
	}
	text := im.contents(&im.sections[names])
	for i := range im.sections {
		im.sections[i].Name = text.short(offsets[i], maxSectionName)
	}
}

// readSection reads an Elf64_Shdr or Elf32_Shdr, without its name.
func (im *image) readSection(b []byte) *elf.SectionHeader {
	if len(b) < 40 || im.ptr == 8 && len(b) < 64 {
		return nil
	}
	s := &elf.SectionHeader{Type: elf.SectionType(im.order.Uint32(b[4:]))}
	w := func(i int) uint64 { return im.word(b[8+i*im.ptr:]) }
	s.Flags, s.Addr, s.Offset, s.FileSize = elf.SectionFlag(w(0)), w(1), w(2), w(3)
	s.Link = im.order.Uint32(b[8+4*im.ptr:])
	return s
}

// dynamic returns the value of an entry of the dynamic section.
func (im *image) dynamic(tag elf.DynTag) (uint64, bool) {
	const most = 16 << 10
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		for b := im.file.part(p.Off, p.Filesz).at(0, most); len(b) >= 2*im.ptr; b = b[2*im.ptr:] {
			if elf.DynTag(im.word(b)) == tag {
				return im.word(b[im.ptr:]), true
			}
		}
	}
	return 0, false
}

// withoutSections hides the section table (e_shoff, e_shnum, e_shstrndx) from
// readers of the standard library: see openImage.
type withoutSections struct{ im *image }

func (w withoutSections) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.im.file.r.ReadAt(p, off)
	hide := [][2]int64{{40, 48}, {60, 64}} // Elf64_Ehdr
	if w.im.ptr == 4 {
		hide = [][2]int64{{32, 36}, {48, 52}}
	}
	for _, h := range hide {
		for at := max(h[0], off); at < min(h[1], off+int64(n)); at++ {
			p[at-off] = 0
		}
	}
	return n, err
}
