package lab

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

const webServer = here + ":8080"

// queueScenarios are those in which a server does not take its connections.
func queueScenarios() []scenario {
	return []scenario{{
		name: "never-accepted",
		about: Text{
			En: "a server listens but never accepts; its clients send, give up and close: CLOSE_WAIT without an owner, a byte count in Recv-Q",
			Zh: "服务器在监听但从不 accept；客户端发完数据放弃并关闭：无属主的 CLOSE_WAIT，Recv-Q 中有数据"},
		roles:  []role{{name: "server", play: neverAccept}, {name: "client", play: sendAndGiveUp}},
		stands: func(l *look) bool { return l.count(tcp.CloseWait, at(8080)) >= 60 },
		expect: Expectation{Finding: "never-accepted", Culprit: "server", Severity: "notice", Opener: "server", Closer: "peer"},
	}, {
		name: "accept-queue-overflow",
		about: Text{
			En: "a server works on one connection at a time, for 2 s each, with a backlog of 8: its accept queue overflows, clients wait in SYN_SENT",
			Zh: "服务器一次只处理一条连接，每条 2 秒，backlog 为 8：accept 队列溢出，客户端停在 SYN_SENT"},
		roles: []role{{name: "server", play: serveOneByOne}, {name: "client", play: waitInLine}},
		stands: func(l *look) bool {
			return l.count(tcp.Listen, func(s *tcp.Socket) bool { return s.Local.Port() == 8080 && s.RecvQ > 8 }) == 1 &&
				l.counters["TcpExtListenOverflows"] >= 20 && l.count(tcp.SynSent, to(8080)) > 0
		},
		expect: Expectation{Finding: "accept-queue-overflow", May: []string{"never-accepted", "unreachable-destination", "syn-queue-pressure"}, Culprit: "server", Severity: "critical"},
	}, {
		name: "syn-queue-pressure",
		about: Text{
			En: "SYNs from addresses that never answer fill the SYN queue of a server with a backlog of 64: SYN cookies are sent",
			Zh: "来自从不应答的地址的 SYN 占满服务器的半连接队列（backlog 64）：内核开始发送 SYN cookie"},
		setup: setUpWire,
		roles: []role{server("server", webServer, 64, answerAll), {name: "flood", play: floodSYNs}},
		stands: func(l *look) bool {
			return l.count(tcp.SynReceived, at(8080)) >= 60 && l.counters["TcpExtTCPReqQFullDoCookies"] >= 20
		},
		expect: Expectation{Finding: "syn-queue-pressure", Severity: "warning"},
	}, {
		name: "fd-exhaustion",
		about: Text{
			En: "300 clients stay connected to a server with a limit of 256 descriptors: accept() fails with EMFILE, the rest waits in its queue",
			Zh: "300 个客户端连接到描述符上限为 256 的服务器：accept() 返回 EMFILE，其余的在队列中等待"},
		roles: []role{{name: "server", play: serveWithFewFiles}, {name: "client", play: stayConnected(webServer, 300)}},
		stands: func(l *look) bool {
			// The server takes some 245 of the 300 before its descriptors are used up.
			return l.count(tcp.Listen, func(s *tcp.Socket) bool { return s.Local.Port() == 8080 && s.RecvQ >= 20 && s.RecvQ <= 70 }) == 1 &&
				l.count(tcp.Established, at(8080)) == 300
		},
		expect: Expectation{Finding: "fd-exhaustion", May: []string{"accept-queue-overflow", "never-accepted"}, Culprit: "server", Severity: "critical",
			Errno: "EMFILE", Call: "accept", Code: "lab.accept"},
	}}
}

func neverAccept(ctx context.Context, st *stage) error {
	l, err := listenOn(ctx, webServer, 128)
	if err != nil {
		return err
	}
	defer l.Close()
	st.Step("server listens on %s with a backlog of 128 and never calls accept()", "server 在 %s 上监听（backlog 128），从不调用 accept()", webServer)
	st.Ready()
	<-ctx.Done()
	return nil
}

// sendAndGiveUp connects 60 times at once and then once a second, up to 110: the
// backlog of 128 does not overflow.
func sendAndGiveUp(ctx context.Context, st *stage) error {
	const first, most = 60, 110
	one := func() error {
		c, err := dialer.DialContext(ctx, "tcp4", webServer)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = io.WriteString(c, "GET /slow\n")
		return err
	}
	for range first {
		if err := one(); err != nil {
			return err
		}
	}
	st.Step("client has connected %d times, sent 10 bytes and closed", "client 已连接 %d 次，每次发送 10 字节后关闭", first)
	st.Ready()
	paced(ctx, 1, most-first, func() { _ = one() })
	<-ctx.Done()
	return nil
}

func serveOneByOne(ctx context.Context, st *stage) error {
	l, err := listenOn(ctx, webServer, 8)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	st.Step("server listens on %s with a backlog of 8, and takes 2 s for each connection before it accepts the next", "server 在 %s 上监听（backlog 8），每条连接处理 2 秒后才 accept 下一条", webServer)
	st.Ready()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		pause(ctx, 2*time.Second)
		answerOnce(c)
	}
}

// waitInLine plays 40 clients that wait for their answer as long as it takes and
// come back. Their SYNs are repeated by the kernel every second or so.
func waitInLine(ctx context.Context, st *stage) error {
	st.Step("40 clients ask %s and wait for the answer", "40 个客户端向 %s 发出请求并等待回答", webServer)
	st.Ready()
	work := &churn{from: dialer, to: always(webServer), workers: 40, most: 10_000}
	work.run(ctx)
	<-ctx.Done()
	return nil
}

// floodSYNs sends 200 SYNs a second from addresses where nobody lives.
func floodSYNs(ctx context.Context, st *stage) error {
	p, err := newPuppet()
	if err != nil {
		return err
	}
	const perS = 200
	one := func() {
		_ = p.send(segment{
			from: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + rand.IntN(250))}), uint16(1024+rand.IntN(60000))),
			to:   netip.MustParseAddrPort(webServer), seq: rand.Uint32(), flags: flagSYN, window: 65535,
		})
	}
	st.Step("flood sends %d SYNs a second from 203.0.113.0/24, where nobody answers the SYN,ACK", "flood 每秒从 203.0.113.0/24 发送 %d 个 SYN，那里没有人应答 SYN,ACK", perS)
	st.Ready()
	paced(ctx, perS, perS*int(MaxHold.Seconds()), one)
	<-ctx.Done()
	return nil
}

func serveWithFewFiles(ctx context.Context, st *stage) error {
	const files = 256
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
		return os.NewSyscallError("setrlimit(RLIMIT_NOFILE)", err)
	}
	l, err := listenOn(ctx, webServer, 128)
	if err != nil {
		return err
	}
	st.Step("server listens on %s with RLIMIT_NOFILE %d", "server 在 %s 上监听，RLIMIT_NOFILE 为 %d", webServer, files)
	st.Ready()
	return accept(ctx, l, answerAll)
}

// stayConnected opens n connections and keeps them.
func stayConnected(address string, n int) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		kept := make([]net.Conn, 0, n)
		defer func() {
			for _, c := range kept {
				c.Close()
			}
		}()
		for range n {
			c, err := dialer.DialContext(ctx, "tcp4", address)
			if err != nil {
				return fmt.Errorf("after %d connections: %w", len(kept), err)
			}
			kept = append(kept, c)
		}
		st.Step("client holds %d connections to %s", "client 保持着 %d 条到 %s 的连接", n, address)
		st.Ready()
		<-ctx.Done()
		return nil
	}
}
