package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// Ports of the states scenario at the far end: each has a peer with other manners.
const (
	portSilent  = 7001 // swallows everything: SYN_SENT
	portNoACK   = 7002 // shakes hands, then never acknowledges: FIN_WAIT_1
	portCrossed = 7003 // answers our FIN with its own but does not acknowledge ours: CLOSING
	portLeaving = 7004 // closes at once, then never acknowledges: LAST_ACK
	portHalf    = 7005 // acknowledges our FIN, sends none: FIN_WAIT_2
)

// stateScenarios are those that show states rather than faults.
func stateScenarios() []scenario {
	return []scenario{{
		name: "states",
		about: Text{
			En: "every TCP state at once, held still for viewing",
			Zh: "同时展示每一种 TCP 状态，静止不动供观察"},
		setup: func(w *world) error {
			// As often as it takes to last for MaxHold: the states that wait
			// for an answer would give up before.
			if err := w.sysctls("net.ipv4.tcp_syn_retries", "20", "net.ipv4.tcp_synack_retries", "20"); err != nil {
				return err
			}
			return setUpWire(w)
		},
		roles: []role{
			server("server", here+":8080", 0, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) /* and never close: CLOSE_WAIT */ }),
			{name: "peer", play: playStrangePeers},
			{name: "client", play: holdStates},
		},
		stands: func(l *look) bool {
			for _, s := range []tcp.State{tcp.Listen, tcp.SynSent, tcp.SynReceived, tcp.Established, tcp.FinWait1,
				tcp.FinWait2, tcp.TimeWait, tcp.CloseWait, tcp.LastAck, tcp.Closing} {
				if l.count(s, nil) == 0 {
					return false
				}
			}
			return true
		},
		expect: Expectation{Healthy: true, AtMost: "notice",
			May: []string{"fin-wait-2-held", "close-wait-leak", "stuck-closing", "unreachable-destination", "proxied-twice", "half-open-connections", "unconnected-socket-leak"}},
	}}
}

// playStrangePeers answers at the far end as the port says, and sends one SYN
// that it never completes.
func playStrangePeers(ctx context.Context, st *stage) error {
	p, err := newPuppet()
	if err != nil {
		return err
	}
	syn := segment{
		from: netip.MustParseAddrPort(remote + ":5000"), to: netip.MustParseAddrPort(here + ":8080"),
		seq: puppetISN, flags: flagSYN, window: 65535,
	}
	if err := p.send(syn); err != nil {
		return err
	}
	st.Step("peer, at the far end of the wire, sends a SYN to %s and never completes it: SYN_RECV", "线路另一端的 peer 向 %s 发送 SYN 而不完成握手：SYN_RECV", syn.to)
	st.Ready()
	return p.serve(ctx, strangeManners)
}

func strangeManners(s segment) []segment {
	port := s.to.Port()
	if port < portNoACK || port > portHalf {
		return nil
	}
	first := s.ack == puppetISN+1 // nothing but the SYN of ours is acknowledged yet
	switch {
	case s.flags&flagSYN != 0:
		return []segment{s.synAck(65535)}
	case port == portCrossed && s.flags&flagFIN != 0 && first:
		return []segment{s.reply(flagFIN|flagACK, s.seq, 65535)}
	case port == portLeaving && s.flags&flagFIN == 0 && first:
		return []segment{s.reply(flagFIN|flagACK, s.seq, 65535)}
	case port == portHalf && s.flags&flagFIN != 0:
		return []segment{s.reply(flagACK, s.next(), 65535)}
	}
	return nil
}

// holdStates brings a connection into each state and keeps every socket.
func holdStates(ctx context.Context, st *stage) error {
	closeWrite := func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() }
	for _, k := range []struct {
		port   uint16
		state  string
		en, zh string
		last   func(net.Conn) error
	}{
		{portNoACK, "FIN_WAIT_1", "we close, the peer does not even acknowledge", "我方关闭，对方连确认都不回", closeWrite},
		{portCrossed, "CLOSING", "both close at the same time, the peer does not acknowledge our FIN", "双方同时关闭，对方没有确认我方的 FIN", closeWrite},
		{portLeaving, "LAST_ACK", "the peer closes, then we do, and it does not acknowledge", "对方先关闭，我方随后关闭，对方不再确认", func(c net.Conn) error {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				return fmt.Errorf("the peer did not close: %w", err)
			}
			return closeWrite(c)
		}},
		{portHalf, "FIN_WAIT_2", "we close, the peer acknowledges and stays", "我方关闭，对方确认了但不关闭", closeWrite},
	} {
		c, err := dialer.DialContext(ctx, "tcp4", fmt.Sprintf("%s:%d", remote, k.port))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := k.last(c); err != nil {
			return err
		}
		where := fmt.Sprintf("client %s:%d %s: ", remote, k.port, k.state)
		st.Tell(Text{En: where + k.en, Zh: where + k.zh})
	}
	local := here + ":8080"
	for _, half := range []bool{false, true} {
		c, err := dialer.DialContext(ctx, "tcp4", local)
		if err != nil {
			return err
		}
		defer c.Close()
		if half {
			if err := closeWrite(c); err != nil {
				return err
			}
		}
	}
	st.Step("client %s ESTABLISHED, and FIN_WAIT_2 facing the server's CLOSE_WAIT", "client %s ESTABLISHED；以及 FIN_WAIT_2，服务器一端是 CLOSE_WAIT", local)
	// Sockets that no TCP table shows: taken a port, and not even that.
	bound, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(bound)
	if err := unix.Bind(bound, &unix.SockaddrInet4{Port: 8081, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	fresh, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fresh)
	st.Step("client 127.0.0.1:8081 BOUND, and a socket that is CLOSED: neither is in any TCP table", "client 127.0.0.1:8081 BOUND，以及一个 CLOSED 套接字：两者都不在 TCP 表中")
	silent, stopDial := context.WithCancel(ctx)
	defer stopDial()
	go func() {
		if c, err := dialer.DialContext(silent, "tcp4", fmt.Sprintf("%s:%d", remote, portSilent)); err == nil {
			c.Close()
		}
	}()
	st.Step("client %s:%d SYN_SENT: nobody answers", "client %s:%d SYN_SENT：无人应答", remote, portSilent)
	st.Ready()
	return renewTimeWait(ctx, st)
}

// renewTimeWait keeps a socket in TIME_WAIT: each lasts 60 s, whatever is set.
func renewTimeWait(ctx context.Context, st *stage) error {
	l, err := listenOn(ctx, here+":8082", 0)
	if err != nil {
		return err
	}
	go func() { _ = accept(ctx, l, swallowAll) }()
	st.Step("client closes a connection to %s:8082 first: TIME_WAIT, renewed before its 60 s are over", "client 先关闭到 %s:8082 的连接：TIME_WAIT，60 秒到期之前会补上新的", here)
	for {
		c, err := dialer.DialContext(ctx, "tcp4", here+":8082")
		if err != nil {
			return err
		}
		c.Close()
		if !pause(ctx, tcp.TimeWaitLen-5*time.Second) {
			return nil
		}
	}
}
