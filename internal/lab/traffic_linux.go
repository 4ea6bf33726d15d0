package lab

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// dialer connects as most programs do: without keepalive probes of its own, so
// that no timer runs where none should be seen.
var dialer = net.Dialer{KeepAlive: -1}

// listenOn listens on an address:port with a backlog; 0 takes the system's
// greatest (net.core.somaxconn), as Go itself does.
func listenOn(ctx context.Context, address string, backlog int) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	l, err := lc.Listen(ctx, "tcp4", address)
	if err != nil || backlog == 0 {
		return l, err
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	// A second listen() changes the backlog of a listener (net/ipv4/af_inet.c
	// inet_listen, v6.18).
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = unix.Listen(int(fd), backlog) }); err != nil || failure != nil {
		return nil, errors.Join(err, os.NewSyscallError("listen", failure), l.Close())
	}
	return l, nil
}

// accept hands every connection of l to serve, in a goroutine of its own, until
// ctx ends or l is closed. Like any server worth the name it survives EMFILE.
func accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.EMFILE):
			if !pause(ctx, 50*time.Millisecond) {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		go serve(c)
	}
}

// answerAll answers every line until the client closes, then closes.
func answerAll(c net.Conn) {
	defer c.Close()
	lines := bufio.NewReaderSize(c, 64)
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
		if _, err := io.WriteString(c, "ok\n"); err != nil {
			return
		}
	}
}

// answerOnce answers one line and closes first, as an HTTP/1.0 server does.
func answerOnce(c net.Conn) {
	defer c.Close()
	if _, err := bufio.NewReaderSize(c, 64).ReadString('\n'); err == nil {
		_, _ = io.WriteString(c, "ok\n")
	}
}

// swallowAll reads until the client closes, then closes.
func swallowAll(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(io.Discard, c)
}

// server is a role that listens on address and serves each connection.
func server(name, address string, backlog int, serve func(net.Conn)) role {
	return role{name: name, play: func(ctx context.Context, st *stage) error {
		l, err := listenOn(ctx, address, backlog)
		if err != nil {
			return err
		}
		st.Step("%s listens on %s", "%s 在 %s 上监听", name, address)
		st.Ready()
		return accept(ctx, l, serve)
	}}
}

// ask sends a line and reads the answer.
func ask(c net.Conn) error {
	if _, err := io.WriteString(c, "GET\n"); err != nil {
		return err
	}
	var b [16]byte
	_, err := c.Read(b[:])
	return err
}

// churn is work that opens a connection for every job.
type churn struct {
	from     net.Dialer
	to       func() string // address:port of the next job
	workers  int
	perS     int    // jobs a second; 0: as many as the workers manage
	most     int    // jobs in all; 0: 100 a second for as long as a picture may be held
	ask      string // what is asked on each; "" for "GET\n"
	peerEnds bool   // the server closes first: wait for it

	done   atomic.Int64 // jobs that went well
	failed atomic.Int64
	onFail func(error) // told each failure, by any worker; may be nil
}

// run works until ctx ends or the jobs are done.
func (c *churn) run(ctx context.Context) {
	if c.most == 0 {
		c.most = 100 * int(MaxHold.Seconds())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan struct{})
	var wg sync.WaitGroup
	for range c.workers {
		wg.Go(func() {
			for range jobs {
				if err := c.job(ctx); err != nil {
					c.failed.Add(1)
					if c.onFail != nil {
						c.onFail(err)
					}
					// Programs try again, if not at once.
					pause(ctx, 50*time.Millisecond)
					continue
				}
				c.done.Add(1)
			}
		})
	}
	paced(ctx, c.perS, c.most, func() {
		select {
		case jobs <- struct{}{}:
		case <-ctx.Done():
		}
	})
	close(jobs)
	wg.Wait()
}

// job is the function that a tracer has to name (Expectation.Code).
func (c *churn) job(ctx context.Context) error {
	conn, err := c.from.DialContext(ctx, "tcp4", c.to())
	if err != nil {
		return err
	}
	defer conn.Close()
	question := "GET\n"
	if c.ask != "" {
		question = c.ask
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return err
	}
	var b [16]byte
	if _, err := conn.Read(b[:]); err != nil {
		return err
	}
	if c.peerEnds {
		_, _ = conn.Read(b[:])
	}
	return nil
}

// paced calls do perS times a second, most times in all, until ctx ends. A perS
// of 0 does not wait at all.
func paced(ctx context.Context, perS, most int, do func()) {
	const tick = 10 * time.Millisecond
	var ticks <-chan time.Time
	if perS > 0 {
		t := time.NewTicker(tick)
		defer t.Stop()
		ticks = t.C
	}
	owed := 0.0
	for n := 0; n < most && ctx.Err() == nil; {
		if perS > 0 {
			select {
			case <-ticks:
			case <-ctx.Done():
				return
			}
			for owed += float64(perS) * tick.Seconds(); owed >= 1 && n < most; owed-- {
				do()
				n++
			}
			continue
		}
		do()
		n++
	}
}

// pause waits, and tells whether ctx still holds after it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// always is the one address of every job.
func always(address string) func() string { return func() string { return address } }

// keepTalking asks on a connection every second until ctx ends: the long-lived
// connection that real programs have besides their short ones.
func keepTalking(ctx context.Context, c net.Conn) {
	defer c.Close()
	for pause(ctx, time.Second) {
		if ask(c) != nil {
			return
		}
	}
}
