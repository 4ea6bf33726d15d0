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

	"github.com/jlaffaye/ftp"
	ftpd "goftp.io/server/v2"

	"sockeye/internal/tcp"
)

// The two machines of the walk, both in the lab.
const (
	ftpServer = "192.168.1.10"
	ftpClient = "192.168.1.1"
)

func ftpScenarios() []scenario {
	return []scenario{{
		name: "ftp",
		about: Text{
			En: "a client visits an FTP server, told step by step with both ends in the socket table: LISTEN, ESTABLISHED, TIME_WAIT",
			Zh: "客户端访问 FTP 服务器，逐步显示套接字表中的两端：LISTEN、ESTABLISHED、TIME_WAIT"},
		setup: func(*world) error {
			return errors.Join(addAddr("lo", netip.MustParsePrefix(ftpServer+"/32")), addAddr("lo", netip.MustParsePrefix(ftpClient+"/32")))
		},
		roles:  []role{{name: "ftpd", play: serveFTP}, {name: "ftp", play: visitFTP}},
		stands: func(l *look) bool { return l.count(tcp.TimeWait, at(21)) == 1 },
		expect: Expectation{Healthy: true},
	}}
}

// serveFTP serves one small file from memory.
func serveFTP(ctx context.Context, st *stage) error {
	s, err := ftpd.NewServer(&ftpd.Options{
		Name: "lab", WelcomeMessage: "Welcome", Driver: shelf{}, Perm: ftpd.NewSimplePerm("lab", "lab"),
		Auth: &ftpd.SimpleAuth{Name: "anonymous", Password: "guest"}, Logger: &ftpd.DiscardLogger{}, PublicIP: ftpServer,
	})
	if err != nil {
		return err
	}
	l, err := listenOn(ctx, ftpServer+":21", 0)
	if err != nil {
		return err
	}
	st.Ready()
	defer context.AfterFunc(ctx, func() { _ = s.Shutdown() })()
	if err := s.Serve(l); !errors.Is(err, ftpd.ErrServerClosed) {
		return err
	}
	return nil
}

// visitFTP is the client, and tells what the socket table shows at each step.
func visitFTP(ctx context.Context, st *stage) error {
	show := func(seen func(*look) bool, en, zh string) error { return showWhen(ctx, st, seen, en, zh) }
	if err := show(func(l *look) bool { return l.count(tcp.Listen, at(21)) == 1 },
		"1. the FTP service has started: its port is open, nobody has come yet", "1. FTP 服务已启动：端口已打开，还没有人连接"); err != nil {
		return err
	}
	// The client's end has the client machine's address. The control
	// connection's end is left to the server, as a polite client does.
	from := net.Dialer{KeepAlive: -1, LocalAddr: &net.TCPAddr{IP: net.ParseIP(ftpClient)}}
	control := true
	c, err := ftp.Dial(ftpServer+":21", ftp.DialWithDialFunc(func(_, address string) (net.Conn, error) {
		conn, err := from.DialContext(ctx, "tcp4", address)
		if err == nil && control {
			control = false
			conn = lastToLeave{conn}
		}
		return conn, err
	}))
	if err != nil {
		return err
	}
	if err := show(func(l *look) bool { return l.count(tcp.Established, at(21)) == 1 },
		"2. the client has connected: the control connection, seen from both ends", "2. 客户端已连接：控制连接，从两端都能看到"); err != nil {
		return err
	}
	if err := c.Login("anonymous", "guest"); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	file, err := c.Retr("welcome.txt")
	if err != nil {
		return fmt.Errorf("fetching a file: %w", err)
	}
	if err := show(func(l *look) bool { return l.count(tcp.CloseWait, nil) == 1 && l.count(tcp.FinWait2, nil) == 1 },
		"3. the file comes over a connection of its own, which the server closes after the last byte: FIN_WAIT_2 there, CLOSE_WAIT at the client until it closes as well",
		"3. 文件经由单独的数据连接传输，服务器发完最后一个字节就关闭：服务器端 FIN_WAIT_2，客户端在关闭之前处于 CLOSE_WAIT"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("fetching a file: %w", err)
	}
	if err := show(func(l *look) bool { return l.count(tcp.TimeWait, nil) == 1 && l.count(tcp.CloseWait, nil) == 0 },
		"4. the data connection is closed on both sides: TIME_WAIT at the server, which closed first", "4. 数据连接两端都已关闭：先关闭的服务器一端进入 TIME_WAIT"); err != nil {
		return err
	}
	if err := c.Quit(); err != nil {
		return fmt.Errorf("quit: %w", err)
	}
	if err := show(func(l *look) bool { return l.count(tcp.TimeWait, at(21)) == 1 && l.count(tcp.Established, nil) == 0 },
		"5. QUIT: the server says goodbye and closes first, so it keeps TIME_WAIT for 60 s; nobody owns it, and it harms nobody",
		"5. QUIT：服务器道别并先关闭，因此由它保留 TIME_WAIT 60 秒；它没有属主，也无害"); err != nil {
		return err
	}
	st.Ready()
	if !pause(ctx, tcp.TimeWaitLen+2*time.Second) {
		return nil
	}
	if err := show(func(l *look) bool { return l.count(tcp.TimeWait, nil) == 0 },
		"6. a minute later: only the listener is left", "6. 一分钟之后：只剩下监听端口"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// showWhen shows the whole table as soon as seen holds. The kernel tells nobody
// when its table changes: look again and again.
func showWhen(ctx context.Context, st *stage, seen func(*look) bool, en, zh string) error {
	for {
		l, err := takeLook("/proc/self/net", []RolePID{{Name: "ftp", PID: os.Getpid()}})
		if err != nil {
			return err
		}
		if seen(l) {
			for i := range l.sockets {
				if inode := l.sockets[i].Inode; inode != 0 && l.holders[inode] == "" {
					l.holders[inode] = "ftpd"
				}
			}
			st.Show(l.rows(func(*tcp.Socket) bool { return true }), en, zh)
			return nil
		}
		if !pause(ctx, 5*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// lastToLeave is a connection that is closed only after the peer has closed.
type lastToLeave struct{ net.Conn }

// Close waits for the peer's end first, for a while.
func (c lastToLeave) Close() error {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, c.Conn)
	return c.Conn.Close()
}
