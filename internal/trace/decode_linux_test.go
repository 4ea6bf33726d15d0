//go:build amd64 || arm64

package trace

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sockeye/internal/host"
)

func endpoint(s string) activityEndpoint {
	a := netip.MustParseAddrPort(s)
	return activityEndpoint{Ip: a.Addr().As16(), Port: a.Port(), Known: 1}
}

func comm(s string) (name [16]uint8) {
	copy(name[:], s)
	return name
}

func TestDecodeConnects(t *testing.T) {
	type in = entry[activityConnectKey, activityConnectCount]
	got := decodeConnects([]in{
		{activityConnectKey{Pid: 7, Netns: 4026531840, Remote: endpoint("[2001:db8::1]:443")}, activityConnectCount{Opened: 3, Failed: 1, Name: comm("fifteen letters")}},
		{activityConnectKey{Pid: 7, Netns: 4026531840, Remote: endpoint("10.0.0.2:3306")}, activityConnectCount{Opened: 1 << 40, Name: comm("java")}},
		{activityConnectKey{Pid: 7, Netns: 4026531840, Remote: endpoint("10.0.0.3:80")}, activityConnectCount{Name: comm("java")}},
		{activityConnectKey{Pid: 6, Netns: 4294967295, Remote: endpoint("[fe80::1]:1")}, activityConnectCount{Opened: 1, Name: comm("a\x1b[31m\xff\n")}},
	})
	want := []host.Flow{
		{PID: 6, Name: "a\x1b[31m\xff\n", NetNS: 4294967295, Remote: netip.MustParseAddrPort("[fe80::1]:1"), Opened: 1},
		{PID: 7, Name: "java", NetNS: 4026531840, Remote: netip.MustParseAddrPort("10.0.0.2:3306"), Opened: 1 << 40},
		{PID: 7, Name: "fifteen letters", NetNS: 4026531840, Remote: netip.MustParseAddrPort("[2001:db8::1]:443"), Opened: 3, Failed: 1},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeFailures(t *testing.T) {
	type in = entry[activityFailureKey, activityFailureCount]
	value := activityFailureCount{Count: 2, Name: comm("nginx")}
	got := decodeFailures([]in{
		{activityFailureKey{Pid: 9, Netns: 1, Call: 5, Error: 24}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 4, Error: 24}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 3, Error: 98}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 2, Error: 98, Addr: endpoint("[::]:0")}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 2, Error: 98, Addr: endpoint("0.0.0.0:80")}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 1, Error: 99, Addr: endpoint("127.0.0.1:6379")}, value},
		{activityFailureKey{Pid: 9, Netns: 1, Call: 1, Error: 13, Addr: endpoint("127.0.0.1:6379")}, value},
		{activityFailureKey{Pid: 9, Call: 0}, value},
		{activityFailureKey{Pid: 9, Call: 6}, value},
		{activityFailureKey{Pid: 9, Call: 65535}, value},
		{activityFailureKey{Pid: 9, Call: 1}, activityFailureCount{}},
	})
	row := func(call string, errno uint32, addr netip.AddrPort) host.Failure {
		return host.Failure{PID: 9, Name: "nginx", NetNS: 1, Call: call, Errno: errno, Addr: addr, Count: 2}
	}
	want := []host.Failure{
		row("accept", 24, netip.AddrPort{}),
		row("bind", 98, netip.MustParseAddrPort("0.0.0.0:80")),
		row("bind", 98, netip.MustParseAddrPort("[::]:0")),
		row("connect", 13, netip.MustParseAddrPort("127.0.0.1:6379")),
		row("connect", 99, netip.MustParseAddrPort("127.0.0.1:6379")),
		row("listen", 98, netip.AddrPort{}),
		row("socket", 24, netip.AddrPort{}),
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the C side counts must have no hidden padding: Go and C would disagree,
// and two equal keys could differ.
func TestLayout(t *testing.T) {
	for _, tc := range []struct {
		name string
		size uintptr
		v    any
	}{
		{"connect_key", unsafe.Sizeof(activityConnectKey{}), activityConnectKey{}},
		{"connect_count", unsafe.Sizeof(activityConnectCount{}), activityConnectCount{}},
		{"failure_key", unsafe.Sizeof(activityFailureKey{}), activityFailureKey{}},
		{"failure_count", unsafe.Sizeof(activityFailureCount{}), activityFailureCount{}},
	} {
		if n := binary.Size(tc.v); n != int(tc.size) {
			t.Errorf("%s: %d bytes of fields in %d", tc.name, n, tc.size)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, 256))
	f.Add(bytes.Repeat([]byte{0xff}, 256))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		var connects []entry[activityConnectKey, activityConnectCount]
		var failures []entry[activityFailureKey, activityFailureCount]
		for {
			var c entry[activityConnectKey, activityConnectCount]
			var x entry[activityFailureKey, activityFailureCount]
			if binary.Read(in, binary.NativeEndian, &c.key) != nil || binary.Read(in, binary.NativeEndian, &c.value) != nil ||
				binary.Read(in, binary.NativeEndian, &x.key) != nil || binary.Read(in, binary.NativeEndian, &x.value) != nil {
				break
			}
			connects, failures = append(connects, c), append(failures, x)
		}
		var want, got uint64
		for _, c := range connects {
			want += c.value.Opened + c.value.Failed
		}
		for _, c := range decodeConnects(connects) {
			got += c.Opened + c.Failed
			if c.Remote.Addr().Is4In6() || len(c.Name) > 16 {
				t.Errorf("%+v", c)
			}
		}
		if got != want {
			t.Errorf("%d events in, %d out", want, got)
		}
		for _, x := range decodeFailures(failures) {
			if x.Call == "" || x.Count == 0 || x.Addr.Addr().Is4In6() {
				t.Errorf("%+v", x)
			}
		}
	})
}
