package statistics_test

import (
	"maps"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/pastetest"
	"sockeye/internal/paste/statistics"
)

func TestNetstatStatistics(t *testing.T) {
	for _, c := range []struct {
		name, text, os string
		want           host.Counters
	}{
		{name: "linux", os: "linux", text: `Ip:
    Forwarding: 2
    19232 total packets received
    0 forwarded
Icmp:
    3 ICMP messages received
    ICMP input histogram:
        destination unreachable: 3
Tcp:
    219 active connection openings
    10 passive connection openings
    103 failed connection attempts
    6 connection resets received
    1 connections established
    111 resets sent
Udp:
    140 packets received
TcpExt:
    22438 times the listen queue of a socket overflowed
    22440 SYNs to LISTEN sockets dropped
    Quick ack mode was activated 4 times
    TCP ran low on memory 2 times
    5 passive connections rejected because of time stamp
    TCPTimeWaitOverflow: 9
    TCPReqQFullDrop: 8
IpExt:
    InOctets: 77
`, want: host.Counters{
			"IpForwarding": 2, "IpInReceives": 19232, "TcpActiveOpens": 219, "TcpPassiveOpens": 10, "TcpAttemptFails": 103,
			"TcpEstabResets": 6, "TcpCurrEstab": 1, "TcpOutRsts": 111, "UdpInDatagrams": 140, "TcpExtListenOverflows": 22438,
			"TcpExtListenDrops": 22440, "TcpExtDelayedACKLost": 4, "TcpExtTCPMemoryPressures": 2, "TcpExtPAWSPassive": 5,
			"TcpExtTCPTimeWaitOverflow": 9, "TcpExtTCPReqQFullDrop": 8, "IpExtInOctets": 77,
		}},
		{name: "what grep let through", os: "linux", text: `$ netstat -s | egrep "listen|LISTEN|TCP"
    187 times the listen queue of a socket overflowed
    188 SYNs to LISTEN sockets ignored
    TCPTimeWaitOverflow: 3
`, want: host.Counters{"TcpExtListenOverflows": 187, "TcpExtListenDrops": 188, "TcpExtTCPTimeWaitOverflow": 3}},
		{name: "japanese", os: "linux", text: "TcpExt:\n    ソケットのリスンキューが12回オーバフロー\n", want: host.Counters{"TcpExtListenOverflows": 12}},
		{name: "windows, both families", os: "windows", text: `
TCP Statistics for IPv4

  Active Opens                        = 100
  Passive Opens                       = 20
  Failed Connection Attempts          = 3
  Reset Connections                   = 4
  Current Connections                 = 5
  Segments Received                   = 600
  Segments Sent                       = 700
  Segments Retransmitted              = 8

TCP Statistics for IPv6

  Active Opens                        = 1
  Passive Opens                       = 1
  Failed Connection Attempts          = 1

UDP Statistics for IPv4

  Datagrams Received    = 9
`, want: host.Counters{"TcpActiveOpens": 101, "TcpPassiveOpens": 21, "TcpAttemptFails": 4, "TcpEstabResets": 4, "TcpCurrEstab": 5,
			"TcpInSegs": 600, "TcpOutSegs": 700, "TcpRetransSegs": 8}},
		{name: "windows in german: by their order", os: "windows", text: `
TCP-Statistik für IPv4

  Aktiv geöffnet                          = 100
  Passiv geöffnet                         = 20
  Verbindungsversuche fehlgeschlagen      = 3
`, want: host.Counters{"TcpActiveOpens": 100, "TcpPassiveOpens": 20, "TcpAttemptFails": 3}},
		{name: "freebsd", text: `tcp:
	1200 packets sent
		300 data packets (44000 bytes)
	50 connection requests
	60 connection accepts
	2 bad connection attempts
	187 listen queue overflows
`, want: host.Counters{"TcpActiveOpens": 50, "TcpPassiveOpens": 60, "TcpExtListenOverflows": 187}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pastetest.Read(t, c.text)
			if got := p.Snapshot.Namespaces[0].Counters; !maps.Equal(got, c.want) {
				t.Errorf("counters\n%v\nwant\n%v", got, c.want)
			}
			if p.Snapshot.Machine.OS != c.os {
				t.Errorf("os %q, want %q", p.Snapshot.Machine.OS, c.os)
			}
		})
	}
}

func TestSunStatistics(t *testing.T) {
	p, other := pastetest.Given(t, `TCP     tcpRtoAlgorithm     =     4     tcpRtoMin           =   400
        tcpRtoMax           = 60000     tcpMaxConn          =    -1
        tcpActiveOpens      =  1204     tcpPassiveOpens     =7084
        tcpListenDrop       =    11     tcpListenDropQ0     =     3
        tcpHalfOpenDrop     =     0     tcpOutSackRetrans   =40485

IPv4    ipForwarding        =     1     ipDefaultTTL        =   255
That is all, and a = 1 is no counter.
`)
	if len(other) != 1 || len(p.Parts) != 1 || p.Snapshot.Machine.OS != "solaris" {
		t.Fatalf("left over %q, parts %+v, system %q", other, p.Parts, p.Snapshot.Machine.OS)
	}
	for name, want := range map[string]uint64{"TcpActiveOpens": 1204, "TcpPassiveOpens": 7084, "TcpExtListenOverflows": 11, "TcpExtTCPReqQFullDrop": 3} {
		if got, ok := pastetest.NetNS(p).Counters[name]; !ok || got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	for _, line := range []string{"timeout = 30", "net.ipv4.tcp_fin_timeout = 60", "tcp = 4"} {
		if k := form.KindOf(statistics.Kinds, []byte(line)); k != nil {
			t.Errorf("%q is taken for counters", line)
		}
	}
}

func TestAIXStatistics(t *testing.T) {
	p, _ := pastetest.Given(t, "tcp:\n\t2031 connection requests\n\t1203 connection accepts\n\t122 discarded due to listener's queue full\n")
	if got := pastetest.NetNS(p).Counters["TcpExtListenOverflows"]; got != 122 {
		t.Errorf("%d overflows, want 122", got)
	}
}
