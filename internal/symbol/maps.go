package symbol

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/host"
)

// Bounds of /proc/PID/maps. vm.max_map_count allows 65,530 mappings by default;
// a path has at most 4096 bytes, each escaped to four.
const (
	maxMapsBytes = 32 << 20
	maxMapsLine  = 4*4096 + 128
	maxMappings  = 16384   // executable ones; neighbours without a file are joined
	maxMapsPaths = 1 << 20 // bytes of their paths that differ from the one before
)

// mapping is a range of executable memory.
type mapping struct {
	start, end uint64
	offset     uint64 // in the file, of start
	major      uint32
	minor      uint32
	inode      uint64 // 0: no file
	path       string // as the kernel prints it: "\n" escaped, " (deleted)" cut off; "" or "[vdso]" without a file

	object  *object  // nil: no file, or one that may not be read
	runtime host.Gap // the file is a virtual machine or an interpreter
	device  bool     // no regular file: /dev/zero gives memory, too
}

// anonymous reports whether it is memory that no file is behind: code made at
// run time. The kernel's own pages ([vdso], [vsyscall], [uprobes]) are not.
func (m *mapping) anonymous() bool {
	return (m.inode == 0 || m.device) && !m.kernel()
}

func (m *mapping) kernel() bool {
	return m.path == "[vdso]" || m.path == "[vsyscall]" || m.path == "[uprobes]"
}

var errTooLong = errors.New("longer than any real one")

// parseMaps reads the executable mappings of /proc/PID/maps, by address
// (fs/proc/task_mmu.c, show_map_vma, v6.18).
func parseMaps(r io.Reader) ([]mapping, error) {
	var out []mapping
	paths := 0
	in := bufio.NewReaderSize(io.LimitReader(r, maxMapsBytes), maxMapsLine)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, errTooLong
		}
		if m, ok := parseMapping(line); ok {
			last := len(out) - 1
			switch {
			case last >= 0 && m.anonymous() && out[last].anonymous() && out[last].end == m.start:
				out[last].end = m.end
			case last >= 0 && m.path == out[last].path:
				m.path = out[last].path
				out = append(out, m)
			default:
				paths += len(m.path)
				out = append(out, m)
			}
			if len(out) > maxMappings || paths > maxMapsPaths {
				return nil, errTooLong
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	// The kernel walks by address; a table that is not in order cannot be searched.
	slices.SortFunc(out, func(a, b mapping) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return out, nil
}

// sizeOf returns how many bytes mappings take.
func sizeOf(maps []mapping) (n int) {
	for i := range maps {
		n += 112
		if i == 0 || maps[i].path != maps[i-1].path {
			n += len(maps[i].path)
		}
	}
	return n
}

// parseMapping reads "7f1c0-7f1d0 r-xp 00026000 fd:00 1321  /usr/lib/libc.so.6";
// ok is false for what is not executable or not a mapping.
func parseMapping(line []byte) (m mapping, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	var field [5]string
	for i := range field {
		line = bytes.TrimLeft(line, " ")
		end := bytes.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		if end == 0 || end > 40 {
			return mapping{}, false
		}
		field[i], line = string(line[:end]), line[end:]
		if i == 1 && (len(field[1]) != 4 || field[1][2] != 'x') {
			return mapping{}, false // not executable: most lines end here
		}
	}
	from, to, ok1 := strings.Cut(field[0], "-")
	major, minor, ok2 := strings.Cut(field[3], ":")
	if !ok1 || !ok2 {
		return mapping{}, false
	}
	var bad bool
	number := func(s string, base, bits int) uint64 {
		n, err := strconv.ParseUint(s, base, bits)
		bad = bad || err != nil
		return n
	}
	m = mapping{
		start: number(from, 16, 64), end: number(to, 16, 64), offset: number(field[2], 16, 64),
		major: uint32(number(major, 16, 32)), minor: uint32(number(minor, 16, 32)),
		inode: number(field[4], 10, 64),
	}
	if bad || m.end <= m.start {
		return mapping{}, false
	}
	// A file may be called "x (deleted)": only the shown path is the poorer for it.
	m.path = strings.TrimSuffix(string(bytes.TrimLeft(line, " ")), " (deleted)")
	return m, true
}

// findMapping returns the mapping that holds addr, nil when there is none.
func findMapping(maps []mapping, addr uint64) *mapping {
	i, found := slices.BinarySearchFunc(maps, addr, func(m mapping, addr uint64) int {
		switch {
		case m.end <= addr:
			return -1
		case m.start > addr:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &maps[i]
}
