package symbol

import (
	"cmp"
	"debug/elf"
	"slices"
	"strings"
)

// maxSymbols bounds a symbol table: 64 MiB are 2.8 million symbols.
const maxSymbols = 64 << 20

// symTable finds the function at an address by an ELF symbol table. The names
// stay in the file.
type symTable struct {
	names   data
	symbols []symbol // by address
}

type symbol struct {
	addr uint64
	size uint32 // 0: hand-written assembly did not say
	name uint32
}

// readSymbols reads .symtab, or what stripping leaves: .dynsym, the functions
// that other files may call.
func readSymbols(im *image) *symTable {
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		for i := range im.sections {
			s := &im.sections[i]
			if s.Type != kind || s.FileSize == 0 || s.FileSize > maxSymbols || int(s.Link) >= len(im.sections) {
				continue
			}
			t := &symTable{names: im.contents(&im.sections[s.Link])}
			t.read(im, im.contents(s), kind == elf.SHT_SYMTAB)
			if len(t.symbols) > 0 {
				return t
			}
		}
	}
	return nil
}

func (t *symTable) read(im *image, table data, unsized bool) {
	entry := elf.Sym64Size
	if im.ptr == 4 {
		entry = elf.Sym32Size
	}
	for at := uint64(0); at < uint64(table.size); at += uint64(entry) * 4096 {
		for b := table.at(at, entry*4096); len(b) >= entry; b = b[entry:] {
			s := symbol{name: im.order.Uint32(b)}
			var info byte
			var shndx uint16
			var size uint64
			if im.ptr == 4 {
				s.addr, size = uint64(im.order.Uint32(b[4:])), uint64(im.order.Uint32(b[8:]))
				info, shndx = b[12], im.order.Uint16(b[14:])
			} else {
				info, shndx = b[4], im.order.Uint16(b[6:])
				s.addr, size = im.order.Uint64(b[8:]), im.order.Uint64(b[16:])
			}
			s.size = uint32(min(size, 1<<32-1))
			kind := elf.ST_TYPE(info)
			if (kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC) || elf.SectionIndex(shndx) == elf.SHN_UNDEF ||
				s.name == 0 || s.addr == 0 || (size == 0 && !unsized) {
				continue
			}
			t.symbols = append(t.symbols, s)
		}
	}
	slices.SortFunc(t.symbols, func(a, b symbol) int {
		return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.size, b.size))
	})
	t.symbols = slices.Clip(t.symbols)
}

// maxUnsized is how far code without a size is believed to reach.
const maxUnsized = 4096

// find returns the name of the function at an address, as the linker knows it;
// "" when it is in none.
func (t *symTable) find(addr uint64) string {
	if t == nil {
		return ""
	}
	next, _ := slices.BinarySearchFunc(t.symbols, addr, func(s symbol, addr uint64) int {
		if s.addr <= addr {
			return -1
		}
		return 1
	})
	// Functions may lie in each other; the nearest beginning decides.
	const around = 16
	best := ""
	for i := next - 1; i >= max(0, next-around); i-- {
		s := t.symbols[i]
		if best != "" && s.addr != t.symbols[i+1].addr {
			break
		}
		reach := uint64(s.size)
		if reach == 0 {
			reach = maxUnsized
		}
		if addr-s.addr < reach {
			if name := t.names.text(uint64(s.name)); better(name, best) {
				best = name
			}
		}
	}
	return best
}

// better chooses between the names of one function: libc's connect is also
// __connect and __libc_connect.
func better(a, b string) bool {
	underscores := func(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
	return a != "" && (b == "" ||
		cmp.Or(cmp.Compare(underscores(a), underscores(b)), cmp.Compare(len(a), len(b)), strings.Compare(a, b)) < 0)
}

func (t *symTable) memory() int {
	if t == nil {
		return 0
	}
	return 16 * cap(t.symbols)
}
