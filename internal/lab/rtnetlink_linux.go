package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The few rtnetlink(7) requests that a stage needs. They act on the namespace of
// the calling thread; every thread of a world lives in its own.

// rtRequest sends one request: a fixed header and attributes.
func rtRequest(kind netlink.HeaderType, flags netlink.HeaderFlags, header []byte, attrs func(*netlink.AttributeEncoder)) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	ae := netlink.NewAttributeEncoder()
	if attrs != nil {
		attrs(ae)
	}
	body, err := ae.Encode()
	if err != nil {
		return err
	}
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append(header, body...),
	})
	return err
}

// ifInfo is a struct ifinfomsg (linux/rtnetlink.h): family, pad, type, index,
// flags, change mask, in the machine's byte order.
func ifInfo(index int, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	ne.PutUint32(b[4:], uint32(index))
	ne.PutUint32(b[8:], flags)
	ne.PutUint32(b[12:], change)
	return b
}

// setFlags switches interface flags (IFF_UP, IFF_NOARP) on.
func setFlags(name string, flags uint32) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	return rtRequest(unix.RTM_NEWLINK, 0, ifInfo(i.Index, flags, flags), nil)
}

func linkUp(name string) error { return setFlags(name, unix.IFF_UP) }

// addAddr gives an interface an IPv4 address.
func addAddr(name string, p netip.Prefix) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	// struct ifaddrmsg: family, prefix length, flags, scope, index.
	h := []byte{unix.AF_INET, byte(p.Bits()), 0, unix.RT_SCOPE_UNIVERSE, 0, 0, 0, 0}
	ne.PutUint32(h[4:], uint32(i.Index))
	return rtRequest(unix.RTM_NEWADDR, netlink.Create|netlink.Excl, h, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.IFA_LOCAL, p.Addr().AsSlice())
		ae.Bytes(unix.IFA_ADDRESS, p.Addr().AsSlice())
	})
}

// defaultRoute leads everything that has no better route to a gateway behind an
// interface, and gives it src as its source address. Without a gateway each
// destination would take an entry of the neighbour table, which is one for the
// whole host: a lab must not fill it.
func defaultRoute(name string, gateway, src netip.Addr) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	// struct rtmsg: family, dst len, src len, tos, table, protocol, scope, type, flags.
	h := []byte{unix.AF_INET, 0, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0}
	ne.PutUint32(h[8:], unix.RTNH_F_ONLINK) // the gateway needs no route of its own
	return rtRequest(unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, h, func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.RTA_OIF, uint32(i.Index))
		ae.Bytes(unix.RTA_GATEWAY, gateway.AsSlice())
		ae.Bytes(unix.RTA_PREFSRC, src.AsSlice())
	})
}

// vethPair makes two interfaces that are the ends of one wire (drivers/net/veth.c:
// IFLA_LINKINFO holds the kind "veth" and VETH_INFO_PEER with the other end).
func vethPair(a, b string, macA, macB net.HardwareAddr) error {
	const vethInfoPeer = 1
	peer := netlink.NewAttributeEncoder()
	peer.String(unix.IFLA_IFNAME, b)
	peer.Bytes(unix.IFLA_ADDRESS, macB)
	peerAttrs, err := peer.Encode()
	if err != nil {
		return err
	}
	err = rtRequest(unix.RTM_NEWLINK, netlink.Create|netlink.Excl, ifInfo(0, 0, 0), func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, a)
		ae.Bytes(unix.IFLA_ADDRESS, macA)
		ae.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
			info.String(unix.IFLA_INFO_KIND, "veth")
			info.Nested(unix.IFLA_INFO_DATA, func(data *netlink.AttributeEncoder) error {
				data.Bytes(vethInfoPeer, append(ifInfo(0, 0, 0), peerAttrs...))
				return nil
			})
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("%w: making a pair of virtual interfaces: %w", ErrImpossible, err)
	}
	return nil
}
