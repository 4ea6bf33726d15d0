package collect

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// programKey says which processes run the same program: those of one file have
// the same code in it, and workers that one parent started from it map the same
// libraries.
type programKey struct {
	major, minor uint32
	inode        uint64
	parent       int32 // 0: whoever started it
}

const (
	maxMaps    = 1 << 20 // bytes of /proc/PID/maps: about 10,000 mappings
	maxELF     = 4 << 20 // bytes of an executable: the tables take some 10 KiB
	maxSymbols = 1 << 20 // bytes of symbol names: bash has 40 KiB
)

// runtime tells what kind of program p is: by the name of its executable, else
// by what its file is made of, else by the libraries it has mapped.
func (ps *describer) runtime(dir processDir, p *host.Process) host.Runtime {
	if rt := host.RuntimeOf(p.Name, p.Exe, p.Cmdline, nil); rt != "" || p.Exe == "" {
		return rt
	}
	var st unix.Statx_t
	if dir.statx("exe", &st) != nil {
		return dir.embedded(p)
	}
	key := programKey{major: st.Dev_major, minor: st.Dev_minor, inode: st.Ino}
	if rt := ps.once(key, func() host.Runtime { return dir.compiled(&st) }); rt != "" {
		return rt
	}
	key.parent = p.PPID
	return ps.once(key, func() host.Runtime { return dir.embedded(p) })
}

// once asks the first time and remembers the answer. Two that ask at the same
// time may both look, and see the same.
func (ps *describer) once(key programKey, look func() host.Runtime) host.Runtime {
	ps.mu.Lock()
	rt, ok := ps.programs[key]
	ps.mu.Unlock()
	if ok {
		return rt
	}
	rt = look()
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.programs[key] = rt
	return rt
}

// embedded looks at the libraries that the process has mapped.
func (d processDir) embedded(p *host.Process) host.Runtime {
	data, err := readAt(d.fd, "maps", maxMaps)
	if err != nil && len(data) == 0 {
		return ""
	}
	return host.RuntimeOf(p.Name, p.Exe, p.Cmdline, mappedLibraries(data))
}

// compiled looks into the file that is running, unless that lies on a network
// file system, whose server may be what is gone.
func (d processDir) compiled(st *unix.Statx_t) host.Runtime {
	if st.Dev_major == 0 { // no block device
		mounts, err := readAt(d.fd, "mountinfo", 4<<20)
		if err != nil || onNetwork(fsTypeOf(mounts, fmt.Sprintf("0:%d", st.Dev_minor))) {
			return ""
		}
	}
	fd, err := openRetry(d.fd, "exe", unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return ""
	}
	file := os.NewFile(uintptr(fd), "exe")
	defer func() { _ = file.Close() }()
	return elfRuntime(&boundedReader{r: file, left: maxELF})
}

// elfRuntime recognises what compilers leave in an executable: the Go linker
// its ".go.buildinfo" (debug/buildinfo), .NET's native AOT its section of managed
// code and the host of its single files the exported symbol DotNetRuntimeInfo
// (docs/design/features/single-file, dotnet/runtime), rustc its name in ".comment".
func elfRuntime(r *boundedReader) host.Runtime {
	f, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	for _, s := range f.Sections {
		switch s.Name {
		case ".go.buildinfo":
			return host.Go
		case "__managedcode", ".managed":
			return host.DotNet
		}
	}
	if bytes.Contains(head(f.Section(".comment"), 4<<10), []byte("rustc version")) {
		return host.Rust
	}
	if bytes.Contains(head(f.Section(".dynstr"), maxSymbols), []byte("\x00DotNetRuntimeInfo\x00")) {
		return host.DotNet
	}
	return ""
}

// head reads the beginning of a section that may be absent.
func head(s *elf.Section, limit uint64) []byte {
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil
	}
	data := make([]byte, min(s.FileSize, limit))
	n, _ := s.ReadAt(data, 0) // a section that is cut off has what it has
	return data[:n]
}

// fsTypeOf finds the type of the file system with a device number in
// /proc/PID/mountinfo, "" when it is not mounted there.
func fsTypeOf(mountinfo []byte, dev string) string {
	for line := range strings.Lines(string(mountinfo)) {
		front, back, ok := strings.Cut(line, " - ")
		fields := strings.Fields(front)
		if !ok || len(fields) < 3 || fields[2] != dev {
			continue
		}
		fsType, _, _ := strings.Cut(back, " ")
		return fsType
	}
	return ""
}
