package collect

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// procSource reads /proc/net/tcp and tcp6: what is left where neither BPF nor
// sock_diag may be used. It knows no cookie, mark, interface and measurements.
type procSource struct{}

// userHz is the unit of the timers in /proc: USER_HZ, 100 on every architecture
// that Go runs on (include/asm-generic/param.h).
const userHz = 100

func openProc() (*procSource, error) {
	f, err := os.Open("/proc/thread-self/net/tcp")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return &procSource{}, f.Close()
}

func (*procSource) name() string { return "procfs" }

func (*procSource) close() {}

func (*procSource) read(ctx context.Context, t *table) error {
	if err := readProcTable(ctx, t, "/proc/thread-self/net/tcp", unix.AF_INET); err != nil {
		return err
	}
	err := readProcTable(ctx, t, "/proc/thread-self/net/tcp6", unix.AF_INET6)
	if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
		return nil
	}
	return err
}

func readProcTable(ctx context.Context, t *table, path string, family uint16) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	have, heading := 0, true
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(t.buf[have:])
		have += n
		rest := t.buf[:have]
		for {
			line, after, whole := bytes.Cut(rest, []byte{'\n'})
			if !whole {
				break
			}
			rest = after
			if heading {
				heading = false
				continue
			}
			s, err := decodeProcLine(line, family)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			t.add(&s, false)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if have = copy(t.buf, rest); have == len(t.buf) {
			return fmt.Errorf("%s: line of more than %d bytes", path, have)
		}
	}
}

// decodeProcLine reads a line as get_tcp4_sock() and get_tcp6_sock() print it
// (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c, v6.18):
//
//	sl: laddr:port raddr:port st tx:rx tr:when retrnsmt uid timeout inode …
//
// Addresses are 32-bit words in the machine's byte order.
func decodeProcLine(line []byte, family uint16) (s tcp.Socket, err error) {
	bad := func(what string) error { return fmt.Errorf("malformed %s in %.200q", what, line) }
	var f [10][]byte
	if !fields(line, f[:]) {
		return s, bad("line")
	}
	at := row{family: family}
	good := true
	number := func(n uint64, ok bool) uint64 { good = good && ok; return n }
	address := func(b []byte, into *[16]byte) uint16 {
		port, ok := procAddress(b, family, into)
		good = good && ok
		return port
	}
	at.lport, at.rport = address(f[1], &at.laddr), address(f[2], &at.raddr)
	state := number(hexadecimal(f[3]))
	tx, rx, _ := bytes.Cut(f[4], []byte{':'})
	timer, when, _ := bytes.Cut(f[5], []byte{':'})
	sendq, recvq := number(hexadecimal(tx)), number(hexadecimal(rx))
	kind, left := number(hexadecimal(timer)), number(hexadecimal(when))
	retries := number(hexadecimal(f[6]))
	uid, probes, inode := number(decimal(f[7])), number(decimal(f[8])), number(decimal(f[9]))
	switch {
	case !good:
		return s, bad("number")
	case state == 0 || state >= tcp.NumStates:
		return s, bad("state")
	case kind > uint64(tcp.TimerPersist):
		return s, bad("timer")
	}
	s.State = tcp.State(state)
	s.SendQ, s.RecvQ, s.UID, s.Inode = uint32(sendq), uint32(recvq), uint32(uid), inode
	if kind == uint64(tcp.TimerKeepalive) || kind == uint64(tcp.TimerPersist) {
		retries = probes // the column retrnsmt counts retransmissions only
	}
	if kind != uint64(tcp.TimerOff) { // the column holds what is left of an earlier one
		s.Timer = tcp.Timer{
			Kind: tcp.TimerKind(kind), Retries: uint8(min(retries, 255)),
			Expires: time.Duration(min(left, 1<<32)) * (time.Second / userHz),
		}
	}
	s.Orphan = inode == 0 && finishing(s.State)
	at.place(&s)
	return s, nil
}

// fields splits off as many blank-separated words as into has room for; it
// returns false when there are fewer.
func fields(line []byte, into [][]byte) bool {
	for i := range into {
		line = bytes.TrimLeft(line, " ")
		if len(line) == 0 {
			return false
		}
		end := bytes.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		into[i], line = line[:end], line[end:]
	}
	return true
}

// procAddress reads "0100007F:1F90", or 32 digits before the colon for IPv6.
func procAddress(b []byte, family uint16, into *[16]byte) (port uint16, ok bool) {
	words := 1
	if family == unix.AF_INET6 {
		words = 4
	}
	if len(b) != words*8+5 || b[words*8] != ':' {
		return 0, false
	}
	for i := range words {
		word, ok := hexadecimal(b[i*8 : i*8+8])
		if !ok {
			return 0, false
		}
		binary.NativeEndian.PutUint32(into[i*4:], uint32(word))
	}
	n, ok := hexadecimal(b[words*8+1:])
	return uint16(n), ok
}

// hexadecimal reads a number of at most 16 digits.
func hexadecimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, true
}
