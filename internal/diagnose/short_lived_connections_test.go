package diagnose

import (
	"fmt"
	"testing"
	"time"

	"sockeye/internal/tcp"
)

// TestChurnIsToldOnce holds the many calm destinations of a crawler to a single
// finding, and one that presses on its wall to a finding of its own.
func TestChurnIsToldOnce(t *testing.T) {
	p := newPair().setting("net.ipv4.ip_local_port_range", "40000 40999")
	add := func(dest string, n int) {
		left := make([]time.Duration, n)
		for i := range left {
			left[i] = tcp.TimeWaitLen - time.Duration(i)*tcp.TimeWaitLen/time.Duration(n)
		}
		for i, r := range resting(dest, left...) {
			r.local = fmt.Sprintf("10.0.0.1:%d", 40000+i)
			p.keep(r)
		}
	}
	for i := range 30 {
		add(fmt.Sprintf("203.0.113.%d:443", i+1), 120)
	}
	add("203.0.113.99:443", 1000)
	var calm, pressed int
	for _, f := range shortLivedConnections(p.examine()) {
		switch f.values.Dests {
		case 30:
			calm++
			if f.values.Count != 30*120 {
				t.Errorf("%d sockets told together, want %d", f.values.Count, 30*120)
			}
			if len(f.dests) != 10 {
				t.Errorf("%d destinations listed, want the first ten", len(f.dests))
			}
		case 1:
			pressed++
			if f.values.Raddr != "203.0.113.99" {
				t.Errorf("%s told alone", f.values.Raddr)
			}
		default:
			t.Errorf("a finding of %d destinations", f.values.Dests)
		}
	}
	if calm != 1 || pressed != 1 {
		t.Errorf("%d findings of calm destinations and %d of pressed ones, want one each", calm, pressed)
	}
}

// TestBoundConnectionsHaveNoAccount: programs that bind first press on the pool
// of their address; a second finding for each destination would be noise.
func TestBoundConnectionsHaveNoAccount(t *testing.T) {
	p := newPair().setting("net.ipv4.ip_local_port_range", "40000 40099")
	for i := range 100 {
		p.keep(row{local: fmt.Sprintf("10.0.0.1:%d", 40000+i), remote: fmt.Sprintf("10.0.0.2:%d", 9000+i%2), state: tcp.TimeWait,
			port: tcp.PortBound, timer: tcp.Timer{Kind: tcp.TimerTimeWait, Expires: 30 * time.Second}})
	}
	x := p.examine()
	if f := portExhaustion(x); len(f) != 0 {
		t.Errorf("port-exhaustion of bound connections: %d findings, want none", len(f))
	}
	if f := bindPortExhaustion(x); len(f) != 1 {
		t.Errorf("bind-port-exhaustion: %d findings, want one", len(f))
	}
	for _, l := range x.manyLimits() {
		if l.ID == "ephemeral-ports" {
			t.Errorf("a limit of %d ports for connections that take theirs with bind()", l.Capacity)
		}
	}
}
