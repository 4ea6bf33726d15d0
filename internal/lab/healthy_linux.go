package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// healthyScenarios look alarming to whoever only counts, and are well.
func healthyScenarios() []scenario {
	return []scenario{{
		name: "busy-web-server",
		about: Text{
			En: "a web server that closes first: 20,000 TIME_WAIT on the listener's own port, which take no ephemeral port and harm nobody",
			Zh: "先关闭连接的 Web 服务器：监听端口上有 2 万条 TIME_WAIT，不占临时端口，无害"},
		// What a machine of some size has by default; a small one has less.
		setup:  func(w *world) error { return w.sysctls("net.ipv4.tcp_max_tw_buckets", "131072") },
		roles:  []role{server("server", "127.0.0.1:8080", 0, answerOrLeave), {name: "client", play: visitOften}},
		stands: func(l *look) bool { return l.count(tcp.TimeWait, at(8080)) >= 20_000 },
		expect: Expectation{Healthy: true},
	}, {
		name: "idle-pool",
		about: Text{
			En: "a pool of 20 connections, mostly idle, used now and then",
			Zh: "20 条连接的连接池，大多空闲，偶尔使用"},
		roles:  []role{server("server", here+":5432", 0, answerAll), {name: "client", play: idlePool}},
		stands: func(l *look) bool { return l.count(tcp.Established, to(5432)) == 20 },
		expect: Expectation{Healthy: true},
	}, {
		name: "many-destinations",
		about: Text{
			En: "6,000 outgoing TIME_WAIT spread over 60 destinations: each destination has all ports for itself",
			Zh: "6000 条主动方 TIME_WAIT 分布在 60 个目的地：每个目的地各有全部端口可用"},
		roles:  []role{server("server", "0.0.0.0:8080", 0, answerAll), {name: "client", play: visitMany}},
		stands: func(l *look) bool { return l.count(tcp.TimeWait, to(8080)) >= 5_500 },
		expect: Expectation{Healthy: true, AtMost: "notice", May: []string{"short-lived-connections"}},
	}}
}

// answerOrLeave answers lines and keeps the connection, as HTTP/1.1 does, until
// it is asked to close: then it closes first.
func answerOrLeave(c net.Conn) {
	defer c.Close()
	lines := bufio.NewReaderSize(c, 64)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, "ok\n"); err != nil || line == "BYE\n" {
			return
		}
	}
}

// visitOften makes 21,500 short visits from 32 addresses and then keeps talking
// on ten connections. Nothing on the client's side tells which ports face a
// TIME_WAIT at the server: some are taken again, and the SYN ends the TIME_WAIT.
// The more addresses, the fewer are. IP_BIND_ADDRESS_NO_PORT leaves the choice of
// the port to connect(), as ip(7) advises.
func visitOften(ctx context.Context, st *stage) error {
	const visits, addresses = 21_500, 32
	var turn atomic.Uint32
	from := dialer
	from.Control = func(_, _ string, raw syscall.RawConn) error {
		source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + turn.Add(1)%addresses)}}
		var failure error
		err := raw.Control(func(fd uintptr) {
			failure = errors.Join(
				os.NewSyscallError("setsockopt(IP_BIND_ADDRESS_NO_PORT)", unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)),
				os.NewSyscallError("bind", unix.Bind(int(fd), source)))
		})
		return errors.Join(err, failure)
	}
	const web = "127.0.0.1:8080"
	for range 10 {
		c, err := from.DialContext(ctx, "tcp4", web)
		if err != nil {
			return err
		}
		go keepTalking(ctx, c)
	}
	st.Step("client visits 127.0.0.1:8080 from %d addresses; the server closes first", "client 从 %d 个地址访问 127.0.0.1:8080；服务器先关闭", addresses)
	work := &churn{from: from, to: always(web), workers: 16, most: visits, ask: "BYE\n", peerEnds: true}
	work.run(ctx)
	if n := work.failed.Load(); n > visits/100 {
		return fmt.Errorf("%d of %d visits failed", n, visits)
	}
	st.Step("%d visits are over; ten connections stay and are used every second", "%d 次访问已完成；十条连接保持并每秒使用一次", visits)
	st.Ready()
	work = &churn{from: from, to: always(web), workers: 2, perS: 20, ask: "BYE\n", peerEnds: true}
	work.run(ctx)
	return nil
}

func idlePool(ctx context.Context, st *stage) error {
	const size = 20
	pool := make([]net.Conn, 0, size)
	defer func() {
		for _, c := range pool {
			c.Close()
		}
	}()
	for range size {
		c, err := dialer.DialContext(ctx, "tcp4", here+":5432")
		if err != nil {
			return err
		}
		pool = append(pool, c)
	}
	st.Step("client holds a pool of %d connections and uses one a second", "client 持有 %d 条连接的连接池，每秒使用其中一条", size)
	st.Ready()
	for i := 0; pause(ctx, time.Second); i++ {
		if err := ask(pool[i%size]); err != nil {
			return err
		}
	}
	return nil
}

func visitMany(ctx context.Context, st *stage) error {
	const machines, visits = 60, 6000
	var turn atomic.Uint32
	next := func() string {
		machine := netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + turn.Add(1)%machines)})
		return netip.AddrPortFrom(machine, 8080).String()
	}
	st.Step("client visits 127.0.1.1 to .%d port 8080, and closes first", "client 访问 127.0.1.1 至 .%d 的 8080 端口，并先关闭", machines)
	work := &churn{from: dialer, to: next, workers: 16, most: visits}
	work.run(ctx)
	st.Step("%d visits are over; 50 a second follow", "%d 次访问已完成；之后每秒 50 次", visits)
	st.Ready()
	work = &churn{from: dialer, to: next, workers: 4, perS: 50}
	work.run(ctx)
	return nil
}
