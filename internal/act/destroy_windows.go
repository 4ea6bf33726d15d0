package act

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"sockeye/internal/tcp"
)

// ipHelper destroys connections through iphlpapi.dll. A socket is the one that was
// shown by both of its ends, its owner, and the time that it was made, which stands in
// its Cookie.
type ipHelper struct{ table, set *windows.LazyProc }

// openDestroyer: there is one table here, and no namespaces that would have others.
func openDestroyer(uint64) (destroyer, error) {
	dll := windows.NewLazySystemDLL("iphlpapi.dll")
	h := ipHelper{dll.NewProc("GetExtendedTcpTable"), dll.NewProc("SetTcpEntry")}
	if err := errors.Join(h.table.Find(), h.set.Find()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	return h, nil
}

func (ipHelper) close() {}

// destroy looks the socket up and asks for its end. Between the two it may end and
// another take its place, between the same ends: that is as close as Windows lets one.
// It takes connections of IPv4 only
// (https://learn.microsoft.com/windows/win32/api/iphlpapi/nf-iphlpapi-settcpentry:
// its MIB_TCPROW has 32 bits for an address).
func (h ipHelper) destroy(s *tcp.Socket) error {
	switch {
	case !s.Local.Addr().Is4() || !s.Remote.Addr().Is4() || s.V4Mapped:
		return fmt.Errorf("%w: Windows closes connections of IPv4 only for others than their program", ErrCannot)
	case s.State == tcp.Listen:
		return fmt.Errorf("%w: Windows closes connections for others, and no listeners", ErrCannot)
	}
	there, err := h.alive(s)
	if err != nil {
		return err
	}
	if !there {
		return errNoSocket
	}
	row := mibDelete(s)
	code, _, _ := h.set.Call(uintptr(unsafe.Pointer(&row)))
	const notElevated = 317 // of that page; the system has another meaning for it
	switch err := windows.Errno(code); {
	case code == 0:
		return nil
	case err == windows.ERROR_ACCESS_DENIED, code == notElevated:
		return notPermitted(windows.ERROR_ACCESS_DENIED)
	default:
		return fmt.Errorf("SetTcpEntry: %w", err)
	}
}

func (h ipHelper) alive(s *tcp.Socket) (bool, error) {
	rows, err := h.rows()
	return slices.ContainsFunc(rows, func(r mibTCPRow) bool { return r.is(s) }), err
}

// rows reads the table, which may grow between two calls.
func (h ipHelper) rows() ([]mibTCPRow, error) {
	const (
		ownerModuleAll = 8         // TCP_TABLE_OWNER_MODULE_ALL
		most           = 256 << 20 // bytes: more than a million connections
	)
	for size := uint32(64 << 10); ; {
		buf := make([]byte, size)
		code, _, _ := h.table.Call(uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0, windows.AF_INET, ownerModuleAll, 0)
		switch err := windows.Errno(code); {
		case code == 0:
			return mibRows(buf)
		case err != windows.ERROR_INSUFFICIENT_BUFFER:
			return nil, fmt.Errorf("GetExtendedTcpTable: %w", err)
		}
		if size = max(size, uint32(len(buf))) + size/8; size > most {
			return nil, fmt.Errorf("GetExtendedTcpTable: a table of %d bytes is too large", size)
		}
	}
}
