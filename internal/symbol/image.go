package symbol

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
)

// maxHeaders bounds what is read for an executable's headers: 65,535 sections
// of 64 bytes and their names.
const maxHeaders = 6 << 20

// errNotELF is returned for a file that is no ELF file at all.
var errNotELF = errors.New("no ELF file")

// image is an ELF file: where its code lies and where its tables are.
type image struct {
	file     data // all of it
	order    binary.ByteOrder
	ptr      int // bytes of an address: 4 or 8
	machine  elf.Machine
	static   bool // a program without a dynamic loader: libc, if any, is inside
	segments []elf.ProgHeader
	sections []elf.SectionHeader
}

// openImage reads the headers. A file whose section table is broken or gone
// (sstrip, packers) is read without it.
func openImage(r io.ReaderAt, size int64) (*image, error) {
	im := &image{file: data{r: r, size: size}}
	if string(im.file.at(0, 4)) != elf.ELFMAG {
		return nil, errNotELF
	}
	err := guarded(func() error { return im.headers(r) })
	if err != nil {
		err = guarded(func() error { return im.headers(withoutSections{r}) })
	}
	if err != nil {
		return nil, err
	}
	return im, nil
}

func (im *image) headers(r io.ReaderAt) error {
	f, err := elf.NewFile(&boundedReader{r: r, left: maxHeaders})
	if err != nil {
		return err
	}
	im.order, im.machine, im.ptr = f.ByteOrder, f.Machine, 8
	im.static = f.Type == elf.ET_EXEC
	if flags, err := f.DynValue(elf.DT_FLAGS_1); err == nil && len(flags) > 0 {
		im.static = im.static || elf.DynFlag1(flags[0])&elf.DF_1_PIE != 0
	}
	if f.Class == elf.ELFCLASS32 {
		im.ptr = 4
	}
	for _, p := range f.Progs {
		im.segments = append(im.segments, p.ProgHeader)
		if p.Type == elf.PT_INTERP {
			im.static = false
		}
	}
	for _, s := range f.Sections {
		im.sections = append(im.sections, s.SectionHeader)
	}
	return nil
}

// withoutSections hides the section table (e_shoff, e_shnum, e_shstrndx).
type withoutSections struct{ r io.ReaderAt }

func (w withoutSections) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	class := make([]byte, 5)
	if _, cerr := w.r.ReadAt(class, 0); cerr != nil {
		return n, err
	}
	hide := [][2]int64{{40, 48}, {60, 64}} // Elf64_Ehdr
	if class[elf.EI_CLASS] == byte(elf.ELFCLASS32) {
		hide = [][2]int64{{32, 36}, {48, 52}}
	}
	for _, h := range hide {
		for at := max(h[0], off); at < min(h[1], off+int64(n)); at++ {
			p[at-off] = 0
		}
	}
	return n, err
}

// section returns the header of the first section with that name, nil without one.
func (im *image) section(name string) *elf.SectionHeader {
	for i := range im.sections {
		if s := &im.sections[i]; s.Name == name && s.Type != elf.SHT_NOBITS {
			return s
		}
	}
	return nil
}

// contents returns what is in a section as it lies in the file.
func (im *image) contents(s *elf.SectionHeader) data {
	if s == nil || s.Type == elf.SHT_NOBITS {
		return data{}
	}
	return im.file.part(s.Offset, s.FileSize)
}

// maxUnpacked bounds all compressed sections of one file together.
const maxUnpacked = 64 << 20

// unpacked returns a section's contents and, when it is compressed, how much
// memory that takes; of compressed ones at most limit bytes are unpacked.
func (im *image) unpacked(name string, limit int) (data, int) {
	s := im.section(name)
	if s == nil {
		return data{}, 0
	}
	if s.Flags&elf.SHF_COMPRESSED == 0 {
		return im.contents(s), 0
	}
	var plain []byte
	err := guarded(func() error {
		f, err := elf.NewFile(&boundedReader{r: im.file.r, left: maxHeaders + maxUnpacked})
		if err != nil {
			return err
		}
		packed := f.Section(name)
		if packed == nil || packed.Size > uint64(limit) {
			return errTooLong
		}
		plain, err = io.ReadAll(io.LimitReader(packed.Open(), int64(limit)))
		return err
	})
	if err != nil {
		return data{}, 0
	}
	return memory(plain), cap(plain)
}

// address turns an offset in the file into the address that the file's tables use.
func (im *image) address(off uint64) (uint64, bool) {
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && off >= p.Off && off-p.Off < p.Filesz {
			return off - p.Off + p.Vaddr, true
		}
	}
	return 0, false
}

// loaded returns the file's contents from an address on, as far as its segment goes.
func (im *image) loaded(addr uint64) data {
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			skip := addr - p.Vaddr
			if p.Off+skip < p.Off {
				return data{}
			}
			return im.file.part(p.Off+skip, p.Filesz-skip)
		}
	}
	return data{}
}

func (im *image) word(b []byte) uint64 {
	if im.ptr == 4 {
		return uint64(im.order.Uint32(b))
	}
	return im.order.Uint64(b)
}

// buildID returns the identity that the linker gave the file, in hexadecimal
// digits; "" without one.
func (im *image) buildID() string {
	const ntGNUBuildID = 3
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type != elf.PT_NOTE {
			continue
		}
		notes := im.file.part(p.Off, p.Filesz).at(0, 4096)
		for len(notes) >= 12 {
			name, desc, kind := im.order.Uint32(notes), im.order.Uint32(notes[4:]), im.order.Uint32(notes[8:])
			notes = notes[12:]
			padName, padDesc := (uint64(name)+3)&^3, (uint64(desc)+3)&^3
			if padName+uint64(desc) > uint64(len(notes)) {
				break
			}
			if kind == ntGNUBuildID && string(notes[:name]) == "GNU\x00" && desc >= 8 && desc <= 64 {
				return hex.EncodeToString(notes[padName : padName+uint64(desc)])
			}
			notes = notes[min(padName+padDesc, uint64(len(notes))):]
		}
	}
	return ""
}
