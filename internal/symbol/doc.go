// Package symbol names the code behind the addresses of a running process.
// In: a process id and return addresses, innermost first, as the kernel samples
// them. Out: a host.Stack of functions, files and lines, or the reason why not.
//
// Nothing is guessed. What is read (maps, executables, their tables) belongs to
// other people's processes: every size is bounded, no path of theirs is
// followed, and reads that do not come back are given up.
//
// Go programs are named completely from their pclntab (Go 1.18 and later,
// stripped and position-independent ones too, with inlined calls). C, C++ and
// Rust programs are named from symbol tables and DWARF 2 to 5, in the file
// itself or below /usr/lib/debug/.build-id. Not read: .gnu_debugdata and
// sections compressed with zstd (neither xz nor zstd is in the standard
// library), split DWARF (.dwo) and the strings that dwz shares between files.
package symbol

import "time"

// Options of New; the zero value is good.
type Options struct {
	Root string // of the proc file system, "/proc" when empty

	// Keep is how long a process is remembered after it was last observed or
	// named, each of the programs that it ran by itself, and with it its open executables, which also keep a file system
	// from being unmounted. 0: two minutes, twice the life of a TIME_WAIT.
	Keep time.Duration

	Processes int   // remembered at most; 0: 1024
	Files     int   // open at most; 0: 256
	Tables    int64 // bytes of symbol tables and names at most; 0: 64 MiB
}

func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root = "/proc"
	}
	if o.Keep <= 0 {
		o.Keep = 2 * time.Minute
	}
	if o.Processes <= 0 {
		o.Processes = 1024
	}
	if o.Files <= 0 {
		o.Files = 256
	}
	if o.Tables <= 0 {
		o.Tables = 64 << 20
	}
	return o
}
