package symbol

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lifetime is what is known of when a program ran, and under which names.
//
//	after ... first ===== last ...
//
// It began after the one and was there from first to last. It is over when the
// next one is there, or begins (see displaced).
type lifetime struct {
	start uint64 // of the process, in ticks since boot; exec() does not change that

	mu    sync.Mutex // guards what follows
	after time.Time
	first time.Time
	last  time.Time
	names []name // that it gave itself, the last one last
}

const (
	maxGenerations = 8 // of one number
	maxOwnNames    = 8

	// clocks is how far the kernel's times and ours may differ: two ticks of
	// /proc/PID/stat.
	clocks = 20 * time.Millisecond
)

// newLifetime is that of a process whose status was read between two times.
func newLifetime(s status, before, after time.Time) *lifetime {
	return &lifetime{
		start: s.generation.start, after: startedAt(s.generation.start, after),
		first: after, last: before, names: []name{s.name},
	}
}

// startedAt turns a start in ticks since boot (USER_HZ: 100 on every architecture
// that Go runs on) into a time.
func startedAt(ticks uint64, now time.Time) time.Time {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}
	}
	const tick = time.Second / 100
	age := time.Duration(up.Nano()) - time.Duration(min(ticks, 1<<36))*tick
	return now.Add(-age)
}

// confirm notes that the program was still there, not before a time.
func (l *lifetime) confirm(at time.Time, n name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.last) {
		l.last = at
	}
	l.called(n)
}

// called adds a name. l.mu is held.
func (l *lifetime) called(n name) {
	if last := len(l.names) - 1; l.names[last] == n {
		return
	}
	l.names = slices.DeleteFunc(l.names, func(other name) bool { return other == n })
	if len(l.names) >= maxOwnNames {
		l.names = slices.Delete(l.names, 0, 1)
	}
	l.names = append(l.names, n)
}

// join adds what was seen of the same program another time.
func (l *lifetime) join(other *lifetime) {
	other.mu.Lock()
	first, last, names := other.first, other.last, slices.Clone(other.names)
	other.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if first.Before(l.first) {
		l.first = first
	}
	if last.After(l.last) {
		l.last = last
	}
	for _, n := range names {
		l.called(n)
	}
}

// fit is how a time fits a program.
type fit int

const (
	fitNot fit = iota
	fitPerhaps
	fitSurely
)

// named reports whether the program had a name (zero: unknown).
func (l *lifetime) named(n name) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return n == name{} || slices.Contains(l.names, n)
}

// ran tells whether the program ran at a time. next is what the same number ran
// afterwards, nil for nothing.
func (l *lifetime) ran(at time.Time, next *lifetime) fit {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !at.Before(l.first) && !at.After(l.last):
		return fitSurely
	case at.Add(clocks).Before(l.after):
		return fitNot
	case next != nil && !at.Before(next.displaced(l.start)):
		return fitNot
	}
	return fitPerhaps
}

// displaced is when the program before this one was over at the latest: another
// process's was when this one started, that of the same one when this was seen.
func (l *lifetime) displaced(startBefore uint64) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if started := l.after.Add(clocks); l.start != startBefore && started.Before(l.first) {
		return started
	}
	return l.first
}

// history is what a number has run, the oldest first.
type history []*process

func (h history) present() *process {
	if len(h) == 0 {
		return nil
	}
	return h[len(h)-1]
}

// at returns the program that ran at a time under a name; nil when none did that
// is known, or when it may have been one of several. Without a time it is the
// present one. sure: nothing that is still unknown can change that.
func (h history) at(at time.Time, n name) (p *process, sure bool) {
	if at.IsZero() {
		if p = h.present(); p == nil || !p.life.named(n) {
			return nil, false
		}
		return p, false
	}
	perhaps := 0
	for i, g := range h {
		var next *lifetime
		if i+1 < len(h) {
			next = h[i+1].life
		}
		when, named := g.life.ran(at, next), g.life.named(n)
		switch {
		case when == fitSurely && named:
			return g, true
		case when == fitSurely:
			return nil, false // whoever had that name later or before, it was this one's time
		case when == fitPerhaps && named:
			p = g
			perhaps++
		}
	}
	if perhaps != 1 {
		return nil, false
	}
	return p, false
}

// with returns the history with what was just read of a process.
func (h history) with(fresh *process) history {
	if i := slices.IndexFunc(h, func(p *process) bool { return p.generation == fresh.generation }); i >= 0 {
		// Whoever holds the old one may still confirm it: they share their life.
		h[i].life.join(fresh.life)
		fresh.life = h[i].life
		h = slices.Clone(h)
		h[i] = fresh
		return h
	}
	h = append(slices.Clone(h), fresh)
	slices.SortStableFunc(h, func(a, b *process) int {
		return cmp.Or(cmp.Compare(a.life.start, b.life.start), a.life.firstSeen().Compare(b.life.firstSeen()))
	})
	if i := slices.Index(h, fresh); i > 0 {
		fresh.life.begins(h[i-1].life)
	}
	if len(h) > maxGenerations {
		h = slices.Clone(h[len(h)-maxGenerations:])
	}
	return h
}

func (l *lifetime) firstSeen() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// begins notes that the program cannot have run while another one did.
func (l *lifetime) begins(before *lifetime) {
	before.mu.Lock()
	last := before.last
	before.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if last.After(l.after) {
		l.after = last
	}
}
