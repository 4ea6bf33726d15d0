package act

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockeye/internal/tcp"
)

// Of iphlpapi.h and tcpmib.h, as a 64-bit Windows lays them out
// (https://learn.microsoft.com/windows/win32/api/tcpmib/ns-tcpmib-mib_tcprow_owner_module).
const (
	mibHeader    = 8         // the number of rows, and what aligns them
	mibRow       = 32 + 16*8 // MIB_TCPROW_OWNER_MODULE with its OwningModuleInfo
	mibDeleteTCB = 12        // MIB_TCP_STATE_DELETE_TCB
)

// mibTCPRow is an IPv4 connection as Windows lists it.
type mibTCPRow struct {
	local, remote netip.AddrPort
	pid           uint32
	created       uint64 // FILETIME of when its program made it; 0 where Windows does not tell
}

// mibRows reads the answer of GetExtendedTcpTable, TCP_TABLE_OWNER_MODULE_ALL of
// AF_INET.
func mibRows(b []byte) ([]mibTCPRow, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("a table of connections in %d bytes", len(b))
	}
	count := uint64(binary.LittleEndian.Uint32(b))
	if count == 0 {
		return nil, nil
	}
	if uint64(len(b)) < mibHeader || count > uint64(len(b)-mibHeader)/mibRow {
		return nil, fmt.Errorf("%d connections in %d bytes", count, len(b))
	}
	rows := make([]mibTCPRow, count)
	for i := range rows {
		r := b[mibHeader+i*mibRow:]
		rows[i] = mibTCPRow{
			local: mibEnd(r[4:12]), remote: mibEnd(r[12:20]),
			pid: binary.LittleEndian.Uint32(r[20:]), created: binary.LittleEndian.Uint64(r[24:]),
		}
	}
	return rows, nil
}

// mibEnd: address and port are in network byte order, of the port's four bytes the
// last two mean nothing.
func mibEnd(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), binary.BigEndian.Uint16(b[4:]))
}

// is reports whether a row is the very socket that was shown: both ends, its owner
// and when it was made. Windows knows nothing that names a socket for its life.
func (r mibTCPRow) is(s *tcp.Socket) bool {
	return r.local == s.Local && r.remote == s.Remote && r.pid == uint32(s.PID) && r.created == s.Cookie
}

// mibDelete makes the MIB_TCPROW that asks SetTcpEntry for the end of a connection.
func mibDelete(s *tcp.Socket) (row [20]byte) {
	binary.LittleEndian.PutUint32(row[:], mibDeleteTCB)
	put := func(to []byte, end netip.AddrPort) {
		addr := end.Addr().As4()
		copy(to, addr[:])
		binary.BigEndian.PutUint16(to[4:], end.Port())
	}
	put(row[4:], s.Local)
	put(row[12:], s.Remote)
	return row
}
