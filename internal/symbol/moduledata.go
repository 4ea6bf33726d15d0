package symbol

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"strings"
)

// Words of runtime.moduledata (runtime/symtab.go, Go 1.18 to 1.26).
const (
	mdHeader = 0
	mdNames  = 1  // funcnametab: pointer, length, capacity; five more slices follow
	mdMinPC  = 20 // of the first function
	mdMaxPC  = 21 // after the last
	mdText   = 22
	mdGofunc = 40 // Go 1.18 and 1.19: two less, without covctrs and ecovctrs
	mdWords  = 41
)

const (
	maxModuleSearch = 64 << 20 // bytes of a program's data that are searched
	maxModuleTries  = 64       // places that may be looked at; a real program has one that fits, and a few that look like it
)

// locate finds runtime.text and go:func.*, from the program's moduledata. The
// header had textStart until Go 1.25, but in position-independent files it is
// not relocated; and .text may begin with C code. headerText is the header's
// word, the last resort.
func (t *goTable) locate(im *image, addr, headerText uint64) error {
	if s := im.section(".go.module"); s != nil && t.readModule(im, addr, s.Addr) {
		return t.bounds(im)
	}
	if t.searchModule(im, addr) || t.searchRelocations(im, addr) {
		return t.bounds(im)
	}
	if headerText == 0 {
		return errNoGo
	}
	t.text = headerText
	return t.bounds(im)
}

// bounds checks that the first function lies in code of the file.
func (t *goTable) bounds(im *image) error {
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && t.entry(0) >= p.Vaddr && t.entry(0)-p.Vaddr < p.Filesz {
			return nil
		}
	}
	return errNoGo
}

// searchModule looks through the writable segments for a pointer to the table.
func (t *goTable) searchModule(im *image, addr uint64) bool {
	want := make([]byte, im.ptr)
	if im.ptr == 4 {
		im.order.PutUint32(want, uint32(addr))
	} else {
		im.order.PutUint64(want, addr)
	}
	const window = 1 << 20
	budget := uint64(maxModuleSearch)
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_W == 0 {
			continue
		}
		segment := im.file.part(p.Off, min(p.Filesz, budget))
		budget -= uint64(segment.size)
		for at := uint64(0); at < uint64(segment.size); at += window {
			chunk := segment.at(at, window+im.ptr)
			for i := 0; i < len(chunk) && t.tries <= maxModuleTries; {
				hit := bytes.Index(chunk[i:], want)
				if hit < 0 {
					break
				}
				i += hit
				if i%im.ptr == 0 && t.readModule(im, addr, p.Vaddr+at+uint64(i)) {
					return true
				}
				i++
			}
		}
	}
	return false
}

// searchRelocations looks for the pointer where linkers that write nothing into
// the data put it: into the relocations of a position-independent file.
func (t *goTable) searchRelocations(im *image, addr uint64) bool {
	found := false
	eachRelative(im, func(at, value uint64) bool {
		found = value == addr && t.readModule(im, addr, at)
		return !found && t.tries <= maxModuleTries
	})
	return found
}

// readModule takes what stands at an address for a moduledata, if it is that of
// the table at addr: then its pointers agree with the table.
func (t *goTable) readModule(im *image, addr, at uint64) bool {
	if t.tries++; t.tries > maxModuleTries {
		return false
	}
	b, err := im.loaded(at).exactly(0, mdWords*im.ptr)
	if err != nil {
		return false
	}
	words := make([]uint64, mdWords)
	for i := range words {
		words[i] = im.word(b[i*im.ptr:])
	}
	if words[mdHeader] != addr {
		size := uint64(im.ptr)
		eachRelative(im, func(to, value uint64) bool {
			if to >= at && to-at < mdWords*size && (to-at)%size == 0 {
				words[(to-at)/size] = value
			}
			return true
		})
	}
	first, last := t.offsetOf(0), t.offsetOf(t.count)
	if words[mdHeader] != addr || words[mdNames] <= addr || words[mdText] == 0 ||
		words[mdText]+first != words[mdMinPC] || words[mdText]+last != words[mdMaxPC] {
		return false
	}
	t.text = words[mdText]
	gofunc := mdGofunc
	if !t.go120 {
		gofunc -= 2
	}
	t.inline = im.loaded(words[gofunc])
	return true
}

func (t *goTable) offsetOf(i int) uint64 { return uint64(t.order.Uint32(t.entries[8*i:])) }

// relative is the type of a relocation "load address + addend", per machine.
var relative = map[elf.Machine]uint32{
	elf.EM_X86_64:  uint32(elf.R_X86_64_RELATIVE),
	elf.EM_AARCH64: uint32(elf.R_AARCH64_RELATIVE),
	elf.EM_RISCV:   uint32(elf.R_RISCV_RELATIVE),
	elf.EM_S390:    uint32(elf.R_390_RELATIVE),
	elf.EM_PPC64:   uint32(elf.R_PPC64_RELATIVE),
}

// eachRelative calls f with place and addend of the relative relocations that
// the dynamic section names, until it returns false.
func eachRelative(im *image, f func(at, value uint64) bool) {
	kind, known := relative[im.machine]
	if !known || im.ptr != 8 {
		return // elsewhere the addend stands in the data itself
	}
	table, _ := im.dynamic(elf.DT_RELA) //nolint:misspell // its name
	size, _ := im.dynamic(elf.DT_RELASZ)
	const entry, most = 24, 64 << 20
	all := im.loaded(table).part(0, min(size, most))
	for at := uint64(0); at < uint64(all.size); at += entry * 4096 {
		for b := all.at(at, entry*4096); len(b) >= entry; b = b[entry:] {
			if uint32(im.order.Uint64(b[8:])) == kind && !f(im.order.Uint64(b), im.order.Uint64(b[16:])) {
				return
			}
		}
	}
}

// mainModule reads from the build information which module a program is, ""
// when it was built from single files or tells nothing.
func mainModule(im *image) (path string) {
	_ = guarded(func() error {
		info, err := buildinfo.Read(modest{metered{withoutSections{im}, &meter{left: 16 << 20, until: im.meter.until}}})
		if err == nil && len(info.Main.Path) <= maxString {
			path = strings.Clone(info.Main.Path) // it is a part of all that was read
		}
		return err
	})
	return path
}
