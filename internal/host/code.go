package host

// Frame is one call of a stack, as far as it could be named.
type Frame struct {
	Addr     uint64 // in the process; a return address for every frame but the innermost
	Function string // demangled: "main.query", "shop::Dao::query(int)"; "" unknown
	File     string // as the compiler recorded it; "" unknown
	Line     int    // 0 unknown
	Module   string // path of the mapped file as the process sees it; "" for memory without a file
	Own      bool   // code of the program itself: neither a runtime, nor a standard or C library
}

// Gap says why a stack does not lead to a line of the program's own code. Code
// never guesses: a gap is printed as it is, in brackets ("[jit]").
type Gap string

// Gaps.
const (
	NoGap           Gap = ""
	GapJIT          Gap = "jit"               // code made at run time: Java, Node, .NET, …
	GapInterpreter  Gap = "interpreter"       // the stack is the interpreter's: Python, Ruby, …
	GapNoFrames     Gap = "no frame pointers" // the chain breaks off in a library, or at once
	GapNoSymbols    Gap = "no symbols"        // stripped: addresses only
	GapProcessEnded Gap = "process ended"     // before its mappings could be read
	GapUnreadable   Gap = "unreadable"        // its files or mappings may not be read
	GapLibrary      Gap = "library only"      // complete, but a library's thread or goroutine made the call
)

// Stack is where a socket was opened, or where a call failed: innermost call first.
type Stack struct {
	Frames []Frame
	Gap    Gap
}

// Code returns the innermost frame of the program's own code that has a name;
// ok is false when there is none (then Gap says why).
func (s *Stack) Code() (f Frame, ok bool) {
	if s == nil {
		return Frame{}, false
	}
	for _, f := range s.Frames {
		if f.Own && f.Function != "" {
			return f, true
		}
	}
	return Frame{}, false
}
