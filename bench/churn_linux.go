package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// churn is pairs of a client and a server on loopback that do nothing but
// connect, accept and close. With a pair for each processor all of them are
// busy: whatever takes processor time, in the kernel or beside it, is missing
// here. That, rather than the time of one connect(), is what a tracer costs a
// machine that is at its limit.
type churn struct {
	pairs []churnPair
}

type churnPair struct {
	client, server *exec.Cmd
	tally          tally
}

// startChurn starts pairs of a kind in this thread's network namespace.
func startChurn(ctx context.Context, kind string, pairs int) (*churn, error) {
	if err := setNet(
		"ip_local_port_range", "1024 65535",
		"tcp_max_tw_buckets", "4000000",
		"tcp_tw_reuse", "1", // a port of a TIME_WAIT that is older than a second
		// A segment that one processor delivers late may find its connection gone; the
		// reset that answers it would end the TIME_WAIT.
		"tcp_rfc1337", "1",
	); err != nil {
		return nil, err
	}
	c := &churn{}
	for i := range pairs {
		if err := c.add(ctx, kind, i); err != nil {
			c.kill()
			return nil, err
		}
	}
	return c, nil
}

func (c *churn) add(ctx context.Context, kind string, number int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	shared, err := memoryFile("tally")
	if err != nil {
		return err
	}
	defer func() { _ = shared.Close() }()
	if err := shared.Truncate(tallyBytes); err != nil {
		return err
	}
	var p churnPair
	if p.tally, err = mapTally(int(shared.Fd())); err != nil {
		return err
	}
	var ends [2]int // blocking ones: the churners read and write them without a poller
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return errors.Join(err, unix.Munmap(p.tally))
	}
	from, to := os.NewFile(uintptr(ends[0]), "credits"), os.NewFile(uintptr(ends[1]), "credits")
	defer func() { _, _ = from.Close(), to.Close() }()
	begin := func(arg string, pipe *os.File) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self, arg, strconv.Itoa(number), kind)
		cmd.SysProcAttr = dieWithUs()
		cmd.Stderr = os.Stderr
		cmd.ExtraFiles = []*os.File{shared, pipe} // tallyFD, creditFD
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err == nil {
			err = cmd.Start()
		}
		return cmd
	}
	p.server = begin(churnServerArg, to)
	p.client = begin(churnClientArg, from)
	c.pairs = append(c.pairs, p)
	return err
}

// made is how many connections were opened and closed so far.
func (c *churn) made() (n uint64) {
	for _, p := range c.pairs {
		n += p.tally.get(tallyMade)
	}
	return n
}

// done is how many of them the servers have closed too.
func (c *churn) done() (n uint64) {
	for _, p := range c.pairs {
		n += p.tally.get(tallyDone)
	}
	return n
}

// cpu is the processor time that both ends took so far.
func (c *churn) cpu() (sum time.Duration, err error) {
	for _, p := range c.pairs {
		for _, cmd := range []*exec.Cmd{p.client, p.server} {
			t, err := processorTime(cmd.Process.Pid)
			if err != nil {
				return 0, fmt.Errorf("churn: %w", err)
			}
			sum += t
		}
	}
	return sum, nil
}

// clients are the processes that open the connections, and close them first.
func (c *churn) clients() map[int]bool {
	pids := map[int]bool{}
	for _, p := range c.pairs {
		pids[p.client.Process.Pid] = true
	}
	return pids
}

// rest stops the clients, waits until the servers have closed what was opened and
// the clients' ends know, and returns how many connections there were. All of them live on until kill.
func (c *churn) rest(ctx context.Context) (made uint64, err error) {
	for _, p := range c.pairs {
		p.tally.set(tallyStop, 1)
	}
	err = await(ctx, 5*time.Second, func() (bool, error) {
		for _, p := range c.pairs {
			if p.tally.get(tallyRests) == 0 {
				return false, nil
			}
		}
		if made = c.made(); c.done() != made {
			return false, nil
		}
		closing, err := stillClosing()
		return !closing, err
	})
	if errors.Is(err, errLate) {
		err = fmt.Errorf("the churn did not come to rest: %d connections made, %d accepted", c.made(), c.done())
	}
	return made, err
}

// stillClosing tells whether a socket of this namespace is in LAST_ACK: on a
// saturated machine a FIN gets lost and is sent again 200 ms later, and until
// then the client's end is in FIN_WAIT_2.
func stillClosing() (bool, error) {
	table, err := os.ReadFile("/proc/thread-self/net/tcp")
	if err != nil {
		return false, err
	}
	const state, lastAck = 3, "09" // column, and TCP_LAST_ACK of include/net/tcp_states.h
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > state && f[state] == lastAck {
			return true, nil
		}
	}
	return false, nil
}

// kill ends whatever still runs and waits for it.
func (c *churn) kill() {
	for _, p := range c.pairs {
		for _, cmd := range []*exec.Cmd{p.client, p.server} {
			if cmd.Process != nil && cmd.ProcessState == nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // its end was asked for
			}
		}
		_ = unix.Munmap(p.tally)
	}
	c.pairs = nil
}

// warm waits until as many sockets leave TIME_WAIT as enter it: from then on
// every connection finds the same machine.
func (c *churn) warm(ctx context.Context) (waiting int, err error) {
	const step = time.Second
	last := 0
	err = await(ctx, 90*time.Second, func() (bool, error) {
		before := c.made()
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		last = waiting
		if waiting, err = timeWaits(); err != nil {
			return false, err
		}
		made := int(c.made() - before)
		if made == 0 {
			return false, errors.New("the churn stands still")
		}
		return last > 0 && waiting-last < made/50, nil
	})
	return waiting, err
}

// errLate is what await returns of something that did not come to pass.
var errLate = errors.New("it took too long")

// await asks every 10 ms until what is asked for is so.
func await(ctx context.Context, most time.Duration, so func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(most)
	for {
		if yes, err := so(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return errLate
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
