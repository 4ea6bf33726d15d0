package symbol

import "sockeye/internal/host"

// place is an address of a stack and what was found out about it.
type place struct {
	addr     uint64
	kind     placeKind
	module   string     // path of the mapped file
	program  bool       // the file is the program itself
	runtime  host.Gap   // the file is a virtual machine or an interpreter
	calls    []location // innermost first
	unusable bool       // the file could not be read
}

type placeKind uint8

const (
	placeUnmapped placeKind = iota // no executable memory: the frame pointer led astray
	placeFile
	placeKernel // [vdso]
	placeJIT    // memory without a file, or with one that is no ELF file
)

// assemble makes a stack of places. runtime is set when the program itself is a
// virtual machine or an interpreter: nothing of it is then the user's code,
// however well its functions are named.
func assemble(places []place, runtime host.Gap) *host.Stack {
	s := &host.Stack{}
	behind := runtime // the frames from here on only lead to that
	var seen struct{ unusable, nameless, golang, complete bool }
	named := false
	for i := range places {
		p := &places[i]
		if behind == host.NoGap && !named {
			if behind = p.runtime; p.kind == placeJIT {
				behind = host.GapJIT
			}
		}
		mine := p.kind == placeFile && behind == host.NoGap && (p.program || !systemLibrary(p.module))
		seen.unusable = seen.unusable || p.unusable
		if len(p.calls) == 0 {
			s.Frames = append(s.Frames, host.Frame{Addr: p.addr, Module: p.module, Own: mine})
			seen.nameless = seen.nameless || mine && !p.unusable
			seen.complete = false
		}
		for _, l := range p.calls {
			f := host.Frame{Addr: p.addr, Function: l.function, File: l.file, Line: l.line,
				Module: p.module, Own: mine && !l.library}
			s.Frames = append(s.Frames, f)
			named = named || f.Own && f.Function != ""
			seen.nameless = seen.nameless || f.Own && f.Function == ""
			seen.golang = seen.golang || l.golang
			seen.complete = outermost[f.Function]
		}
	}
	switch {
	case named:
	case behind != host.NoGap:
		s.Gap = behind
	case seen.unusable:
		s.Gap = host.GapUnreadable
	case seen.nameless:
		s.Gap = host.GapNoSymbols
	case seen.golang || seen.complete: // Go always has frame pointers (amd64, arm64)
		s.Gap = host.GapLibrary
	default:
		s.Gap = host.GapNoFrames
	}
	return s
}

// runtimeGap tells what hides the code of a program, or of what calls a
// library: a virtual machine that compiles it at run time, or an interpreter.
func runtimeGap(path string) host.Gap {
	switch host.RuntimeOf("", path, nil, []string{path}) {
	case host.JVM, host.Node, host.DotNet, host.Erlang:
		return host.GapJIT
	case host.Python, host.PHP, host.Ruby, host.Perl:
		return host.GapInterpreter
	}
	base := path[lastSlash(path):]
	if gap, ok := moreRuntimes[base]; ok {
		return gap
	}
	return moreRuntimes[trimVersion(base)]
}

// moreRuntimes are programs that package host gives no advice for, but whose own
// functions are no more the user's code.
var moreRuntimes = map[string]host.Gap{
	"deno": host.GapJIT, "bun": host.GapJIT, "luajit": host.GapJIT, "julia": host.GapJIT,
	"lua": host.GapInterpreter, "tclsh": host.GapInterpreter, "wish": host.GapInterpreter,
	"guile": host.GapInterpreter, "R": host.GapInterpreter, "bash": host.GapInterpreter,
	"zsh": host.GapInterpreter, "gawk": host.GapInterpreter,
}
