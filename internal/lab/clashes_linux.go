package lab

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// clashScenarios are those in which an address is taken, or nobody is there.
func clashScenarios() []scenario {
	const closed = "127.0.0.1:9000"
	return []scenario{{
		name: "address-in-use",
		about: Text{
			En: "a second instance of a server cannot bind to the port that the first one holds, and tries again twice a second",
			Zh: "服务器的第二个实例无法绑定第一个实例占用的端口，每秒重试两次"},
		roles:  []role{server("first", webServer, 0, answerAll), {name: "second", play: startTwice}},
		expect: Expectation{Finding: "address-in-use", Culprit: "second", Severity: "warning", Errno: "EADDRINUSE", Call: "bind", Code: "lab.listenOn"},
	}, {
		name: "retry-storm",
		about: Text{
			En: "a client retries a refused port 1,000 times a second, without a pause",
			Zh: "客户端每秒 1000 次重试一个被拒绝的端口，毫无停顿"},
		roles:  []role{{name: "client", play: retry(closed, 1000)}},
		stands: func(l *look) bool { return l.counters["TcpAttemptFails"] >= 500 },
		expect: Expectation{Finding: "retry-storm", Culprit: "client", Destination: closed, Severity: "warning",
			Errno: "ECONNREFUSED", Call: "connect", Opener: "client", Code: "lab.tryClosed"},
	}, {
		name: "refused",
		about: Text{
			En: "a client asks for a service that is down, 4 times a second: connect() fails with ECONNREFUSED at once, and this machine lacks nothing",
			Zh: "客户端每秒 4 次连接一个已停止的服务：connect() 立即返回 ECONNREFUSED，本机并不缺少任何资源"},
		roles:  []role{{name: "client", play: retry(closed, 4)}},
		stands: func(l *look) bool { return l.counters["TcpAttemptFails"] >= 4 },
		expect: Expectation{Healthy: true, AtMost: "notice", Destination: closed,
			Errno: "ECONNREFUSED", Call: "connect", Opener: "client", Code: "lab.tryClosed"},
	}, {
		name: "linger-reset",
		about: Text{
			En: "a client closes 50 connections a second with SO_LINGER 0: RST instead of FIN, no TIME_WAIT, data on the way is lost",
			Zh: "客户端每秒用 SO_LINGER 0 关闭 50 条连接：发送 RST 而非 FIN，没有 TIME_WAIT，在途数据丢失"},
		roles:  []role{server("server", here+":9000", 0, answerAll), {name: "client", play: resetOften}},
		stands: func(l *look) bool { return l.counters["TcpOutRsts"] >= 50 },
		expect: Expectation{Finding: "linger-reset", May: []string{"short-lived-connections"}, Severity: "notice",
			Opener: "client", Closer: "local", Code: churnCode},
	}, {
		name: "self-connect",
		about: Text{
			En: "a client retries a local port inside the ephemeral range where nobody listens, until it is connected to itself",
			Zh: "客户端不断重试临时端口范围内一个无人监听的本地端口，直到连上了自己"},
		setup:  smallPortRange,
		roles:  []role{{name: "client", play: connectToSelf}},
		stands: func(l *look) bool { return l.count(tcp.Established, isSelfConnected) == 1 },
		expect: Expectation{Finding: "self-connect", May: []string{"port-range-narrow"}, Culprit: "client", Destination: "127.0.0.1:20100", Severity: "warning"},
	}}
}

func isSelfConnected(s *tcp.Socket) bool { return s.Local == s.Remote }

// startTwice is a server that finds its port taken.
func startTwice(ctx context.Context, st *stage) error {
	for told := false; ctx.Err() == nil; pause(ctx, 500*time.Millisecond) {
		l, err := listenOn(ctx, webServer, 0)
		if err == nil {
			return errors.Join(errors.New("the port was free"), l.Close())
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return err
		}
		if !told {
			told = true
			st.Step("second: %v (errno %d); it tries again every 500 ms", "second：%v（errno %d）；每 500 毫秒重试一次", err, int(unix.EADDRINUSE))
			st.Ready()
		}
	}
	return nil
}

// retry connects perS times a second to a port where nobody listens.
func retry(address string, perS int) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		st.Step("client connects to %s, where nobody listens, %d times a second", "client 每秒 %[2]d 次连接 %[1]s（无人监听）", address, perS)
		st.Ready()
		var err error
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		paced(ctx, perS, perS*int(MaxHold.Seconds()), func() {
			if e := tryClosed(ctx, address); e != nil {
				err = e
				cancel()
			}
		})
		return err
	}
}

// tryClosed connects and expects to be refused; any other failure is returned.
func tryClosed(ctx context.Context, address string) error {
	c, err := dialer.DialContext(ctx, "tcp4", address)
	switch {
	case err == nil:
		return c.Close()
	case errors.Is(err, unix.ECONNREFUSED):
		return nil
	}
	return err
}

// resetOften closes with a reset, what folklore recommends against TIME_WAIT.
func resetOften(ctx context.Context, st *stage) error {
	abrupt := dialer
	abrupt.Control = func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(fd uintptr) {
			failure = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
		return errors.Join(err, os.NewSyscallError("setsockopt(SO_LINGER)", failure))
	}
	st.Step("client sets SO_LINGER 0 on 50 connections a second to %s and closes them", "client 每秒对 50 条到 %s 的连接设置 SO_LINGER 0 并关闭", here+":9000")
	st.Ready()
	work := &churn{from: abrupt, to: always(here + ":9000"), workers: 4, perS: 50}
	work.run(ctx)
	return nil
}

// connectToSelf tries until the kernel picks the very port it connects to. Go's
// dialer would notice and try again; most programs do not. connect() prefers
// ports of the parity of the range's low end (net/ipv4/inet_hashtables.c
// __inet_hash_connect, v6.18), and the target has it.
func connectToSelf(ctx context.Context, st *stage) error {
	target := &unix.SockaddrInet4{Port: 20100, Addr: [4]byte{127, 0, 0, 1}}
	st.Step("client connects to 127.0.0.1:20100, where nobody listens, again and again", "client 反复连接 127.0.0.1:20100（无人监听）")
	for tries := 1; ctx.Err() == nil; tries++ {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		err = unix.Connect(fd, target)
		if err == nil {
			st.Step("try %d is connected: to itself", "第 %d 次连上了：连到了自己", tries)
			st.Ready()
			<-ctx.Done()
			return unix.Close(fd)
		}
		unix.Close(fd)
		if !errors.Is(err, unix.ECONNREFUSED) {
			return os.NewSyscallError("connect", err)
		}
		pause(ctx, time.Millisecond)
	}
	return nil
}
