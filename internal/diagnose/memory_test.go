package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// codeAt is a stack that leads from a library to a line of the program.
func codeAt(function, file string, line int) *host.Stack {
	return &host.Stack{Frames: []host.Frame{{Function: "connect", Module: "/lib/libc.so.6"},
		{Function: function, File: file, Line: line, Own: true}, {Function: "main", Own: true}}}
}

func gapAt(g host.Gap) *host.Stack {
	return &host.Stack{Frames: []host.Frame{{Function: "connect", Module: "/lib/libc.so.6"}, {Addr: 0x7f0000001234}}, Gap: g}
}

func site(st *host.Stack, n uint64) host.Site { return host.Site{Stack: st, Count: n} }

// remembered says that a tracer knew the lives of sockets from an hour before the
// first look on: life of the i-th socket of each look, nil for none.
func (s *pair) remembered(life func(i int, sk *tcp.Socket) *host.Life) *pair {
	for _, sn := range s.looks() {
		sn.Lives, sn.Remembered = map[uint64]*host.Life{}, s.looks()[0].TakenAt.Add(-time.Hour)
		for i := range sn.Sockets {
			if l := life(i, &sn.Sockets[i]); l != nil {
				sn.Lives[sn.Sockets[i].Cookie] = l
			}
		}
	}
	return s
}

// opened is the life of a connection that a process opened ten seconds before
// the last look, and closed first.
func (s *pair) opened(pid int32, name string, st *host.Stack) *host.Life {
	return &host.Life{Opener: &host.Opener{PID: pid, Name: name, Stack: st}, OpenedAt: s.now.TakenAt.Add(-10 * time.Second),
		Closer: host.CloserLocal, Ending: host.EndingFin}
}

func (s *pair) accepted(pid int32, name string, st *host.Stack) *host.Life {
	l := s.opened(pid, name, st)
	l.Incoming, l.Opener.Accepted = true, st != nil
	return l
}

func everyOne(sn *host.Snapshot) (all []*tcp.Socket) {
	for i := range sn.Sockets {
		all = append(all, &sn.Sockets[i])
	}
	return all
}

func TestBlameOpeners(t *testing.T) {
	const dest = "10.0.0.2:3306"
	tw := func(n int) []row {
		return rows(n, 40000, row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait})
	}
	for _, c := range []struct {
		name string
		pair *pair
		life func(*pair, int, *tcp.Socket) *host.Life
		want []share
	}{
		{"the opener, not whoever connects there now", newPair().keep(tw(10)...).connects(8, "b", dest, 100, 0),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.opened(7, "a", nil) }, []share{{7, 10, "opener"}}},
		{"what began before goes to who is seen connecting", newPair().keep(tw(10)...).connects(8, "b", dest, 100, 0),
			func(p *pair, i int, _ *tcp.Socket) *host.Life {
				if i < 4 {
					return p.opened(7, "a", nil)
				}
				return &host.Life{Closer: host.CloserLocal}
			}, []share{{8, 6, "connect-events"}, {7, 4, "opener"}}},
		{"of both ways the weaker is named", newPair().keep(tw(10)...).connects(7, "a", dest, 100, 0),
			func(p *pair, i int, _ *tcp.Socket) *host.Life {
				if i < 4 {
					return p.opened(7, "a", nil)
				}
				return nil
			}, []share{{7, 10, "connect-events"}}},
		{"an owner besides", newPair().keep(tw(3)...).keep(established("10.0.0.1:50000", dest, 7)),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.opened(7, "a", nil) }, []share{{7, 4, "opener"}}},
		{"the owner counts, whoever opened it", newPair().keep(established("10.0.0.1:50000", dest, 9)),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.opened(7, "a", nil) }, []share{{9, 1, "owner"}}},
		{"not accepted yet: it is the listener's", newPair().keep(row{local: "10.0.0.1:80", remote: "10.0.0.9:50000", state: tcp.CloseWait}),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.accepted(7, "a", nil) }, []share{{7, 1, "listener"}}},
		{"accepted: it is the opener's", newPair().keep(row{local: "10.0.0.1:80", remote: "10.0.0.9:50000", state: tcp.TimeWait}),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.accepted(7, "a", codeAt("f", "f.go", 1)) }, []share{{7, 1, "opener"}}},
		{"an opener without a process", newPair().keep(tw(1)...),
			func(p *pair, i int, _ *tcp.Socket) *host.Life { return p.opened(0, "", nil) }, nil},
	} {
		p := c.pair.remembered(func(i int, sk *tcp.Socket) *host.Life { return c.life(c.pair, i, sk) })
		if d := cmp.Diff(c.want, shares(p.examine().blame(everyOne(p.now)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// A process that has ended keeps its name, and its unit and container where one
// of its group is known; another one that has its pid now is not blamed.
func TestBlameOfTheDead(t *testing.T) {
	const dest, group = "10.0.0.2:3306", "/system.slice/docker-8d3c.scope"
	picture := func(life func(*pair, int) *host.Life) *pair {
		p := newPair().process(812, "bash", "", 0).process(813, "shop-main", host.JVM, 1)
		p.now.Processes[813].Cgroup, p.now.Processes[813].Unit = group, "shop.service"
		p.now.Processes[813].Container = &host.Container{ID: "8d3c", Name: "shop"}
		p.keep(rows(10, 40000, row{local: "10.0.0.1:1", remote: dest, state: tcp.TimeWait})...)
		return p.remembered(func(i int, _ *tcp.Socket) *host.Life { return life(p, i) })
	}
	at := func(p *pair) []Culprit {
		x := p.examine()
		var out []Culprit
		for _, b := range x.blame(everyOne(p.now)) {
			out = append(out, x.culprit(&b))
		}
		return out
	}
	dead := func(p *pair, pid int32) *host.Life {
		l := p.opened(pid, "worker", codeAt("shop.query", "dao.go", 88))
		l.Opener.Cgroup = group
		return l
	}

	got := at(picture(func(p *pair, _ int) *host.Life { return dead(p, 999) }))
	if len(got) != 1 || got[0].Process != "worker" || got[0].Unit != "shop.service" || got[0].Container == nil || got[0].Container.Name != "shop" || got[0].Exe != "" {
		t.Errorf("of an ended process: %+v", got)
	}
	got = at(picture(func(p *pair, _ int) *host.Life { l := dead(p, 999); l.Opener.Cgroup = "/elsewhere"; return l }))
	if len(got) != 1 || got[0].Process != "worker" || got[0].Unit != "" || got[0].Container != nil {
		t.Errorf("of a group that nobody is known of: %+v", got)
	}

	p := picture(func(p *pair, _ int) *host.Life { return dead(p, 812) })
	p.now.Processes[812].Started = p.now.TakenAt.Add(-5 * time.Second) // the sockets are ten seconds old
	p.now.Processes[812].Container = &host.Container{ID: "other"}
	if got = at(p); len(got) != 1 || got[0].Process != "worker" || got[0].PID != 812 || got[0].Exe != "" || got[0].Container.Name != "shop" || got[0].Code[0].Function != "shop.query" {
		t.Errorf("another process has the pid: %+v", got)
	}
	p.now.Processes[812].Started = p.now.TakenAt.Add(-11 * time.Second) // it had it all along
	if got = at(p); len(got) != 1 || got[0].Process != "bash" || got[0].Exe != "/usr/bin/bash" {
		t.Errorf("the same process under a new name: %+v", got)
	}
	// Both: the newcomer's own sockets are not the dead one's.
	p = picture(func(p *pair, i int) *host.Life {
		if i < 5 {
			return dead(p, 812)
		}
		l := dead(p, 812)
		l.OpenedAt, l.Opener.Name = p.now.TakenAt, "bash"
		return l
	})
	p.now.Processes[812].Started = p.now.TakenAt.Add(-5 * time.Second)
	if got = at(p); len(got) != 2 || got[0].Sockets != 5 || got[1].Sockets != 5 || got[0].Process == got[1].Process {
		t.Errorf("of two with one pid: %+v", got)
	}
}

// What a tracer saw decides which way a connection goes.
func TestOutgoingIsRemembered(t *testing.T) {
	for _, c := range []struct {
		name string
		row  row
		life func(*pair) *host.Life
		want bool
	}{
		{"accepted by a listener that has gone", row{local: "10.0.0.1:40000", remote: "10.0.0.2:50000", state: tcp.TimeWait},
			func(p *pair) *host.Life { return p.accepted(7, "a", codeAt("f", "f.go", 1)) }, false},
		{"opened from a port that somebody listens on", row{local: "10.0.0.1:8080", remote: "10.0.0.2:80", state: tcp.Established},
			func(p *pair) *host.Life { return p.opened(7, "a", nil) }, true},
		{"opened before anybody watched", row{local: "10.0.0.1:8080", remote: "10.0.0.2:50000", state: tcp.Established},
			func(*pair) *host.Life { return &host.Life{} }, false},
	} {
		p := newPair().keep(listen("10.0.0.1:8080", 900), c.row)
		p.remembered(func(i int, _ *tcp.Socket) *host.Life {
			if i == 0 {
				return nil
			}
			return c.life(p)
		})
		if got := p.examine().spaces[0].outgoing(&p.now.Sockets[1]); got != c.want {
			t.Errorf("%s: outgoing is %v", c.name, got)
		}
	}
}

func TestForgotten(t *testing.T) {
	rest := rows(8, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait})
	build := func(change func(*pair)) *pair {
		p := newPair().keep(rest[:3]...).add(rest[3:]...).add(listen("10.0.0.1:80", 1), row{local: "10.0.0.1:80", remote: "10.0.0.2:9", state: tcp.NewSynRecv})
		p.remembered(func(i int, _ *tcp.Socket) *host.Life {
			if i == 3 {
				return p.opened(7, "a", nil)
			}
			return nil
		})
		change(p)
		return p
	}
	for _, c := range []struct {
		name   string
		change func(*pair)
		want   int
	}{
		{"four of the five that came", func(*pair) {}, 4}, // neither the listener nor the request
		{"the tracer came between the looks", func(p *pair) { p.now.Remembered = p.now.TakenAt }, 0},
		{"since when is unknown", func(p *pair) { p.now.Remembered = time.Time{} }, 0},
		{"nobody remembers", func(p *pair) { p.now.Lives = nil }, 0},
		{"a single look", func(p *pair) { p.before = nil }, 0},
		{"another source told no cookies", func(p *pair) { p.before.Source.SocketsBy = "procfs" }, 0},
		{"all are remembered", func(p *pair) {
			for i := range p.now.Sockets {
				p.now.Lives[p.now.Sockets[i].Cookie] = &host.Life{}
			}
		}, 0},
	} {
		p := build(c.change)
		if got := p.examine().forgotten(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		said := false
		for _, b := range reportOf(t, p, "en").BlindSpots {
			said = said || strings.HasPrefix(b.What, fmt.Sprintf("Of %d connections", c.want))
		}
		if said != (c.want > 0) {
			t.Errorf("%s: blind spots %+v", c.name, reportOf(t, p, "en").BlindSpots)
		}
	}
}

// Only what belongs to the namespaces that were asked for is judged.
func TestActivityElsewhere(t *testing.T) {
	p := newPair().watched()
	p.seen.Incoming = []host.Flow{{PID: 7, NetNS: homeNS, Port: 80}, {PID: 8, NetNS: homeNS + 1, Port: 80}}
	if got := p.examine().ours.Incoming; len(got) != 1 || got[0].PID != 7 {
		t.Errorf("incoming flows of other namespaces are judged: %+v", got)
	}
}
