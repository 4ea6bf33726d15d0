package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"sockeye/internal/collect"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// TestForgotten: what a tracer cannot know is said where it was asked for, or
// where it is missing; in JSON it is not.
func TestForgotten(t *testing.T) {
	const (
		opened = " were opened before the tracer started (09:04:30), so nobody remembers who opened them\n"
		closed = "note: 2 of 3 connections closed unseen by the tracer (started 09:04:30): only their state tells who closed first\n"
	)
	// Three connections in TIME_WAIT; the tracer began after two of them had.
	young := func() *host.Snapshot {
		sn := churned()
		sn.Remembered = sn.TakenAt.Add(-30 * time.Second)
		for i, expires := range []time.Duration{10 * time.Second, 20 * time.Second} {
			sn.Sockets[2+i].Timer.Expires = expires
			delete(sn.Lives, sn.Sockets[2+i].Cookie)
		}
		sn.Lives[12].Closer = host.CloserLocal
		return sn
	}
	for _, tt := range []struct {
		args   []string
		change func(*host.Snapshot)
		code   int
		stderr string
	}{
		{[]string{"count", "state", "time-wait", "--by", "opener,code"}, nil, exitDone, "note: 2 of 3 connections" + opened},
		{[]string{"count", "--by", "opener-pid"}, nil, exitDone, "note: 3 of 4 connections" + opened}, // ESTABLISHED too
		{[]string{"count", "--by", "code", "--format", "csv"}, nil, exitDone, "note: 3 of 4 connections" + opened},
		{[]string{"count", "--by", "process"}, nil, exitDone, ""},
		{[]string{"count", "--by", "closer"}, nil, exitDone, closed},
		{[]string{"list", "closer", "local"}, nil, exitDone, closed},
		{[]string{"list"}, nil, exitDone, "note: 2 of 3 connections that nobody holds" + opened},
		{[]string{"list", "--format", "json"}, nil, exitDone, "note: 2 of 3 connections that nobody holds" + opened},
		{[]string{"list", "--sort", "-age", "--limit", "1"}, nil, exitDone, "note: 1 of 1 connections that nobody holds" + opened},
		{[]string{"list", "--sort", "age", "--limit", "1"}, nil, exitDone, ""},
		{[]string{"list", "state", "established"}, nil, exitDone, ""},
		{[]string{"list", "state", "listen"}, nil, exitDone, ""},
		// of what the rest of the filter selects, not of what it found
		{[]string{"list", "state", "time-wait", "opener", "gunicorn"}, nil, exitDone, "note: 2 of 3 connections" + opened},
		{[]string{"list", "state", "time-wait", "opener", "nosuch"}, nil, exitNothing,
			"note: 2 of 3 connections" + opened + "sockeye: no socket matches: state TIME_WAIT and opener = nosuch\n"},
		{[]string{"list", "state", "listen", "opener", "x"}, nil, exitNothing, "sockeye: no socket matches: state LISTEN and opener = x\n"},
		{[]string{"count", "--by", "code", "--lang", "zh"}, nil, exitDone, "注意：4 个连接中，有 3 个在跟踪器启动（09:04:30）之前打开，因此没有人记得是谁打开的\n"},
		{[]string{"list", "--lang", "zh"}, nil, exitDone, "注意：3 个无人持有的连接中，有 2 个在跟踪器启动（09:04:30）之前打开，因此没有人记得是谁打开的\n"},
		{[]string{"count", "--by", "closer", "--lang", "zh"}, nil, exitDone, "注意：3 个连接中，有 2 个的关闭没有被跟踪器（09:04:30 启动）看到：谁先关闭只由状态推断\n"},

		// All is remembered.
		{[]string{"count", "--by", "opener,closer", "state", "time-wait"}, func(sn *host.Snapshot) {
			sn.Lives[10], sn.Lives[11] = sn.Lives[12], sn.Lives[12]
		}, exitDone, ""},
		// Closed while the tracer watched, and still not there: not for its age.
		{[]string{"count", "--by", "opener", "state", "time-wait"}, func(sn *host.Snapshot) { sn.Sockets[2].Timer.Expires = 50 * time.Second }, exitDone,
			"note: nobody remembers who opened 2 of 3 connections: they are older than the tracer (09:04:30), or it had no room for them\n"},
		// They wait for an accept(): there is no opener to remember.
		{[]string{"count", "--by", "opener", "state", "established"}, func(sn *host.Snapshot) { sn.Sockets[1].PID, sn.Sockets[1].Inode = 0, 0 }, exitDone, ""},
		{[]string{"count", "--by", "opener", "state", "syn-recv"}, func(sn *host.Snapshot) { sn.Sockets[1].State = tcp.SynReceived }, exitDone, ""},
		// Nobody ever accepted it: it has no opener, and that is known.
		{[]string{"count", "--by", "opener", "state", "time-wait"}, func(sn *host.Snapshot) {
			sn.Lives[10] = &host.Life{Incoming: true, OpenedAt: sn.TakenAt.Add(-time.Second)}
		}, exitDone, "note: 1 of 3 connections" + opened},
		// A source without cookies cannot be asked.
		{[]string{"count", "--by", "opener", "state", "time-wait"}, func(sn *host.Snapshot) {
			sn.Source.SocketsBy = "procfs"
			for i := range sn.Sockets {
				sn.Sockets[i].Cookie = 0
			}
		}, exitDone, "hint: procfs shows no cookies of sockets, so that what 'sockeye trace' remembers cannot be joined to them\n"},
		// Begun on another day.
		{[]string{"count", "--by", "opener", "state", "established"}, func(sn *host.Snapshot) {
			sn.Remembered = sn.TakenAt.Add(-25 * time.Hour)
		}, exitDone, "note: 1 of 1 connections were opened before the tracer started (2026-11-21 08:05:00), so nobody remembers who opened them\n"},
	} {
		sn := young()
		if tt.change != nil {
			tt.change(sn)
		}
		got := machine{take: func(context.Context, collect.Options) (*host.Snapshot, error) { return sn, nil }}.run(tt.args...)
		if got.code != tt.code || got.stderr != tt.stderr {
			t.Errorf("%q: exit code %d, stderr %q; want %d, %q", tt.args, got.code, got.stderr, tt.code, tt.stderr)
		}
		if strings.Contains(got.stdout, "tracer") {
			t.Errorf("%q: the note is part of the answer: %s", tt.args, got.stdout)
		}
	}
}
