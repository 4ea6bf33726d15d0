package collect

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sockeye/internal/host"
)

// inPrivateNetNS runs f on a thread that is alone in a new network namespace,
// with its loopback up. The thread dies, and the namespace with it.
func inPrivateNetNS(t *testing.T, f func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace of its own")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = twoAddresses()
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// twoAddresses brings lo up and gives it the second address 10.9.8.7.
func twoAddresses() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err1 := unix.NewIfreq("lo")
	alias, err2 := unix.NewIfreq("lo:1")
	if err := errors.Join(err1, err2, alias.SetInet4Addr([]byte{10, 9, 8, 7})); err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return errors.Join(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up), unix.IoctlIfreq(fd, unix.SIOCSIFADDR, alias))
}

// connectOnce makes one connection on loopback. It returns its three
// descriptors: listener, client, and the accepted end.
func connectOnce() (fds [3]int, err error) {
	sock := func() int {
		fd, e := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		err = errors.Join(err, e)
		return fd
	}
	fds[0], fds[1] = sock(), sock()
	at := &unix.SockaddrInet4{Port: 4242, Addr: [4]byte{127, 0, 0, 1}}
	err = errors.Join(err, unix.Bind(fds[0], at), unix.Listen(fds[0], 8), unix.Connect(fds[1], at))
	if err == nil {
		fds[2], _, err = unix.Accept(fds[0])
	}
	return fds, err
}

func TestNetNSFollowsTheThread(t *testing.T) {
	const ports = "20000\t20100"
	var r, rSelf blindness
	// Longer than 512 bytes, which is all that os.ReadFile gets of it.
	var reserved []string
	for port := 21000; port < 23000; port += 2 {
		reserved = append(reserved, strconv.Itoa(port))
	}
	var before, during, after host.NetNS
	inPrivateNetNS(t, func() error {
		err := errors.Join(
			os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(ports), 0o644),
			os.WriteFile("/proc/sys/net/ipv4/ip_local_reserved_ports", []byte(strings.Join(reserved, ",")), 0o644))
		if err != nil {
			return err
		}
		readNetNS(&before, &r)
		fds, err := connectOnce()
		readNetNS(&during, &r)
		unix.Close(fds[1]) // the client first: it gets the TIME_WAIT
		unix.Close(fds[2])
		readNetNS(&after, &r)
		unix.Close(fds[0])
		return err
	})
	if len(r.spots) > 0 {
		t.Errorf("not seen: %+v", r.spots)
	}
	if got := before.Settings["net.ipv4.ip_local_port_range"]; got != ports {
		t.Errorf("port range %q, want %q", got, ports)
	}
	if got := before.Settings["net.ipv4.ip_local_reserved_ports"]; got != strings.Join(reserved, ",") {
		t.Errorf("reserved ports: %d bytes, want %d", len(got), len(strings.Join(reserved, ",")))
	}
	if _, ok := before.Settings["net.ipv4.tcp_mem"]; ok {
		t.Error("tcp_mem is not one of this namespace's")
	}
	for _, c := range []struct {
		label               string
		ns                  *host.NetNS
		opens, inUse, waits uint64
	}{{"before", &before, 0, 0, 0}, {"connected", &during, 1, 3, 0}, {"closed", &after, 1, 1, 1}} {
		if got := c.ns.Counters["TcpActiveOpens"]; got != c.opens {
			t.Errorf("%s: TcpActiveOpens %d, want %d", c.label, got, c.opens)
		}
		if c.ns.InUse != host.Some(c.inUse) || c.ns.TimeWait != host.Some(c.waits) {
			t.Errorf("%s: in use %v, TIME_WAIT %v; want %d and %d", c.label, c.ns.InUse, c.ns.TimeWait, c.inUse, c.waits)
		}
	}
	for _, addr := range []string{"127.0.0.1", "::1", "10.9.8.7"} {
		if !slices.Contains(before.Addrs, netip.MustParseAddr(addr)) {
			t.Errorf("addresses %v without %s", before.Addrs, addr)
		}
	}
	if len(before.Addrs) != 3 {
		t.Errorf("addresses %v, want three", before.Addrs)
	}

	var self host.NetNS
	readNetNS(&self, &rSelf)
	if got := self.Settings["net.ipv4.ip_local_port_range"]; got == ports || got == "" {
		t.Errorf("our own port range is %q", got)
	}
	if slices.Contains(self.Addrs, netip.MustParseAddr("10.9.8.7")) || len(rSelf.spots) > 0 {
		t.Errorf("our own addresses %v, not seen %+v", self.Addrs, rSelf.spots)
	}
	if len(self.Counters) < 100 {
		t.Errorf("%d counters", len(self.Counters))
	}
}

// The neighbour table is one for all namespaces and its statistics are shown in
// the initial one only; readSystem must see both from anywhere.
func TestSystemFromAnotherNetNS(t *testing.T) {
	const added = 300
	var before, after host.System
	var r blindness
	inPrivateNetNS(t, func() error {
		before = readSystem(&r)
		if err := addNeighbours(added); err != nil {
			return err
		}
		after = readSystem(&r)
		return nil
	})
	if len(r.spots) > 0 {
		t.Errorf("not seen: %+v", r.spots)
	}
	if len(before.Settings.Ints("net.ipv4.tcp_mem")) != 3 || before.Settings["net.ipv4.neigh.default.gc_thresh3"] == "" {
		t.Errorf("settings %v", before.Settings)
	}
	entries := func(s host.System) uint64 {
		if len(s.Neighbours) != 2 || s.Neighbours[1].Family != "ipv6" || !s.Neighbours[1].Entries.Known {
			t.Fatalf("neighbours %+v", s.Neighbours)
		}
		return s.Neighbours[1].Entries.Value
	}
	// Others may come and go meanwhile, but not by the hundred.
	if n := int64(entries(after)) - int64(entries(before)); n < added-100 || n > added+100 {
		t.Errorf("%d entries more, want about %d", n, added)
	}
}

// addNeighbours makes permanent entries on the loopback of the thread's
// namespace: of IPv6, because IPv4 keeps one entry for all of a loopback.
func addNeighbours(n int) error {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range n {
		// struct ndmsg: family, padding, ifindex, state, flags, type
		msg := make([]byte, 12)
		msg[0] = unix.AF_INET6
		binary.NativeEndian.PutUint32(msg[4:], 1)
		binary.NativeEndian.PutUint16(msg[8:], unix.NUD_PERMANENT)
		attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
			{Type: unix.NDA_DST, Data: []byte{0: 0xfd, 14: byte(i >> 8), 15: byte(i)}},
			{Type: unix.NDA_LLADDR, Data: make([]byte, 6)},
		})
		if err != nil {
			return err
		}
		_, err = conn.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.RTM_NEWNEIGH, Flags: netlink.Request | netlink.Acknowledge | netlink.Create},
			Data:   append(msg, attrs...),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
