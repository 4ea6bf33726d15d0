package collect

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockeye/internal/tcp"
)

// The layouts come from bpf/record.h by way of bpf2go.
const (
	tcpRecordSize  = int(unsafe.Sizeof(socketsTcpRecord{}))
	fileRecordSize = int(unsafe.Sizeof(ownersFileRecord{}))

	recordOrphan = 1 // RECORD_ORPHAN
	recordMini   = 2 // RECORD_MINI
	recordInfo   = 4 // RECORD_INFO
)

type (
	tcpRecord  socketsTcpRecord
	fileRecord ownersFileRecord
)

// parseTCPRecord copies a record out of a buffer, which need not be aligned.
func parseTCPRecord(b []byte) (r tcpRecord, err error) {
	if len(b) != tcpRecordSize {
		return r, fmt.Errorf("BPF record of %d bytes, want %d", len(b), tcpRecordSize)
	}
	copy((*[tcpRecordSize]byte)(unsafe.Pointer(&r))[:], b)
	if r.Family != unix.AF_INET && r.Family != unix.AF_INET6 {
		return r, fmt.Errorf("BPF record of address family %d", r.Family)
	}
	if r.State == 0 || r.State >= tcp.NumStates {
		return r, fmt.Errorf("BPF record with TCP state %d", r.State)
	}
	return r, nil
}

// socket turns a record into a socket without its namespace. Where something was
// measured it fills info, and ok is true.
func (r *tcpRecord) socket(hz uint32, info *tcp.Info) (s tcp.Socket, ok bool) {
	s = tcp.Socket{
		Inode: r.Inode, Cookie: r.Cookie,
		RecvQ: r.Recvq, SendQ: r.Sendq,
		UID: r.Uid, Mark: r.Mark, Iface: r.Iface,
		State: tcp.State(r.State),
		Timer: tcp.Timer{Kind: tcp.TimerKind(r.Timer), Retries: r.Retries, Expires: jiffies(r.Expires, hz)},
		Port:  tcp.PortUse(r.PortUse),
	}
	mini := r.Flags&recordMini != 0
	s.Orphan = r.Flags&recordOrphan != 0 && finishing(s.State) || mini && s.State == tcp.FinWait2
	at := row{family: r.Family, laddr: r.Laddr, raddr: r.Raddr, lport: r.Lport, rport: r.Rport}
	at.place(&s)
	if r.Flags&recordInfo == 0 || mini || !measured(s.State) {
		return s, false
	}
	*info = tcp.Info{
		LastSend: jiffies(r.LastSend, hz), LastRecv: jiffies(r.LastRecv, hz), LastAck: jiffies(r.LastAck, hz),
		RTT: time.Duration(r.Rtt) * time.Microsecond, RTO: jiffies(r.Rto, hz),
		BytesAcked: r.BytesAcked, BytesReceived: r.BytesReceived,
		Unacked: r.Unacked, Retrans: r.Retrans, Backoff: r.Backoff, Probes: r.Probes,
		SendWindow: r.SendWindow, HasWindow: true,
	}
	return s, true
}

// parseFileRecord copies a record out of a buffer, which need not be aligned.
func parseFileRecord(b []byte) (r fileRecord, err error) {
	if len(b) != fileRecordSize {
		return r, fmt.Errorf("BPF record of %d bytes, want %d", len(b), fileRecordSize)
	}
	copy((*[fileRecordSize]byte)(unsafe.Pointer(&r))[:], b)
	if r.Family != unix.AF_INET && r.Family != unix.AF_INET6 {
		return r, fmt.Errorf("BPF record of address family %d", r.Family)
	}
	return r, nil
}

// loose turns the record of a TCP socket in CLOSE into a socket: BOUND when it
// took a port, else CLOSED; a CLOSED one may still know its last remote end.
func (r *fileRecord) loose() tcp.Socket {
	s := tcp.Socket{
		NetNS: uint64(r.Netns), Inode: r.Inode, Cookie: r.Cookie,
		UID: r.Uid, Mark: r.Mark, Iface: r.Iface,
		State: tcp.Closed,
	}
	if r.Lport != 0 {
		s.State, s.Port = tcp.Bound, tcp.PortBound
	}
	at := row{family: r.Family, laddr: r.Laddr, raddr: r.Raddr, lport: r.Lport, rport: r.Rport}
	at.place(&s)
	return s
}

// tickRates are the values CONFIG_HZ can have (kernel/Kconfig.hz and the same
// of arm, alpha, mips; v6.18).
var tickRates = []uint32{24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 1000, 1024, 1200}

// jiffiesPerSecond learns CONFIG_HZ, which the kernel tells nobody, from a
// setting that is known in both measures.
func jiffiesPerSecond(setting uint32, seconds uint64) (uint32, error) {
	if seconds != 0 && uint64(setting)%seconds == 0 {
		if hz := uint64(setting) / seconds; hz <= 1200 && slices.Contains(tickRates, uint32(hz)) {
			return uint32(hz), nil
		}
	}
	return 0, fmt.Errorf("cannot tell the kernel's tick rate: tcp_keepalive_time is %d ticks and %d s", setting, seconds)
}

// keepaliveSeconds reads net.ipv4.tcp_keepalive_time of the thread's namespace.
func keepaliveSeconds() (uint64, error) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_keepalive_time")
	if err != nil {
		return 0, err
	}
	n, ok := decimal([]byte(strings.TrimSpace(string(b))))
	if !ok {
		return 0, fmt.Errorf("net.ipv4.tcp_keepalive_time is %q", b)
	}
	return n, nil
}

func jiffies(n, hz uint32) time.Duration {
	return time.Duration(uint64(n) * uint64(time.Second) / uint64(hz))
}
