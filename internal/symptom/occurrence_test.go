package symptom

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
)

// brief is a symptom in a line.
func brief(s host.Symptom) string {
	out := fmt.Sprintf("%s %s x%d line %d", s.ID, s.Call, s.Count, s.Line)
	for _, e := range s.Endpoints {
		out += fmt.Sprintf(" %s*%d", e.Name, e.Count)
	}
	if !s.First.IsZero() {
		out += " " + s.First.UTC().Format("15:04:05.000") + "-" + s.Last.UTC().Format("15:04:05.000")
	}
	for _, p := range s.PIDs {
		out += fmt.Sprintf(" pid %d", p)
	}
	if s.Runtime != "" {
		out += " " + string(s.Runtime)
	}
	for _, f := range s.Frames {
		out += " @" + f
	}
	return out
}

// TestOccurrences: what several lines come to.
func TestOccurrences(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"Java, with causes and frames", `2026-11-22 09:05:00,120 ERROR [exec-3] c.e.shop.Orders - order 17 failed
org.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://10.0.0.8:9090/p": Cannot assign requested address (connect failed); nested exception is java.net.ConnectException: Cannot assign requested address (connect failed)
	at org.springframework.web.client.RestTemplate.doExecute(RestTemplate.java:785)
	at com.example.shop.Prices.fetch(Prices.java:41)
	at com.example.shop.Orders.place(Orders.java:88)
Caused by: java.net.ConnectException: Cannot assign requested address (connect failed)
	at java.net.PlainSocketImpl.socketConnect(Native Method)
	... 42 more
2026-11-22 09:05:01,000 INFO [exec-3] c.e.shop.Orders - next`,
			[]string{"java-no-address-to-connect connect x1 line 2 10.0.0.8:9090*1 09:05:00.120-09:05:00.120 jvm @com.example.shop.Prices.fetch(Prices.java:41) @com.example.shop.Orders.place(Orders.java:88)"}},
		{"Java, the call by the frames", `java.net.SocketException: Too many open files
	at sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)
	at sun.nio.ch.ServerSocketChannelImpl.accept(ServerSocketChannelImpl.java:422)
java.net.SocketException: Too many open files
	at sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)`,
			[]string{"emfile accept x2 line 1 jvm"}},
		{"Java, another cause", `HikariPool-1 - Connection is not available, request timed out after 30000ms.
Caused by: org.postgresql.util.PSQLException: Connection to 10.0.0.3:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.
Caused by: java.net.ConnectException: Connection refused`,
			[]string{"postgresql-refused connect x1 line 2 10.0.0.3:5432*1 jvm"}},
		{"Python, two tracebacks of one error", `[2026-11-22 09:05:00 +0100] [88] [ERROR] job failed
Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/urllib3/connection.py", line 174, in _new_conn
    conn = connection.create_connection(
  File "/usr/lib/python3/dist-packages/urllib3/util/connection.py", line 85, in create_connection
    sock.connect(sa)
OSError: [Errno 99] Cannot assign requested address

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/jobs/run.py", line 12, in main
    send()
  File "/srv/jobs/send.py", line 40, in send
    requests.post(url)
  File "/usr/lib/python3/dist-packages/requests/api.py", line 115, in post
    return request("post", url)
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='in.example.org', port=443): Max retries exceeded (Caused by NewConnectionError(': [Errno 99] Cannot assign requested address'))
done`,
			[]string{`eaddrnotavail connect x1 line 7 in.example.org:443*1 08:05:00.000-08:05:00.000 python @File "/srv/jobs/send.py", line 40, in send @File "/srv/jobs/run.py", line 12, in main`}},
		{"Node, with its properties", `Error: connect EADDRNOTAVAIL 10.0.0.5:443 - Local (0.0.0.0:0)
    at internalConnect (node:net:1087:16)
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)
    at fetchAll (/srv/app/fetch.js:33:9) {
  errno: -99,
  code: 'EADDRNOTAVAIL',
  syscall: 'connect',
  address: '10.0.0.5',
  port: 443
}
Error: connect EADDRNOTAVAIL 10.0.0.6:443 - Local (0.0.0.0:0)`,
			[]string{"eaddrnotavail connect x2 line 1 10.0.0.5:443*1 10.0.0.6:443*1 node @fetchAll (/srv/app/fetch.js:33:9)"}},
		{".NET", `Unhandled exception. System.Net.Http.HttpRequestException: Only one usage of each socket address (protocol/network address/port) is normally permitted. (10.0.3.4:443)
 ---> System.Net.Sockets.SocketException (10048): Only one usage of each socket address (protocol/network address/port) is normally permitted.
   at System.Net.Sockets.Socket.AwaitableSocketAsyncEventArgs.ThrowException(SocketError error, CancellationToken cancellationToken)
   at System.Net.Sockets.Socket.<ConnectAsync>g__WaitForConnectWithCancellation|285_0(AwaitableSocketAsyncEventArgs saea)
   --- End of inner exception stack trace ---
   at Shop.Client.Get() in C:\src\Client.cs:line 42`,
			[]string{`wsaeaddrinuse connect x1 line 1 10.0.3.4:443*1 dotnet @Shop.Client.Get() in C:\src\Client.cs:line 42`}},
		{"nginx, many", strings.Repeat(`2026/11/22 09:05:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: a.example, request: "GET / HTTP/1.1", upstream: "http://10.0.0.1:8080/", host: "a.example"
2026/11/22 09:06:00 [error] 8#8: *2 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: a.example, request: "GET / HTTP/1.1", upstream: "http://10.0.0.2:8080/", host: "a.example"
`, 3),
			[]string{"econnrefused connect x6 line 1 10.0.0.1:8080*3 10.0.0.2:8080*3 09:05:00.000-09:06:00.000 pid 7 pid 8 nginx"}},
		{"an event of Windows as properties", `Log Name:      System
Source:        Tcpip
Date:          11/22/2026 9:05:00 AM
Event ID:      4227
Task Category: None
Level:         Warning
Description:
TCP/IP failed to establish an outgoing connection because the selected local endpoint was recently used to connect to the same remote endpoint.
Log Name:      System
Source:        Tcpip
Event ID:      4227
Description:
TCP/IP failed to establish an outgoing connection because the selected local endpoint was recently used to connect to the same remote endpoint.`,
			[]string{"windows-event-4227 connect x2 line 4 09:05:00.000-09:05:00.000"}},
		{"the same in a language that is not known", `Protokollname: System
Quelle:        Tcpip
Ereignis-ID:   4266
Beschreibung:
Fehler bei einer Anforderung.`,
			[]string{"windows-event-4266  x1 line 3"}},
		{"nonpaged pool", "Source: srv\nEvent ID: 2019\n", []string{"windows-event-2019  x1 line 2"}},
		{"repeated", `Nov 22 09:05:00 fw kernel: nf_conntrack: table full, dropping packet
Nov 22 09:05:05 fw rsyslogd: message repeated 9 times: [nf_conntrack: table full, dropping packet]`,
			[]string{"kernel-conntrack-full  x10 line 1 09:05:00.000-09:05:05.000"}},
		{"dmesg has no wall time", "2026-11-22 09:05:00 start\n[ 812.5] TCP: too many orphaned sockets\n[ 812.6] TCP: too many orphaned sockets",
			[]string{"kernel-orphans  x2 line 2"}},
		{"compose's prefixes", "web_1  | Error: connect ECONNREFUSED 172.18.0.3:5432\nweb_1  |     at TCPConnectWrap.afterConnect [as oncomplete] (net.js:1141:16) {\nweb_1  |   code: 'ECONNREFUSED'\nweb_1  | }",
			[]string{"econnrefused connect x1 line 1 172.18.0.3:5432*1 node"}},
		{"a stack trace in a line of JSON", `{"time":"2026-11-22T09:05:00Z","error":"java.net.BindException: Address already in use: connect\n\tat java.net.DualStackPlainSocketImpl.connect0(Native Method)` + strings.Repeat(`\n\tat com.example.A.b(A.java:1)`, 60) + `\nCaused by: java.net.BindException: Address already in use: connect"}`,
			[]string{"java-address-in-use-connect connect x1 line 1 09:05:00.000-09:05:00.000 jvm"}},
		{"what matters more comes first", strings.Repeat("read tcp 10.0.0.1:1->10.0.0.2:80: read: connection reset by peer\n", 500) + "dial tcp 10.0.0.2:80: connect: cannot assign requested address",
			[]string{"eaddrnotavail connect x1 line 501 10.0.0.2:80*1 go", "econnreset  x500 line 1 10.0.0.2:80*500 go"}},
		{"connect and bind are two things", "connect: Address already in use\nbind: Address already in use",
			[]string{"eaddrinuse connect x1 line 1", "eaddrinuse bind x1 line 2"}},
	} {
		var got []string
		for _, s := range scan(test.text) {
			got = append(got, brief(s))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %s\nwant %s", test.name, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
		}
	}
}

func TestClock(t *testing.T) {
	c := clock{now: now}
	for line, want := range map[string]string{
		"2026-11-22T09:05:00Z x":                         "2026-11-22T09:05:00Z",
		"2026-11-22T09:05:00.25+02:00 x":                 "2026-11-22T07:05:00.25Z",
		"[2026-11-22 09:05:00,123] WARN":                 "2026-11-22T09:05:00.123Z",
		"Nov 22 09:05:00 web app: x":                     "2026-11-22T09:05:00Z",
		"Dec  2 09:05:00 web app: x":                     "2025-12-02T09:05:00Z",
		"2026/11/22 09:05:00 [error] 1#1: x":             "2026-11-22T09:05:00Z",
		`192.0.2.1 - - [22/Nov/2026:09:05:00 +0100] "x"`: "2026-11-22T08:05:00Z",
		"[Sun Nov 22 09:05:00 2026] x":                   "2026-11-22T09:05:00Z",
		"[Sun Nov 22 09:05:00.123456 2026] [core] x":     "2026-11-22T09:05:00.123456Z",
		"[Fri Nov 22 09:05:00.123456 2019] [core] x":     "2019-11-22T09:05:00.123456Z",
		"1:M 22 Nov 2026 09:05:00.123 # x":               "2026-11-22T09:05:00.123Z",
		`{"level":"x","ts":1795338300.5,"msg":"y"}`:      "2026-11-22T09:05:00.5Z",
		`{"time":1795338300123}`:                         "2026-11-22T09:05:00.123Z",
		"22.11.2026 09:05:00 x":                          "2026-11-22T09:05:00Z",
		"web_1 | 2026-11-22 09:05:00 x":                  "2026-11-22T09:05:00Z",
		"[12345.678] TCP: x":                             "",
		"2026-13-22 09:05:00":                            "",
		"order 1795338300 done":                          "",
		"":                                               "",
	} {
		got, ok := c.read([]byte(line))
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v %v, want %s", line, got.UTC().Format(time.RFC3339Nano), ok, want)
		}
	}
}
