package cli

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// fakeTracer gives the events that it holds, then waits for the end.
type fakeTracer struct {
	events []*host.Event
	broken error // of Events, after the events
	counts func() (*host.Activity, error)
	lost   uint64
	notes  []string
	short  []shortage
	// What was asked of it.
	options tracerOptions
	closed  int
}

func (f *fakeTracer) attach(_ context.Context, o tracerOptions) (tracer, error) {
	f.options = o
	return f, nil
}

func (f *fakeTracer) Events(ctx context.Context, give func(*host.Event), flush func()) error {
	if f.options.Events == 0 {
		return errors.New("no stream was asked for")
	}
	for i, e := range f.events {
		give(e)
		if i%2 == 1 {
			flush()
		}
	}
	flush()
	if f.broken != nil {
		return f.broken
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeTracer) Activity() (*host.Activity, error) { return f.counts() }
func (f *fakeTracer) Lost() uint64                      { return f.lost }
func (f *fakeTracer) Notes() []string                   { return f.notes }
func (f *fakeTracer) Shortages() []shortage             { return f.short }
func (f *fakeTracer) Close() error                      { f.closed++; return nil }

const containerCgroup = "/system.slice/docker-8d3c99aa11ff00ee55.scope"

func samplePlace(cgroup string) (unit string, c *host.Container) {
	switch cgroup {
	case containerCgroup:
		return "", &host.Container{ID: "8d3c99aa11ff00ee55", Name: "shop", Engine: "docker"}
	case "/system.slice/nginx.service":
		return "nginx.service", nil
	}
	return "", nil
}

// sampleEvents are the lives of a few connections, and calls that failed.
func sampleEvents() []*host.Event {
	begin := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	ap := netip.MustParseAddrPort
	java := &host.Opener{PID: 812, TID: 830, Name: "java", Cgroup: containerCgroup, Stack: shopStack()}
	nginx := &host.Opener{PID: 1234567, TID: 1234567, Name: "nginx", Cgroup: "/system.slice/nginx.service", Accepted: true,
		Stack: &host.Stack{Gap: host.GapNoFrames}}
	evil := &host.Opener{PID: 666, Name: hostileName}
	db, web, peer6 := ap("10.0.0.2:3306"), ap("192.0.2.10:443"), ap("[2001:db8:ffff::9]:50000")
	at := func(us int) time.Time { return begin.Add(time.Duration(us) * time.Microsecond) }
	var events []*host.Event
	add := func(us int, e host.Event) {
		e.At = at(us)
		e.NetNS = 4026531840
		events = append(events, &e)
	}
	shop := host.Life{Opener: java, OpenedAt: at(0)}
	closed := func(l host.Life, c host.Closer, end host.Ending, us int) host.Life {
		l.Closer, l.Ending, l.ClosedAt = c, end, at(us)
		return l
	}
	local := ap("10.0.0.1:41234")
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	// java connects, closes first.
	add(0, host.Event{Cookie: 1, Local: ap("10.0.0.1:0"), Remote: db, From: tcp.Closed, To: tcp.SynSent, InState: -1, Life: shop})
	add(310, host.Event{Cookie: 1, Local: local, Remote: db, From: tcp.SynSent, To: tcp.Established, InState: us(310), Life: shop})
	shopClosed := closed(shop, host.CloserLocal, host.EndingFin, 12710)
	add(12_710, host.Event{Cookie: 1, Local: local, Remote: db, From: tcp.Established, To: tcp.FinWait1, InState: us(12400), Life: shopClosed})
	add(12_990, host.Event{Cookie: 1, Local: local, Remote: db, From: tcp.FinWait1, To: tcp.FinWait2, InState: us(280), Life: shopClosed})
	add(13_050, host.Event{Cookie: 1, Local: local, Remote: db, From: tcp.FinWait2, To: tcp.TimeWait, Mini: true, InState: us(60), Life: shopClosed,
		Sent: 812, Received: 1 << 21})
	// nginx accepts over IPv6; the peer resets.
	in := host.Life{Opener: nginx, Incoming: true, OpenedAt: at(20_000)}
	local6 := ap("[2001:db8:0:1:1234:5678:9abc:def0]:443")
	add(20_100, host.Event{Cookie: 2, Local: local6, Remote: peer6, From: tcp.SynReceived, To: tcp.Established, InState: us(100), Life: in})
	add(64_020_100, host.Event{Cookie: 2, Local: local6, Remote: peer6, From: tcp.Established, To: tcp.Closed, InState: 64 * time.Second,
		Life: closed(in, host.CloserPeer, host.EndingReset, 64_020_100), Errno: 104, Sent: 5 << 30, Received: 12_345, Retrans: 7})
	// Calls that fail.
	add(64_100_000, host.Event{Local: ap("10.0.0.1:0"), Remote: db, InState: -1, Life: host.Life{Opener: java}, Call: "connect", Errno: 99})
	add(64_100_500, host.Event{Local: ap("0.0.0.0:80"), InState: -1, Life: host.Life{Opener: nginx}, Call: "bind", Errno: 98})
	add(64_101_000, host.Event{InState: -1, Life: host.Life{Opener: evil}, Call: "socket", Errno: 24})
	// Nobody answers; and a peer refuses.
	syn := host.Life{Opener: evil, OpenedAt: at(64_200_000)}
	add(127_200_000, host.Event{Cookie: 3, Local: ap("10.0.0.1:41300"), Remote: web, From: tcp.SynSent, To: tcp.Closed, InState: 63 * time.Second,
		Life: closed(syn, "", host.EndingTimeout, 127_200_000), Errno: 110, Retrans: 6})
	add(127_300_000, host.Event{Cookie: 4, Local: ap("10.0.0.1:41301"), Remote: web, From: tcp.SynSent, To: tcp.Closed, InState: us(31),
		Life: closed(host.Life{Opener: java, OpenedAt: at(127_299_969)}, "", host.EndingFailed, 127_300_000), Errno: 111})
	// What began before anybody watched.
	add(127_400_000, host.Event{Cookie: 5, Local: ap("10.0.0.1:50001"), Remote: ap("10.0.0.3:443"), From: tcp.Established, To: tcp.CloseWait, InState: -1,
		Life: host.Life{Closer: host.CloserPeer, Ending: host.EndingFin, ClosedAt: at(127_400_000)}})
	add(127_500_000, host.Event{Cookie: 5, Local: ap("10.0.0.1:50001"), Remote: ap("10.0.0.3:443"), From: tcp.LastAck, To: tcp.Closed, InState: us(100_000),
		Life: host.Life{Closer: host.CloserPeer, Ending: host.EndingFin, ClosedAt: at(127_400_000)}, Sent: 1000, Received: 999_999})
	// A program aborts with SO_LINGER 0, and a listener ends, which is no connection.
	add(128_000_000, host.Event{Cookie: 6, Local: ap("10.0.0.1:41302"), Remote: db, From: tcp.Established, To: tcp.Closed, InState: us(1500),
		Life: closed(host.Life{Opener: java, OpenedAt: at(127_998_000)}, host.CloserLocal, host.EndingLinger, 128_000_000)})
	add(128_100_000, host.Event{Cookie: 7, Local: ap("0.0.0.0:8080"), From: tcp.Listen, To: tcp.Closed, InState: time.Hour, Life: host.Life{Opener: java}})
	return events
}
