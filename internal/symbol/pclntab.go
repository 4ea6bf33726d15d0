package symbol

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"sort"
	"strings"
)

// Magic numbers of the table that Go programs carry to name their own code
// (internal/abi/symtab.go, Go 1.26). Programs of Go 1.17 and older have other
// tables; they are named like C programs, from .symtab and DWARF.
const (
	magicGo118 = 0xfffffff0
	magicGo120 = 0xfffffff1
)

const (
	maxGoFunctions = 4 << 20 // of eight bytes each
	maxInlined     = 64      // calls inlined into each other
	maxPCTable     = 256 << 10
)

// goTable reads a pclntab. Only the table of function entries is in memory, the
// rest is read by windows when it is asked for. debug/gosym would hold it all,
// and knows no inlined calls.
type goTable struct {
	order   binary.ByteOrder
	quantum uint64
	go120   bool

	names, units, files, pcs, funcs data // runtime.funcnametab, cutab, filetab, pctab, pclntab
	inline                          data // go:func.*, which holds the trees of inlined calls; empty: unknown

	entries []byte // runtime.functab: offset of the entry from text, offset in funcs; one more entry ends it
	count   int
	text    uint64 // runtime.text

	tries  int    // places that were looked at for the moduledata
	goroot string // "/usr/local/go"; "" built with -trimpath
	module string // path of the main module; "" unknown
}

var errNoGo = errors.New("no Go table")

// findGoTable looks for the pclntab by its section, else by its magic in the
// read-only segments of what may be a Go program.
func findGoTable(im *image) (*goTable, error) {
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if s := im.section(name); s != nil {
			return newGoTable(im, s.Addr, im.contents(s))
		}
	}
	if len(im.sections) > 0 && im.section(".go.buildinfo") == nil && im.section(".note.go.buildid") == nil {
		return nil, errNoGo
	}
	const most = 256 << 20
	budget := uint64(most)
	for i := range im.segments {
		p := &im.segments[i]
		if p.Type != elf.PT_LOAD {
			continue
		}
		size := min(p.Filesz, budget)
		budget -= size
		if t, err := searchGoTable(im, p.Vaddr, im.file.part(p.Off, size)); err == nil {
			return t, nil
		}
	}
	return nil, errNoGo
}

// searchGoTable tries every place in a segment where the header's first eight
// bytes stand: magic, two zeros, instruction quantum, size of a pointer.
func searchGoTable(im *image, addr uint64, segment data) (*goTable, error) {
	const window, tries = 1 << 20, 16
	tried := 0
	for at := uint64(0); at < uint64(segment.size) && tried < tries; at += window {
		chunk := segment.at(at, window+8)
		for i := 0; i+8 <= len(chunk); {
			hit := bytes.Index(chunk[i:], []byte{0xff, 0xff, 0xff})
			if hit < 0 {
				break
			}
			i += hit
			// Little-endian the varying byte stands before the three, big-endian behind.
			start := i - 1
			if im.order == binary.BigEndian {
				start = i
			}
			i++
			if start < 0 || start%im.ptr != 0 || start+8 > len(chunk) || !goHeader(im, chunk[start:]) {
				continue
			}
			if tried++; tried > tries {
				break
			}
			if t, err := newGoTable(im, addr+at+uint64(start), segment.part(at+uint64(start), uint64(segment.size))); err == nil {
				return t, nil
			}
		}
	}
	return nil, errNoGo
}

func goHeader(im *image, b []byte) bool {
	magic := im.order.Uint32(b)
	return (magic == magicGo118 || magic == magicGo120) && b[4] == 0 && b[5] == 0 &&
		(b[6] == 1 || b[6] == 2 || b[6] == 4) && int(b[7]) == im.ptr
}

// newGoTable reads the table's header (runtime.pcHeader, runtime/symtab.go,
// Go 1.18 to 1.26) and finds out where the code begins that it speaks of.
func newGoTable(im *image, addr uint64, table data) (*goTable, error) {
	header := table.at(0, 8+8*im.ptr)
	if len(header) < 8+8*im.ptr || !goHeader(im, header) {
		return nil, errNoGo
	}
	word := func(i int) uint64 { return im.word(header[8+i*im.ptr:]) }
	part := func(i int) data { return table.part(word(i), uint64(table.size)) }
	t := &goTable{
		order: im.order, quantum: uint64(header[6]), go120: im.order.Uint32(header) == magicGo120,
		names: part(3), units: part(4), files: part(5), pcs: part(6), funcs: part(7),
	}
	if word(0) == 0 || word(0) > maxGoFunctions {
		return nil, errMalformed
	}
	t.count = int(word(0))
	var err error
	if t.entries, err = t.funcs.exactly(0, 8*t.count+4); err != nil {
		return nil, err
	}
	if err := t.locate(im, addr, word(2)); err != nil {
		return nil, err
	}
	t.goroot, t.module = t.findGoroot(), mainModule(im)
	return t, nil
}

func (t *goTable) entry(i int) uint64 { return t.text + uint64(t.order.Uint32(t.entries[8*i:])) }

// goFunc is a runtime._func.
type goFunc struct {
	start, end       uint64
	name             uint32
	file, line, tree uint32 // tables in pcs; 0: none
	unit             uint32 // index in units
	inlined          uint32 // offset in inline
	hasInlined       bool
}

// find returns the function that holds pc.
func (t *goTable) find(pc uint64) (f goFunc, ok bool) {
	i := sort.Search(t.count, func(i int) bool { return t.entry(i) > pc }) - 1
	if i < 0 || pc >= t.entry(i+1) {
		return goFunc{}, false
	}
	f.start, f.end = t.entry(i), t.entry(i+1)

	// The fixed part got a field, startLine, in Go 1.20 (runtime/runtime2.go).
	fixed := uint64(40)
	if t.go120 {
		fixed = 44
	}
	at := uint64(t.order.Uint32(t.entries[8*i+4:]))
	b := t.funcs.at(at, 128)
	if uint64(len(b)) < fixed {
		return goFunc{}, false
	}
	u32 := func(off uint64) uint32 { return t.order.Uint32(b[off:]) }
	f.name, f.file, f.line, f.unit = u32(4), u32(20), u32(24), u32(32)

	// Behind it npcdata offsets into pctab, then nfuncdata offsets into go:func.*.
	const inlTreeIndex, inlTree = 2, 3 // PCDATA_InlTreeIndex, FUNCDATA_InlTree (internal/abi/symtab.go)
	npcdata, nfuncdata := uint64(u32(28)), uint64(b[fixed-1])
	if npcdata > inlTreeIndex && nfuncdata > inlTree && npcdata < 64 {
		tree, err1 := t.funcs.exactly(at+fixed+4*inlTreeIndex, 4)
		off, err2 := t.funcs.exactly(at+fixed+4*(npcdata+inlTree), 4)
		if err1 == nil && err2 == nil && t.order.Uint32(off) != ^uint32(0) && t.inline.size > 0 {
			f.tree, f.inlined, f.hasInlined = t.order.Uint32(tree), t.order.Uint32(off), true
		}
	}
	return f, true
}

// locations returns the calls at pc, innermost first: those that were inlined,
// then the function itself. Wrappers that the compiler made are left out where
// something remains, as runtime.CallersFrames does.
func (t *goTable) locations(pc uint64) []location {
	f, ok := t.find(pc)
	if !ok {
		return nil
	}
	var out, wrappers []location
	add := func(name uint32, at uint64) {
		l := location{function: printedName(t.names.text(uint64(name))), golang: true}
		l.file, l.line = t.position(&f, at)
		l.library = !t.own(l.function, l.file)
		if l.file == autogenerated {
			wrappers = append(wrappers, l)
			return
		}
		out = append(out, l)
	}
	at := pc
	for range maxInlined {
		call, ok := t.inlinedCall(&f, at)
		if !ok {
			break
		}
		add(call.name, at)
		at = f.start + uint64(call.parent)
	}
	add(f.name, at)
	if len(out) == 0 {
		return wrappers[:1]
	}
	return out
}

// goCall is a runtime.inlinedCall.
type goCall struct {
	name   uint32
	parent uint32 // an instruction at the place of the call, from the function's entry
}

func (t *goTable) inlinedCall(f *goFunc, pc uint64) (goCall, bool) {
	if !f.hasInlined {
		return goCall{}, false
	}
	index, ok := t.value(f, f.tree, pc)
	if !ok || index < 0 {
		return goCall{}, false
	}
	// funcID and padding, name, parentPc, startLine; before Go 1.20 parent,
	// funcID, file and line, name, parentPc.
	size, name := uint64(16), 4
	if !t.go120 {
		size, name = 20, 12
	}
	b, err := t.inline.exactly(uint64(f.inlined)+uint64(index)*size, int(size))
	if err != nil {
		return goCall{}, false
	}
	call := goCall{t.order.Uint32(b[name:]), t.order.Uint32(b[name+4:])}
	if uint64(call.parent) >= f.end-f.start || uint64(call.name) >= uint64(t.names.size) {
		return goCall{}, false // not what we take it for: the outer function is still right
	}
	return call, true
}

const autogenerated = "<autogenerated>"

// position returns the file and line of an instruction.
func (t *goTable) position(f *goFunc, pc uint64) (file string, line int) {
	number, ok := t.value(f, f.file, pc)
	if !ok || number < 0 {
		return "", 0
	}
	b, err := t.units.exactly(4*(uint64(f.unit)+uint64(number)), 4)
	if err != nil || t.order.Uint32(b) == ^uint32(0) {
		return "", 0
	}
	if file = t.files.text(uint64(t.order.Uint32(b))); file == "" {
		return "", 0
	}
	if n, ok := t.value(f, f.line, pc); ok && n > 0 {
		line = int(n)
	}
	return file, line
}

// value looks pc up in one of a function's tables of (value, length) deltas
// (runtime.pcvalue).
func (t *goTable) value(f *goFunc, off uint32, pc uint64) (int32, bool) {
	if off == 0 {
		return 0, false
	}
	for size := 256; size <= maxPCTable; size *= 8 {
		b := t.pcs.at(uint64(off), size)
		v, found, ended := scanPCs(b, f.start, pc, t.quantum)
		if found || ended || len(b) < size {
			return v, found
		}
	}
	return 0, false
}

// scanPCs returns the value at pc; ended: the table says no more, however much
// of it is read.
func scanPCs(b []byte, at, pc, quantum uint64) (value int32, found, ended bool) {
	value = -1
	for first := true; ; first = false {
		delta, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false, n < 0
		}
		if delta == 0 && !first {
			return 0, false, true
		}
		b = b[n:]
		value += int32(uint32(delta)>>1) ^ -int32(delta&1)
		length, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false, n < 0
		}
		b = b[n:]
		at += length * quantum
		if pc < at {
			return value, true, true
		}
	}
}

// printedName is how Go shows a name: type arguments as "[...]" (runtime.funcNameForPrint).
func printedName(name string) string {
	open := strings.IndexByte(name, '[')
	last := strings.LastIndexByte(name, ']')
	if open < 0 || last < open {
		return name
	}
	return name[:open] + "[...]" + name[last+1:]
}
