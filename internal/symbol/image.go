package symbol

import (
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
)

// errNotELF is returned for a file that is no ELF file at all.
var errNotELF = errors.New("no ELF file")

// image is an ELF file: where its code lies and where its tables are.
type image struct {
	file     data // all of it
	meter    *meter
	order    binary.ByteOrder
	ptr      int // bytes of an address: 4 or 8
	machine  elf.Machine
	static   bool // a program without a dynamic loader: libc, if any, is inside
	segments []elf.ProgHeader
	sections []elf.SectionHeader // Size is not set: FileSize is
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
	packed := im.contents(s)
	if s == nil || s.Flags&elf.SHF_COMPRESSED == 0 {
		return packed, 0
	}
	// Elf64_Chdr: type, reserved, size, alignment; Elf32_Chdr without reserved.
	header := packed.at(0, 24)
	if len(header) < 24 || elf.CompressionType(im.order.Uint32(header)) != elf.COMPRESS_ZLIB {
		return data{}, 0
	}
	skip, size := uint64(24), im.order.Uint64(header[8:])
	if im.ptr == 4 {
		skip, size = 12, uint64(im.order.Uint32(header[4:]))
	}
	if size > uint64(max(limit, 0)) {
		return data{}, 0
	}
	body := packed.part(skip, uint64(packed.size))
	// Deflate makes at most 1032 bytes of one: the size is a claim of the file.
	if im.meter.affords(int64(size)) != nil || size > 1032*uint64(body.size) {
		return data{}, 0
	}
	im.meter.left -= int64(size)
	r, err := zlib.NewReader(io.NewSectionReader(body.r, body.base, body.size))
	if err != nil {
		return data{}, 0
	}
	plain := make([]byte, size)
	if _, err := io.ReadFull(r, plain); err != nil {
		return data{}, 0
	}
	all := memory(plain)
	all.r = metered{all.r, im.meter}
	return all, len(plain)
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
