package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// A range of 200 ports whose ends differ in parity, as ip-sysctl.rst advises.
const smallRange = "20000 20199"

// The destination is an address of this machine outside 127/8: tcp_tw_reuse = 2,
// the default, hands ports of loopback out again after a second and of others not.
const shopServer = here + ":9000"

func smallPortRange(w *world) error {
	return w.sysctls("net.ipv4.ip_local_port_range", smallRange)
}

// churnCode is the function that opens the connections of every churn.
const churnCode = "lab.(*churn).job"

// portScenarios are those in which local ports run out, or seem to.
func portScenarios() []scenario {
	return []scenario{{
		name: "port-exhaustion",
		about: Text{
			En: "a client opens a connection per request and closes first: its 200 ports to one destination fill with TIME_WAIT, connect() fails with EADDRNOTAVAIL",
			Zh: "客户端每个请求新建一条连接并先关闭：到同一目的地的 200 个端口被 TIME_WAIT 占满，connect() 返回 EADDRNOTAVAIL"},
		setup: smallPortRange,
		roles: []role{server("server", shopServer, 0, answerAll), {name: "client", play: exhaustPorts(shopServer)}},
		stands: func(l *look) bool {
			return l.count(tcp.TimeWait, to(9000)) >= 190 && l.count(tcp.Established, to(9000)) >= 1
		},
		expect: Expectation{Finding: "port-exhaustion", With: []string{"short-lived-connections"}, May: []string{"port-range-narrow", "retry-storm"},
			Culprit: "client", Destination: shopServer, Severity: "critical",
			Errno: "EADDRNOTAVAIL", Call: "connect", Opener: "client", Closer: "local", Code: churnCode},
	}, {
		name: "bind-port-exhaustion",
		also: "bind-before-connect",
		about: Text{
			En: "a client calls bind(address, 0) before connect(): one range of 200 ports must do for all destinations together, bind() fails with EADDRINUSE",
			Zh: "客户端在 connect() 之前调用 bind(地址, 0)：所有目的地共用 200 个端口，bind() 返回 EADDRINUSE"},
		setup: smallPortRange,
		roles: []role{
			server("server", here+":9001", 0, answerAll),
			server("server-2", here+":9002", 0, answerAll),
			{name: "client", play: exhaustBinds},
		},
		stands: func(l *look) bool {
			return l.count(tcp.TimeWait, to(9001)) >= 60 && l.count(tcp.TimeWait, to(9002)) >= 60
		},
		expect: Expectation{Finding: "bind-port-exhaustion", May: []string{"short-lived-connections", "port-range-narrow", "retry-storm"}, Culprit: "client", Severity: "critical",
			Errno: "EADDRINUSE", Call: "bind", Code: "lab.bindAnyPort"},
	}, {
		name: "reserved-ports",
		about: Text{
			En: "ip_local_reserved_ports leaves 20 of 200 ports: a modest client runs out",
			Zh: "ip_local_reserved_ports 只给 200 个端口留下 20 个：不大的流量也会耗尽端口"},
		setup: func(w *world) error {
			return w.sysctls("net.ipv4.ip_local_port_range", smallRange, "net.ipv4.ip_local_reserved_ports", "20000-20179")
		},
		roles: []role{server("server", shopServer, 0, answerAll), {name: "client", play: exhaustPorts(shopServer)}},
		stands: func(l *look) bool {
			return l.count(tcp.TimeWait, to(9000)) >= 18 && l.count(tcp.Established, to(9000)) >= 1
		},
		expect: Expectation{Finding: "port-exhaustion", With: []string{"port-range-narrow"}, May: []string{"short-lived-connections", "retry-storm"},
			Culprit: "client", Destination: shopServer, Severity: "critical",
			Errno: "EADDRNOTAVAIL", Call: "connect", Opener: "client", Closer: "local", Code: churnCode},
	}, {
		name: "short-lived-connections",
		about: Text{
			En: "a client opens 100 connections a second to one destination and closes first: TIME_WAIT levels off near 6,000 of 28,232 ports, far from full",
			Zh: "客户端每秒向同一目的地新建 100 条短连接并先关闭：TIME_WAIT 稳定在 28232 个端口中的约 6000 个，远未用尽"},
		roles: []role{server("server", shopServer, 0, answerAll), {name: "client", play: func(ctx context.Context, st *stage) error {
			return steadyChurn(ctx, st, shopServer, 100)
		}}},
		stands: func(l *look) bool { return l.count(tcp.TimeWait, to(9000)) >= 150 },
		expect: Expectation{Finding: "short-lived-connections", Culprit: "client", Destination: shopServer, Severity: "notice", AtMost: "notice",
			Opener: "client", Closer: "local", Code: churnCode},
	}, {
		name: "time-wait-buckets-full",
		about: Text{
			En: "net.ipv4.tcp_max_tw_buckets is lowered to 50: connections closed beyond that skip TIME_WAIT (TCPTimeWaitOverflow)",
			Zh: "net.ipv4.tcp_max_tw_buckets 被改小为 50：超出的连接直接跳过 TIME_WAIT（TCPTimeWaitOverflow）"},
		setup: func(w *world) error { return w.sysctls("net.ipv4.tcp_max_tw_buckets", "50") },
		roles: []role{server("server", shopServer, 0, answerAll), {name: "client", play: func(ctx context.Context, st *stage) error {
			return steadyChurn(ctx, st, shopServer, 50)
		}}},
		stands: func(l *look) bool {
			return l.count(tcp.TimeWait, nil) >= 49 && l.counters["TcpExtTCPTimeWaitOverflow"] >= 10
		},
		expect: Expectation{Finding: "time-wait-buckets-full", May: []string{"short-lived-connections", "harmful-setting"}, Severity: "warning",
			Opener: "client", Closer: "local", Code: churnCode},
	}}
}

// exhaustPorts plays a worker pool that opens a connection per request besides
// one that it keeps, and goes on when connect() fails.
func exhaustPorts(address string) func(context.Context, *stage) error {
	return func(ctx context.Context, st *stage) error {
		kept, err := dialer.DialContext(ctx, "tcp4", address)
		if err != nil {
			return err
		}
		go keepTalking(ctx, kept)
		work := &churn{from: dialer, to: always(address), workers: 8, perS: 400}
		work.onFail = tellOnce(st, syscall.EADDRNOTAVAIL, "connect("+address+")", &work.done)
		st.Step("client opens a connection per request to %s, closes it first, and keeps one open",
			"client 每个请求新建一条到 %s 的连接并先关闭，另外保持一条长连接", address)
		work.run(ctx)
		return nil
	}
}

// tellOnce makes an onFail that tells the first failure with errno and says
// that the role is ready then.
func tellOnce(st *stage, errno syscall.Errno, call string, done interface{ Load() int64 }) func(error) {
	told := make(chan struct{}, 1)
	return func(err error) {
		if !errors.Is(err, errno) {
			return
		}
		select {
		case told <- struct{}{}:
			st.Step("%s fails after %d connections: %v (errno %d)", "%s 在 %d 条连接之后失败：%v（errno %d）", call, done.Load(), errno, int(errno))
			st.Ready()
		default:
		}
	}
}

// steadyChurn opens perS connections a second, closes them first, and keeps one.
func steadyChurn(ctx context.Context, st *stage, address string, perS int) error {
	kept, err := dialer.DialContext(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	go keepTalking(ctx, kept)
	st.Step("client opens and closes %[2]d connections a second to %[1]s", "client 每秒新建并关闭 %[2]d 条到 %[1]s 的连接", address, perS)
	st.Ready()
	work := &churn{from: dialer, to: always(address), workers: 8, perS: perS}
	work.run(ctx)
	return nil
}

// exhaustBinds opens a connection per request to two servers in turn, each bound
// to an address and to port 0 before it connects.
func exhaustBinds(ctx context.Context, st *stage) error {
	bound := dialer
	bound.Control = func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(fd uintptr) { failure = bindAnyPort(int(fd)) })
		return errors.Join(err, failure)
	}
	servers := [2]string{here + ":9001", here + ":9002"}
	turn := make(chan int, 1)
	turn <- 0
	work := &churn{from: bound, workers: 8, perS: 400}
	work.to = func() string {
		i := <-turn
		turn <- 1 - i
		return servers[i]
	}
	for _, s := range servers {
		kept, err := bound.DialContext(ctx, "tcp4", s)
		if err != nil {
			return err
		}
		go keepTalking(ctx, kept)
	}
	work.onFail = tellOnce(st, syscall.EADDRINUSE, fmt.Sprintf("bind(%s, 0)", here), &work.done)
	st.Step("client binds to %s port 0 before each connection, to two servers in turn", "client 每次连接前先绑定 %s 端口 0，轮流连接两个服务器", here)
	work.run(ctx)
	return nil
}

// bindAnyPort asks for a port before the destination is known, as programs do
// that choose their source address without IP_BIND_ADDRESS_NO_PORT.
func bindAnyPort(fd int) error {
	local := &unix.SockaddrInet4{Addr: netip.MustParseAddr(here).As4()}
	return os.NewSyscallError("bind", unix.Bind(fd, local))
}
