package symbol

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sockeye/internal/host"
)

// shellThen starts a shell that waits with its own code mapped, then becomes
// another program.
func shellThen(t *testing.T, other string) *target {
	t.Helper()
	return start(t, exec.Command("/bin/sh", "-c", `echo READY; read x; exec "$0"`, other))
}

// TestExec lets one process run two programs: the names are those of the last
// one observed.
func TestExec(t *testing.T) {
	needRoot(t)
	t.Parallel()
	other := buildC(t, false, "-g")
	p := shellThen(t, other)
	n := newNamer(t)
	n.Observe(p.pid)
	before := n.known(p.pid).present()
	if before == nil || before.exe == other {
		t.Fatalf("observed %+v", before)
	}
	p.proceed(t)
	n.Observe(p.pid)
	after := n.known(p.pid).present()
	if after == before || after.exe != other || after.generation.start != before.generation.start {
		t.Errorf("after exec: %+v, before %+v", after, before)
	}
}

// nameless checks that nothing at all was said of a stack but that its process
// has ended.
func nameless(t *testing.T, what string, s *host.Stack, addrs []uint64) {
	t.Helper()
	if s.Gap != host.GapProcessEnded || len(s.Frames) != len(addrs) {
		t.Errorf("%s: gap %q, %d frames of %d", what, s.Gap, len(s.Frames), len(addrs))
	}
	for i, f := range s.Frames {
		if f != (host.Frame{Addr: addrs[i]}) {
			t.Errorf("%s: %+v", what, f)
		}
	}
}

func namedTiny(t *testing.T, what string, s *host.Stack) {
	t.Helper()
	if code, ok := s.Code(); !ok || code.Function != "tiny" || filepath.Base(code.File) != "prog.c" {
		t.Errorf("%s: Code() = %+v, gap %q; want tiny in prog.c", what, code, s.Gap)
	}
}

// TestNamedAfterExec names a stack late that a shell's process took before it
// became another program, which nobody had observed.
func TestNamedAfterExec(t *testing.T) {
	needRoot(t)
	t.Parallel()
	p := shellThen(t, buildC(t, false, "-g"))
	taken := time.Now()
	p.proceed(t)
	pcs := p.pcs(t)
	n := newNamer(t)
	nameless(t, "taken of the shell", n.StackAt(p.pid, "sh", taken, pcs), pcs)
	nameless(t, "the same, time unknown", n.StackAt(p.pid, "sh", time.Time{}, pcs), pcs)
	namedTiny(t, "taken now", n.StackAt(p.pid, "prog", time.Now(), pcs))
	namedTiny(t, "no more known", n.StackAt(p.pid, "", time.Time{}, pcs))
	namedTiny(t, "simple form", n.Stack(p.pid, pcs))
	nameless(t, "a name that it never had", n.StackAt(p.pid, "java", time.Now(), pcs), pcs)
}

// TestStartedAfter gives a stack to a number that belongs to a younger process.
func TestStartedAfter(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Second)
	p := start(t, exec.Command(buildC(t, false, "-g")))
	pcs := p.pcs(t)
	for _, comm := range []string{"", "prog"} {
		n := newNamer(t)
		nameless(t, "not observed", n.StackAt(p.pid, comm, before, pcs), pcs)
		nameless(t, "observed", n.StackAt(p.pid, comm, before, pcs), pcs)
		namedTiny(t, "taken now", n.StackAt(p.pid, comm, time.Now(), pcs))
		namedTiny(t, "taken at its start", n.StackAt(p.pid, comm, n.known(p.pid).present().life.after, pcs))
	}
}

// TestObservedBeforeExec names stacks of both programs of one process, late, by
// what was observed of each.
func TestObservedBeforeExec(t *testing.T) {
	needRoot(t)
	t.Parallel()
	other := buildC(t, false, "-g")
	p := shellThen(t, other)
	n := newNamer(t)
	n.Observe(p.pid)
	shell := n.known(p.pid).present()
	var code []uint64
	for i := range shell.maps {
		if m := &shell.maps[i]; m.path == shell.exe {
			code = []uint64{m.start + 64, m.start + 128}
		}
	}
	taken := time.Now()
	n.Observe(p.pid) // it is still the shell
	unsure := time.Now()
	p.proceed(t)
	pcs := p.pcs(t)
	check := func(when string) {
		t.Helper()
		for _, comm := range []string{"sh", ""} {
			if s := n.StackAt(p.pid, comm, taken, code); s.Frames[0].Module != shell.exe || s.Gap == host.GapProcessEnded {
				t.Errorf("%s, name %q: gap %q, %+v; want a frame in %s", when, comm, s.Gap, s.Frames[0], shell.exe)
			}
		}
		if s := n.StackAt(p.pid, "sh", unsure, code); s.Frames[0].Module != shell.exe {
			t.Errorf("%s: its name does not tell which one it was: %+v", when, s)
		}
		// The shell's addresses are never looked up in the other program.
		nameless(t, when+": one or the other", n.StackAt(p.pid, "", unsure, code), code)
		nameless(t, when+": the other's name", n.StackAt(p.pid, "prog", taken, code), code)
		namedTiny(t, when, n.StackAt(p.pid, "prog", time.Now(), pcs))
		namedTiny(t, when, n.StackAt(p.pid, "", time.Now(), pcs))
	}
	check("it runs")
	p.end()
	check("it has ended")
}

// ran makes what was seen of a program: after, first and last are seconds.
func ran(start uint64, after, first, last int64, comm string) *process {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	return &process{
		generation: generation{start: start, code: uint64(first)},
		life:       &lifetime{start: start, after: at(after), first: at(first), last: at(last), names: []name{nameOf(comm)}},
	}
}

func TestHistory(t *testing.T) {
	// A shell that became java; then the number went to another process.
	sh, java, web := ran(1, 100, 110, 120, "sh"), ran(1, 100, 130, 140, "java"), ran(2, 200, 210, 220, "web")
	var h history
	for _, p := range []*process{web, sh, java} { // in whatever order they come to be known
		h = h.with(p)
	}
	if len(h) != 3 || h[0] != sh || h[1] != java || h[2] != web {
		t.Fatalf("order: %+v", h)
	}
	for _, test := range []struct {
		at   int64 // 0: unknown
		comm string
		want *process
		sure bool
	}{
		{90, "", nil, false}, {90, "sh", nil, false}, // nobody was there
		{105, "", sh, false}, {115, "", sh, true}, {115, "java", nil, false},
		{125, "", nil, false}, {125, "sh", sh, false}, {125, "java", java, false},
		{135, "", java, true}, {150, "", java, false}, {150, "java", java, false}, {150, "sh", nil, false},
		{205, "", web, false}, {215, "web", web, true}, {215, "java", nil, false}, {300, "", web, false},
		{0, "", web, false}, {0, "web", web, false}, {0, "java", nil, false},
	} {
		var at time.Time
		if test.at != 0 {
			at = time.Unix(test.at, 0)
		}
		if p, sure := h.at(at, nameOf(test.comm)); p != test.want || sure != test.sure {
			t.Errorf("at %d %q: %+v, %v; want %+v, %v", test.at, test.comm, p, sure, test.want, test.sure)
		}
	}
}

func TestHistoryOfOneProgram(t *testing.T) {
	first, again := ran(1, 100, 110, 120, "main"), ran(1, 100, 110, 130, "worker")
	again.life.first = time.Unix(125, 0)
	h := history{}.with(first).with(again)
	if len(h) != 1 || h[0] != again {
		t.Fatalf("%+v", h)
	}
	for _, comm := range []string{"main", "worker"} {
		if p, sure := h.at(time.Unix(115, 0), nameOf(comm)); p != again || !sure {
			t.Errorf("%s: %+v, %v", comm, p, sure)
		}
	}
	h[0].life.confirm(time.Unix(200, 0), nameOf("idle"))
	if p, sure := h.at(time.Unix(190, 0), nameOf("idle")); p != again || !sure {
		t.Errorf("confirmed: %+v, %v", p, sure)
	}
	// Endless exec: what is forgotten leaves the others' times as they were.
	for i := range int64(3 * maxGenerations) {
		h = h.with(ran(1, 100, 300+10*i, 305+10*i, "loop"))
	}
	if p, _ := h.at(time.Unix(302, 0), name{}); len(h) != maxGenerations || p != nil {
		t.Errorf("%d remembered, %+v", len(h), p)
	}
	for i := range 3 * maxOwnNames {
		h[0].life.confirm(time.Unix(1000, 0), nameOf(string(rune('a'+i))))
	}
	if got := len(h[0].life.names); got != maxOwnNames {
		t.Errorf("%d names", got)
	}
}
