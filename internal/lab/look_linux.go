package lab

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"sockeye/internal/tcp"
)

// look is the namespace as the kernel's own text files tell it: enough to see
// whether a picture stands, and independent of the code that is tested on it.
type look struct {
	sockets  []tcp.Socket
	counters map[string]uint64 // "TcpExtListenOverflows"
	holders  map[uint64]string // inode → role, only when asked for
}

// takeLook reads the tables below dir, the net directory of a process in /proc.
func takeLook(dir string, roles []RolePID) (*look, error) {
	l := &look{counters: map[string]uint64{}}
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(path.Join(dir, name))
		if err != nil {
			if name == "tcp6" && os.IsNotExist(err) {
				continue
			}
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Scan()
		for lines.Scan() {
			s, err := parseSocketLine(lines.Text())
			if err != nil {
				return nil, err
			}
			l.sockets = append(l.sockets, s)
		}
	}
	for _, name := range []string{"netstat", "snmp"} {
		text, err := os.ReadFile(path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		readCounters(string(text), l.counters)
	}
	l.holders = map[uint64]string{}
	for _, r := range roles {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.PID))
		if err != nil {
			continue // it ended meanwhile
		}
		if len(fds) > 1000 {
			continue // no scenario with so many asks who holds one
		}
		for _, fd := range fds {
			link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", r.PID, fd.Name()))
			if n, ok := strings.CutPrefix(link, "socket:["); ok {
				if inode, err := strconv.ParseUint(strings.TrimSuffix(n, "]"), 10, 64); err == nil {
					l.holders[inode] = r.Name
				}
			}
		}
	}
	return l, nil
}

// parseSocketLine reads a line of /proc/net/tcp or tcp6 (net/ipv4/tcp_ipv4.c
// get_tcp4_sock, v6.18): sl, local, remote, state, tx:rx, timer:expires,
// retransmits, uid, timeout, inode.
func parseSocketLine(line string) (s tcp.Socket, err error) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return s, fmt.Errorf("short line %q", line)
	}
	if s.Local, err = parseHexAddr(f[1]); err != nil {
		return s, err
	}
	if s.Remote, err = parseHexAddr(f[2]); err != nil {
		return s, err
	}
	var state, tx, rx, timer, retries uint64
	var expires uint64
	if _, err = fmt.Sscanf(f[3]+" "+f[4]+" "+f[5]+" "+f[6], "%x %x:%x %x:%x %x", &state, &tx, &rx, &timer, &expires, &retries); err != nil {
		return s, fmt.Errorf("%q: %w", line, err)
	}
	s.State, s.SendQ, s.RecvQ = tcp.State(state), uint32(tx), uint32(rx)
	s.Timer = tcp.Timer{Kind: tcp.TimerKind(timer), Retries: uint8(retries), Expires: time.Duration(expires) * 10 * time.Millisecond}
	s.Inode, err = strconv.ParseUint(f[9], 10, 64)
	return s, err
}

func parseHexAddr(text string) (netip.AddrPort, error) {
	a, p, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(a)
	port, err2 := strconv.ParseUint(p, 16, 16)
	if err != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("address %q", text)
	}
	// The kernel prints each 32-bit word in the machine's own byte order.
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address %q", text)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// readCounters reads the pairs of lines of /proc/net/netstat and snmp.
func readCounters(text string, into map[string]uint64) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < min(len(names), len(values)); j++ {
			if v, err := strconv.ParseUint(values[j], 10, 64); err == nil {
				into[strings.TrimSuffix(names[0], ":")+names[j]] = v
			}
		}
	}
}

// count counts the sockets in a state that keep lets through; a nil keep takes all.
func (l *look) count(state tcp.State, keep func(*tcp.Socket) bool) int {
	n := 0
	for i := range l.sockets {
		if l.sockets[i].State == state && (keep == nil || keep(&l.sockets[i])) {
			n++
		}
	}
	return n
}

// to keeps the sockets that lead to a port, at keeps those that hold it.
func to(port uint16) func(*tcp.Socket) bool {
	return func(s *tcp.Socket) bool { return s.Remote.Port() == port }
}

func at(port uint16) func(*tcp.Socket) bool {
	return func(s *tcp.Socket) bool { return s.Local.Port() == port }
}

// rows are the sockets as a step shows them.
func (l *look) rows(keep func(*tcp.Socket) bool) []Row {
	var out []Row
	for i := range l.sockets {
		s := &l.sockets[i]
		if !keep(s) {
			continue
		}
		r := Row{Laddr: s.Local.Addr().String(), Lport: s.Local.Port(), State: s.State.String(), Role: l.holders[s.Inode]}
		if s.State.Connected() {
			r.Raddr, r.Rport = s.Remote.Addr().String(), s.Remote.Port()
		}
		out = append(out, r)
	}
	return out
}
