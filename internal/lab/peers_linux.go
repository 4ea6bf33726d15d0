package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"sockeye/internal/tcp"
)

// peerScenarios are those whose other end is far away, and silent, slow or gone.
func peerScenarios() []scenario {
	far := remote + ":9000"
	return []scenario{{
		name: "unreachable-destination",
		about: Text{
			En: "a client with a connect timeout of 30 s calls a machine that swallows every SYN: 40 sockets in SYN_SENT",
			Zh: "客户端（连接超时 30 秒）连接一台吞掉所有 SYN 的机器：40 个套接字停在 SYN_SENT"},
		setup:  setUpWire,
		roles:  []role{{name: "client", play: callInVain(far)}},
		stands: func(l *look) bool { return l.count(tcp.SynSent, to(9000)) >= 40 },
		expect: Expectation{Finding: "unreachable-destination", Culprit: "client", Destination: far, Severity: "warning"},
	}, {
		name: "connection-scan",
		about: Text{
			En: "a program tries port 445 of one address after the other, as a worm does: SYN_SENT to more than 60 machines",
			Zh: "程序像蠕虫一样逐个地址尝试 445 端口：对 60 多台机器停在 SYN_SENT"},
		setup:  setUpWire,
		roles:  []role{{name: "scanner", play: scan}},
		stands: func(l *look) bool { return l.count(tcp.SynSent, to(445)) >= 60 },
		expect: Expectation{Finding: "connection-scan", Culprit: "scanner", Severity: "warning", Opener: "scanner", Code: "lab.knock"},
	}, {
		name: "half-open-connections",
		about: Text{
			En: "the machine at the other end is gone without a word: 30 ESTABLISHED connections retransmit what nobody acknowledges",
			Zh: "对端机器悄然消失：30 条 ESTABLISHED 连接不断重传无人确认的数据"},
		setup: setUpWire,
		roles: []role{peer("peer", silentAfterHandshake), {name: "client", play: holdFar(30, func(c net.Conn) error {
			_, err := c.Write(make([]byte, 100))
			return err
		}, "client has sent 100 bytes on each of 30 connections to %s; the peer is silent from now on", "client 在到 %s 的 30 条连接上各发送了 100 字节；对端从此沉默")}},
		stands: func(l *look) bool {
			retransmitted := func(times uint8) int {
				return l.count(tcp.Established, func(s *tcp.Socket) bool {
					return s.Remote.Port() == 9000 && s.SendQ > 0 && s.Timer.Kind == tcp.TimerOn && s.Timer.Retries >= times
				})
			}
			// On a busy machine a handshake may take a second SYN; such a
			// connection starts with a timeout of 3 s (TCP_TIMEOUT_FALLBACK).
			return retransmitted(1) >= 30 && retransmitted(4) >= 20
		},
		expect: Expectation{Finding: "half-open-connections", Culprit: "client", Destination: far, Severity: "warning"},
	}, {
		name: "slow-peer",
		about: Text{
			En: "the machine at the other end reads nothing and keeps its window at zero: Send-Q stands still at the sender",
			Zh: "对端机器不读数据，窗口一直为零：发送方的 Send-Q 停滞"},
		setup: setUpWire,
		roles: []role{peer("peer", zeroWindow()), {name: "sender", play: holdFar(5, fillUp,
			"sender has filled 5 connections to %s; the peer's window is closed", "sender 已写满到 %s 的 5 条连接；对端窗口已关闭")}},
		stands: func(l *look) bool {
			return l.count(tcp.Established, func(s *tcp.Socket) bool {
				return s.Remote.Port() == 9000 && s.SendQ > 10_000 && s.Timer.Kind == tcp.TimerPersist
			}) >= 5
		},
		expect: Expectation{Finding: "slow-peer", Culprit: "sender", Destination: far, Severity: "notice"},
	}, {
		name: "fin-wait-2-held",
		about: Text{
			En: "a client half-closes 60 connections and keeps them; the far end never closes: FIN_WAIT_2 with an owner and no timer",
			Zh: "客户端半关闭 60 条连接后一直持有，对端从不关闭：FIN_WAIT_2 有属主、没有定时器"},
		setup: setUpWire,
		roles: []role{peer("peer", neverCloses), {name: "client", play: holdFar(60, func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() },
			"client has called shutdown(SHUT_WR) on 60 connections to %s and waits for an end that does not come", "client 对到 %s 的 60 条连接调用了 shutdown(SHUT_WR)，等待永远不会到来的结束")}},
		stands: func(l *look) bool { return l.count(tcp.FinWait2, to(9000)) >= 60 },
		expect: Expectation{Finding: "fin-wait-2-held", Culprit: "client", Destination: far, Severity: "notice"},
	}, {
		name: "stuck-closing",
		about: Text{
			En: "a client sends, closes and goes on; the peer acknowledges nothing: FIN_WAIT_1 without an owner, retransmitting",
			Zh: "客户端发送数据、关闭后继续工作，对端毫无确认：无属主的 FIN_WAIT_1 不断重传"},
		setup: setUpWire,
		roles: []role{peer("peer", silentAfterHandshake), {name: "client", play: closeUnheard}},
		stands: func(l *look) bool {
			return l.count(tcp.FinWait1, func(s *tcp.Socket) bool { return s.Remote.Port() == 9000 && s.Timer.Retries >= 2 }) >= 30
		},
		expect: Expectation{Finding: "stuck-closing", Destination: far, Severity: "notice"},
	}, {
		name: "suspicious-process",
		about: Text{
			En: "a program named cr0nd runs from a temporary folder, its file is deleted, and it holds a connection to the outside",
			Zh: "名为 cr0nd 的程序从临时目录运行，文件已被删除，却保持着一条对外连接"},
		setup: setUpWire,
		roles: []role{peer("peer", silentAfterHandshake), {name: "cr0nd", disguise: "cr0nd", play: holdFar(1, func(net.Conn) error { return nil },
			"cr0nd is connected to %s", "cr0nd 已连接到 %s")}},
		stands: func(l *look) bool { return l.count(tcp.Established, to(9000)) == 1 },
		expect: Expectation{Finding: "suspicious-process", Culprit: "cr0nd", Destination: far, Severity: "warning"},
	}}
}

// peer is a role that plays every machine at the far end of the wire.
func peer(name string, manners func(segment) []segment) role {
	return role{name: name, play: func(ctx context.Context, st *stage) error {
		p, err := newPuppet()
		if err != nil {
			return err
		}
		st.Step("%s answers at the far end of the wire; the kernel has no sockets there", "%s 在线路另一端应答；内核在那里没有套接字", name)
		st.Ready()
		return p.serve(ctx, manners)
	}}
}

func silentAfterHandshake(s segment) []segment {
	if s.flags&flagSYN != 0 {
		return []segment{s.synAck(65535)}
	}
	return nil
}

func neverCloses(s segment) []segment {
	switch {
	case s.flags&flagSYN != 0:
		return []segment{s.synAck(65535)}
	case s.flags&flagFIN != 0 || s.payload > 0:
		return []segment{s.reply(flagACK, s.next(), 65535)}
	}
	return nil
}

// zeroWindow takes what fits into the first window, closes it, and answers the
// sender's probes. A probe repeats the last acknowledged byte's number and
// carries nothing (net/ipv4/tcp_output.c tcp_xmit_probe_skb, v6.18).
func zeroWindow() func(segment) []segment {
	got := map[netip.AddrPort]uint32{}
	return func(s segment) []segment {
		switch {
		case s.flags&flagSYN != 0:
			got[s.from] = s.next()
			return []segment{s.synAck(4096)}
		case s.payload > 0 && int32(s.next()-got[s.from]) > 0:
			got[s.from] = s.next()
		case s.payload == 0 && s.seq != got[s.from]-1:
			return nil
		}
		return []segment{s.reply(flagACK, got[s.from], 0)}
	}
}

// holdFar opens n connections to the far end, does use with each and keeps them.
func holdFar(n int, use func(net.Conn) error, en, zh string) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		var kept []net.Conn
		defer func() {
			for _, c := range kept {
				c.Close()
			}
		}()
		for range n {
			c, err := dialer.DialContext(ctx, "tcp4", remote+":9000")
			if err != nil {
				return err
			}
			kept = append(kept, c)
			if err := use(c); err != nil {
				return err
			}
		}
		st.Step(en, zh, remote+":9000")
		st.Ready()
		<-ctx.Done()
		return nil
	}
}

// fillUp sends without end and without waiting for it: the goroutine blocks as
// soon as the buffer is full. A small buffer keeps the lab's memory small.
func fillUp(c net.Conn) error {
	if err := c.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
		return err
	}
	go func() {
		block := make([]byte, 4096)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}()
	return nil
}

// callInVain calls an address that does not answer, with 40 workers that wait for
// 30 seconds each.
func callInVain(address string) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		const workers, patience = 40, 30 * time.Second
		patient := dialer
		patient.Timeout = patience
		work := &churn{from: patient, to: always(address), workers: workers, most: workers * int(MaxHold/patience)}
		st.Step("client calls %s with %d workers; no answer comes", "client 用 %[2]d 个工作线程连接 %[1]s；没有应答", address, workers)
		st.Ready()
		work.run(ctx)
		<-ctx.Done()
		return nil
	}
}

// scan tries 240 addresses in turn, for three seconds each.
func scan(ctx context.Context, st *stage) error {
	const machines, first, perS = 240, 80, 40
	next := 0
	try := func() {
		address := fmt.Sprintf("198.51.100.%d:445", next%machines+1)
		next++
		go knock(ctx, address)
	}
	for range first {
		try()
	}
	st.Step("scanner tries port 445 of 198.51.100.1 to .%d, %d a second", "scanner 依次尝试 198.51.100.1 至 .%d 的 445 端口，每秒 %d 个", machines, perS)
	st.Ready()
	paced(ctx, perS, perS*int(MaxHold.Seconds()), try)
	<-ctx.Done()
	return nil
}

// knock tries an address for three seconds.
func knock(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if c, err := dialer.DialContext(ctx, "tcp4", address); err == nil {
		c.Close()
	}
}

// closeUnheard keeps dozens of orphans in FIN_WAIT_1: each is given up after
// some eight retransmissions (tcp_orphan_retries), so a new one comes each second.
func closeUnheard(ctx context.Context, st *stage) error {
	one := func() error {
		c, err := dialer.DialContext(ctx, "tcp4", remote+":9000")
		if err != nil {
			return err
		}
		_, err = c.Write(make([]byte, 100))
		return errors.Join(err, c.Close())
	}
	for range 40 {
		if err := one(); err != nil {
			return err
		}
	}
	st.Step("client has sent to %s on 40 connections and closed them; nothing is acknowledged", "client 在到 %s 的 40 条连接上发送数据后关闭；对端毫无确认", remote+":9000")
	st.Ready()
	paced(ctx, 1, int(MaxHold.Seconds()), func() { _ = one() })
	<-ctx.Done()
	return nil
}
