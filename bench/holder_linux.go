package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a holder is told on stdin, one line each. It answers each on stdout with
// a line of its own, and ends with its input.
const (
	orderOpen  = "open"  // open the connections
	orderHalf  = "half"  // the connecting sides send their FIN: FIN_WAIT_2
	orderClose = "close" // the accepting sides close: TIME_WAIT
)

// holderArg is the first argument of a process that holds sockets.
const holderArg = "hold"

// holderPort is where every holder listens, each on an address of its own, so
// that each has the whole range of ephemeral ports to itself.
const holderPort = 7000

// holderLife bounds a holder whose starter forgot it.
const holderLife = time.Hour

// holder is a process that keeps both ends of its connections. Descriptors
// rather than net.Conn: no poller, no finalizer that closes what is not used.
type holder struct {
	addr              *unix.SockaddrInet4
	conns             int
	listener          int
	dialled, accepted []int
}

// hold is main of a holder: args are its number and how many connections.
func hold(args []string) int {
	if len(args) != 2 {
		return 2
	}
	number, err1 := strconv.Atoi(args[0])
	conns, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil || number < 0 || number > 250*250 || conns < 0 {
		return 2
	}
	time.AfterFunc(holderLife, func() { os.Exit(3) })
	h := &holder{conns: conns, addr: &unix.SockaddrInet4{Port: holderPort,
		Addr: [4]byte{127, 1, byte(number / 250), byte(1 + number%250)}}}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		if err := h.obey(orders.Text()); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(orders.Text())
	}
	return 0
}

func (h *holder) obey(order string) error {
	switch order {
	case orderOpen:
		return h.open()
	case orderHalf:
		for _, fd := range h.dialled {
			if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
				return fmt.Errorf("shutdown: %w", err)
			}
		}
		return nil
	case orderClose:
		for _, fd := range append(h.accepted, h.dialled...) {
			if err := unix.Close(fd); err != nil {
				return fmt.Errorf("close: %w", err)
			}
		}
		h.accepted, h.dialled = nil, nil
		return unix.Close(h.listener)
	}
	return fmt.Errorf("unknown order %q", order)
}

func (h *holder) open() (err error) {
	const stream = unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	if h.listener, err = unix.Socket(unix.AF_INET, stream, 0); err != nil {
		return err
	}
	if err = unix.Bind(h.listener, h.addr); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err = unix.Listen(h.listener, 128); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for i := range h.conns {
		fd, err := unix.Socket(unix.AF_INET, stream, 0)
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		h.dialled = append(h.dialled, fd)
		if err := unix.Connect(fd, h.addr); err != nil {
			return fmt.Errorf("connect %d: %w", i, err)
		}
		fd, _, err = unix.Accept4(h.listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return fmt.Errorf("accept %d: %w", i, err)
		}
		h.accepted = append(h.accepted, fd)
	}
	return nil
}

// crowd is the holders of a case, seen from their starter.
type crowd struct {
	members []member
}

type member struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
}

// gather starts holders that together will open that many connections. Their
// numbers begin with first: no two at a time may have the same.
func gather(ctx context.Context, first, holders, conns int) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &crowd{}
	for i := range holders {
		share := conns / holders
		if i < conns%holders {
			share++
		}
		cmd := exec.CommandContext(ctx, self, holderArg, strconv.Itoa(first+i), strconv.Itoa(share))
		cmd.SysProcAttr = dieWithUs()
		cmd.Stderr = os.Stderr
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
		m := member{cmd: cmd}
		if m.orders, err = cmd.StdinPipe(); err != nil {
			break
		}
		pipe, perr := cmd.StdoutPipe()
		if err = perr; err != nil {
			break
		}
		m.answers = bufio.NewReader(pipe)
		if err = cmd.Start(); err != nil {
			break
		}
		c.members = append(c.members, m)
	}
	if err != nil {
		c.dismiss()
		return nil, err
	}
	return c, nil
}

// tell gives every holder an order and waits until all have obeyed.
func (c *crowd) tell(order string) error {
	for _, m := range c.members {
		if _, err := io.WriteString(m.orders, order+"\n"); err != nil {
			return fmt.Errorf("holder %d: %w", m.cmd.Process.Pid, err)
		}
	}
	for _, m := range c.members {
		answer, err := m.answers.ReadString('\n')
		if err != nil {
			return fmt.Errorf("holder %d: %w", m.cmd.Process.Pid, err)
		}
		if answer = strings.TrimSpace(answer); answer != order {
			return fmt.Errorf("holder %d: %s", m.cmd.Process.Pid, answer)
		}
	}
	return nil
}

// dismiss ends the holders and waits for them.
func (c *crowd) dismiss() {
	for _, m := range c.members {
		_ = m.orders.Close()
	}
	for _, m := range c.members {
		_ = m.cmd.Wait() // its end was asked for
	}
	c.members = nil
}
