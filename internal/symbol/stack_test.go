package symbol

import (
	"testing"

	"sockeye/internal/host"
)

func TestAssemble(t *testing.T) {
	libc := place{kind: placeFile, module: "/usr/lib/libc.so.6", calls: []location{{function: "connect"}}}
	nameless := place{kind: placeFile, module: "/usr/lib/libfoo.so"}
	start := place{kind: placeFile, module: "/usr/lib/libc.so.6", calls: []location{{function: "start_thread"}}}
	query := place{kind: placeFile, module: "/opt/shop", program: true, calls: []location{{function: "query"}}}
	stripped := place{kind: placeFile, module: "/opt/shop", program: true}
	unreadable := place{kind: placeFile, module: "/opt/shop", program: true, unusable: true}
	jit := place{kind: placeJIT}
	stray := place{}
	libpython := place{kind: placeFile, module: "/opt/py/libpython3.so", runtime: host.GapInterpreter, calls: []location{{function: "PyEval"}}}
	std := place{kind: placeFile, module: "/opt/shop", program: true, calls: []location{{function: "net.Dial", library: true, golang: true}}}
	inlined := place{kind: placeFile, module: "/opt/shop", program: true, calls: []location{
		{function: "net.Dial", library: true, golang: true}, {function: "main.query", golang: true}}}

	for _, test := range []struct {
		name    string
		runtime host.Gap
		places  []place
		code    string
		gap     host.Gap
	}{
		{"C", "", []place{libc, query}, "query", ""},
		{"no frame pointers", "", []place{libc, stray}, "", host.GapNoFrames},
		{"a library without names", "", []place{libc, nameless}, "", host.GapNoFrames},
		{"a library's thread", "", []place{libc, nameless, start}, "", host.GapLibrary},
		{"stripped", "", []place{libc, stripped}, "", host.GapNoSymbols},
		{"stripped inside, named outside", "", []place{libc, stripped, query}, "query", ""},
		{"unreadable", "", []place{libc, unreadable}, "", host.GapUnreadable},
		{"Go", "", []place{inlined}, "main.query", ""},
		{"Go, a library's goroutine", "", []place{std, std}, "", host.GapLibrary},
		{"Java", host.GapJIT, []place{libc, jit, query}, "", host.GapJIT},
		{"Java, broken off", host.GapJIT, []place{libc}, "", host.GapJIT},
		{"Python, C extension", host.GapInterpreter, []place{libc, query, libpython}, "", host.GapInterpreter},
		{"Python in a C program", "", []place{libc, libpython, query}, "", host.GapInterpreter},
		{"C called by Python in a C program", "", []place{libc, query, libpython, query}, "query", ""},
		{"code made at run time in a C program", "", []place{libc, jit, query}, "", host.GapJIT},
		{"nothing", "", []place{stray}, "", host.GapNoFrames},
	} {
		s := assemble(test.places, test.runtime)
		code, ok := s.Code()
		if code.Function != test.code || ok != (test.code != "") || s.Gap != test.gap {
			t.Errorf("%s: code %q, gap %q; want %q, %q", test.name, code.Function, s.Gap, test.code, test.gap)
		}
	}
}

func TestRuntimeGap(t *testing.T) {
	for path, want := range map[string]host.Gap{
		"/usr/bin/python3.11":             host.GapInterpreter,
		"/usr/lib/libpython3.11.so.1.0":   host.GapInterpreter,
		"/usr/bin/perl":                   host.GapInterpreter,
		"/usr/bin/lua5.4":                 host.GapInterpreter,
		"/usr/lib/jvm/java-17/bin/java":   host.GapJIT,
		"/opt/jdk/lib/server/libjvm.so":   host.GapJIT,
		"/usr/local/bin/node":             host.GapJIT,
		"/usr/share/dotnet/libcoreclr.so": host.GapJIT,
		"/usr/sbin/nginx":                 host.NoGap,
		"/opt/shop/shop":                  host.NoGap,
		"":                                host.NoGap,
	} {
		if got := runtimeGap(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
