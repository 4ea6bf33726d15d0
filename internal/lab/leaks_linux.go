package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// leakScenarios are those in which a program keeps what it should give back.
func leakScenarios() []scenario {
	return []scenario{{
		name: "close-wait-leak",
		about: Text{
			En: "a client never closes the connections that its server has closed: CLOSE_WAIT grows by 10 a second",
			Zh: "服务器已关闭连接，客户端却从不关闭：CLOSE_WAIT 每秒增加 10 条"},
		roles:  []role{server("server", here+":9000", 0, answerOnce), {name: "client", play: leak(here+":9000", 100, ask)}},
		stands: func(l *look) bool { return l.count(tcp.CloseWait, to(9000)) >= 100 },
		expect: Expectation{Finding: "close-wait-leak", Culprit: "client", Destination: here + ":9000", Severity: "warning",
			Opener: "client", Closer: "peer", Code: "lab.(*leaker).one"},
	}, {
		name: "connection-leak",
		about: Text{
			En: "a client opens a connection per job and never closes one: ESTABLISHED grows by 10 a second",
			Zh: "客户端每个任务新建一条连接且从不关闭：ESTABLISHED 每秒增加 10 条"},
		roles:  []role{server("server", here+":9000", 0, answerAll), {name: "client", play: leak(here+":9000", 50, ask)}},
		stands: func(l *look) bool { return l.count(tcp.Established, to(9000)) >= 50 },
		expect: Expectation{Finding: "connection-leak", Culprit: "client", Destination: here + ":9000", Severity: "warning",
			Opener: "client", Code: "lab.(*leaker).one"},
	}, {
		name: "unconnected-socket-leak",
		about: Text{
			En: "a program makes sockets, binds every other one, connects none and closes none: no TCP table shows them; 10 more a second",
			Zh: "程序不断创建套接字，其中一半绑定了端口，既不连接也不关闭：TCP 表中看不到；每秒增加 10 个"},
		roles:  []role{{name: "client", play: leakUnconnected}},
		expect: Expectation{Finding: "unconnected-socket-leak", Culprit: "client", Severity: "warning"},
	}, {
		name: "slow-reader",
		about: Text{
			En: "a client keeps 5 connections and never reads: Recv-Q stands full at the client, Send-Q at the server",
			Zh: "客户端保持 5 条连接却从不读取：客户端 Recv-Q 已满，服务器 Send-Q 堆积"},
		roles: []role{server("server", here+":9000", 0, pour), {name: "client", play: neverRead}},
		stands: func(l *look) bool {
			return l.count(tcp.Established, func(s *tcp.Socket) bool { return s.Remote.Port() == 9000 && s.RecvQ > 10_000 }) == 5 &&
				l.count(tcp.Established, func(s *tcp.Socket) bool { return s.Local.Port() == 9000 && s.SendQ > 10_000 }) == 5
		},
		expect: Expectation{Finding: "slow-reader", May: []string{"slow-peer"}, Culprit: "client", Severity: "notice"},
	}}
}

// leakUnconnected makes 100 sockets at once and then leakRate a second.
func leakUnconnected(ctx context.Context, st *stage) error {
	const first = 100
	n := 0
	one := func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if n++; n%2 == 0 {
			return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		}
		return nil
	}
	for range first {
		if err := one(); err != nil {
			return err
		}
	}
	st.Step("client has made %d sockets, bound half of them and connected none; %d more follow each second, %d in all",
		"client 已创建 %d 个套接字，绑定了一半，一个也没连接；之后每秒再增加 %d 个，总共不超过 %d 个", first, leakRate, leakMost)
	st.Ready()
	paced(ctx, leakRate, leakMost-first, func() { _ = one() })
	<-ctx.Done()
	return nil
}

// pour sends until the client goes.
func pour(c net.Conn) {
	defer c.Close()
	if fillUp(c) == nil {
		_, _ = c.Read(make([]byte, 1))
	}
}

func neverRead(ctx context.Context, st *stage) error {
	small := dialer
	small.Control = func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(fd uintptr) { failure = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10) })
		return errors.Join(err, os.NewSyscallError("setsockopt(SO_RCVBUF)", failure))
	}
	for range 5 {
		c, err := small.DialContext(ctx, "tcp4", here+":9000")
		if err != nil {
			return err
		}
		defer c.Close()
	}
	st.Step("client holds 5 connections to %s and reads from none", "client 保持 5 条到 %s 的连接，一条也不读", here+":9000")
	st.Ready()
	<-ctx.Done()
	return nil
}

// leakRate and leakMost bound every leak: sockets a second, and in all.
const (
	leakRate = 10
	leakMost = 600
)

// leaker opens connections, uses each once and keeps them all.
type leaker struct {
	address string
	use     func(net.Conn) error
	kept    []net.Conn
}

func (l *leaker) one(ctx context.Context) error {
	c, err := dialer.DialContext(ctx, "tcp4", l.address)
	if err != nil {
		return err
	}
	l.kept = append(l.kept, c)
	return l.use(c)
}

// leak opens first connections at once and then leakRate a second, and gives none back.
func leak(address string, first int, use func(net.Conn) error) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		l := &leaker{address: address, use: use}
		for range first {
			if err := l.one(ctx); err != nil {
				return err
			}
		}
		st.Step("client has opened %d connections to %s and closed none; %d more follow each second, %d in all",
			"client 已打开 %d 条到 %s 的连接，一条也没关闭；之后每秒再增加 %d 条，总共不超过 %d 条", first, address, leakRate, leakMost)
		st.Ready()
		var err error
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		paced(ctx, leakRate, leakMost-first, func() {
			if e := l.one(ctx); e != nil {
				err = e
				cancel()
			}
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		for _, c := range l.kept { // and the collector closes none before
			c.Close()
		}
		return nil
	}
}
