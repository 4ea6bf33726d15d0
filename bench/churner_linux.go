package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// First arguments of the two processes of a churn. Each has the tally as
// descriptor 3 and an end of the pipe of credits as descriptor 4.
const (
	churnClientArg = "churn-client"
	churnServerArg = "churn-server"
	tallyFD        = 3
	creditFD       = 4
)

// The tally is memory that a client, its server and their starter share: numbers
// of 8 bytes, each on a cache line of its own and written by one process only.
// Reading them costs the two nothing.
const (
	tallyMade  = 0 // connections that the client has closed
	tallyDone  = 1 // connections that the server has closed
	tallyStop  = 2 // the starter sets it: the client rests
	tallyRests = 3 // the client says that it does
	tallyLine  = 64
	tallyBytes = 4096
)

type tally []byte

func (t tally) get(i int) uint64    { return binary.NativeEndian.Uint64(t[i*tallyLine:]) }
func (t tally) set(i int, n uint64) { binary.NativeEndian.PutUint64(t[i*tallyLine:], n) }

func mapTally(fd int) (tally, error) {
	b, err := unix.Mmap(fd, 0, tallyBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("shared tally: %w", err)
	}
	return b, nil
}

const (
	// churnPort is where the first server listens, on every address.
	churnPort = 7100

	// churnAddrs is how many addresses a client connects to in turn. Each has the
	// whole range of ports, so that a port comes round only when the TIME_WAIT that
	// holds it is older than the second after which it is used again.
	churnAddrs = 2

	// A credit allows the client creditWorth connections; the server gives one for
	// as many that it has closed. With creditWindow of them on their way its queue
	// never overflows, which would stop the client for a second.
	creditWorth  = 32
	creditWindow = 8

	// churnLife bounds a churner whose starter forgot it.
	churnLife = time.Hour
)

// A churn of bare system calls is as lean as one can be: nothing else costs so
// little beside a tracer. One of Go's net package does what programs do.
const (
	bareChurn = "bare"
	goChurn   = "go"
)

type work = func(number int, t tally) error

// churnServer is main of a server; its arguments are its number and the kind of churn.
func churnServer(args []string) int {
	return churner(args, map[string]work{bareChurn: serve, goChurn: serveGo})
}

// churnClient is main of a client; its arguments are its server's number and the kind of churn.
func churnClient(args []string) int {
	return churner(args, map[string]work{bareChurn: connectAndClose, goChurn: connectAndCloseGo})
}

func churner(args []string, kinds map[string]work) int {
	if len(args) != 2 || kinds[args[1]] == nil {
		return 2
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 0 || number > 200 {
		return 2
	}
	time.AfterFunc(churnLife, func() { os.Exit(3) })
	t, err := mapTally(tallyFD)
	if err == nil {
		err = kinds[args[1]](number, t)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", os.Args[1], err)
		return 1
	}
	return 0
}

// serve accepts, waits for the client's FIN and closes, until it is killed.
func serve(number int, t tally) error {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(l, &unix.SockaddrInet4{Port: churnPort + number}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(l, 2*creditWorth*creditWindow); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	credit := make([]byte, creditWindow)
	if _, err := unix.Write(creditFD, credit); err != nil {
		return fmt.Errorf("credit: %w", err)
	}
	for n := uint64(1); ; n++ {
		// Not unix.Accept4: it would make an address of each peer for the collector.
		fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(l), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
		if errno != 0 {
			return fmt.Errorf("accept: %w", errno)
		}
		if _, err := unix.Read(int(fd), credit[:1]); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := unix.Close(int(fd)); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		t.set(tallyDone, n)
		if n%creditWorth == 0 {
			if _, err := unix.Write(creditFD, credit[:1]); err != nil {
				return fmt.Errorf("credit: %w", err)
			}
		}
	}
}

// connectAndClose opens a connection and closes it first, again and again. Its
// sockets end in TIME_WAIT. When it is told to stop it stays: who asks for the
// code of these sockets still finds the process.
func connectAndClose(number int, t tally) error {
	var to [churnAddrs]unix.SockaddrInet4
	for i := range to {
		to[i] = unix.SockaddrInet4{Port: churnPort + number, Addr: [4]byte{127, 2, byte(number), byte(1 + i)}}
	}
	var credit credits
	for n := uint64(0); t.get(tallyStop) == 0; n++ {
		if err := credit.take(); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		if err := unix.Connect(fd, &to[n%churnAddrs]); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		t.set(tallyMade, n+1)
	}
	t.set(tallyRests, 1)
	return credit.outlast()
}

// credits are what a client may still make.
type credits struct {
	left int
	pipe [creditWindow]byte
}

// take takes one, and waits for it if there is none.
func (c *credits) take() error {
	if c.left == 0 {
		got, err := unix.Read(creditFD, c.pipe[:])
		if err != nil {
			return fmt.Errorf("credit: %w", err)
		}
		if got == 0 {
			return errors.New("the server is gone")
		}
		c.left = got * creditWorth
	}
	c.left--
	return nil
}

// outlast reads the credits that came too late, until the server ends.
func (c *credits) outlast() error {
	for {
		if got, err := unix.Read(creditFD, c.pipe[:]); got == 0 || err != nil {
			return err
		}
	}
}
