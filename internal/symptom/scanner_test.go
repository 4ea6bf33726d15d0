package symptom

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sockeye/internal/host"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func scan(text string) []host.Symptom {
	s := NewScanner(Options{Now: now})
	for i, line := range strings.Split(text, "\n") {
		s.Line(uint64(i+1), []byte(line))
	}
	return s.Result()
}

// TestMessages: what a line is taken for. end is the address it is about.
func TestMessages(t *testing.T) {
	for _, test := range []struct {
		text           string
		id, code, call string
		os             string
		runtime        host.Runtime
		end            string
		first          string // candidate
		others         []string
		pid            int32
	}{
		// Java
		{text: "Caused by: java.net.SocketException: No buffer space available (maximum connections reached?): connect", id: "java-no-buffer-space", code: "WSAENOBUFS", call: "connect", os: "windows", runtime: host.JVM, first: "port-exhaustion", others: []string{"unconnected-socket-leak", "nonpaged-pool"}},
		{text: "java.net.SocketException: No buffer space available (maximum connections reached?): JVM_Bind", id: "java-no-buffer-space", code: "WSAENOBUFS", call: "bind", os: "windows", runtime: host.JVM, first: "port-exhaustion", others: []string{"udp-port-exhaustion"}},
		{text: "java.net.SocketException: No buffer space available (maximum connections reached?): bind", id: "java-no-buffer-space", code: "WSAENOBUFS", call: "bind", os: "windows", runtime: host.JVM, first: "port-exhaustion"},
		{text: "2026-11-22 09:05:00,123 WARN [pool-3] java.net.BindException: Address already in use: connect", id: "java-address-in-use-connect", code: "WSAEADDRINUSE", call: "connect", os: "windows", runtime: host.JVM, first: "port-exhaustion"},
		{text: "java.net.BindException: Address already in use: JVM_Bind <null>:8080", id: "java-address-in-use-bind", code: "WSAEADDRINUSE", call: "bind", os: "windows", runtime: host.JVM, first: "address-in-use"},
		{text: "java.net.BindException: Address already in use (Bind failed)", id: "java-address-in-use-bind", code: "EADDRINUSE", call: "bind", runtime: host.JVM, first: "address-in-use"},
		{text: "Caused by: java.net.BindException: Address already in use", id: "eaddrinuse", code: "EADDRINUSE", call: "bind", runtime: host.JVM, first: "address-in-use"},
		{text: "java.net.NoRouteToHostException: Cannot assign requested address (Address not available)", id: "java-no-address-to-connect", code: "EADDRNOTAVAIL", call: "connect", runtime: host.JVM, first: "port-exhaustion", os: "linux"},
		{text: "java.net.BindException: Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "bind", runtime: host.JVM, first: "address-not-local"},
		{text: "java.net.SocketException: Too many open files", id: "emfile", code: "EMFILE", runtime: host.JVM, first: "fd-exhaustion"},
		{text: "java.io.IOException: Zu viele offene Dateien", id: "emfile", code: "EMFILE", runtime: host.JVM, os: "linux", first: "fd-exhaustion"},
		{text: "java.net.ConnectException: Connection timed out: connect", id: "wsaetimedout", code: "WSAETIMEDOUT", call: "connect", os: "windows", runtime: host.JVM, first: "unreachable-destination", others: []string{"accept-queue-overflow", "conntrack-full"}},
		{text: "org.springframework.web.client.ResourceAccessException: I/O error on POST request for \"http://billing.internal:9090/pay\": Connect to billing.internal:9090 [billing.internal/10.3.4.5] failed: Connection refused (Connection refused)", id: "econnrefused", code: "ECONNREFUSED", call: "connect", end: "billing.internal:9090", first: "unreachable-destination"},
		{text: "java.net.SocketTimeoutException: connect timed out", id: "java-connect-timed-out", code: "ETIMEDOUT", call: "connect", runtime: host.JVM, first: "unreachable-destination"},
		{text: "java.net.SocketTimeoutException: Connect timed out", id: "java-connect-timed-out", code: "ETIMEDOUT", call: "connect", runtime: host.JVM, first: "unreachable-destination"},
		{text: "io.netty.channel.AbstractChannel$AnnotatedConnectException: finishConnect(..) failed: Connection refused: /192.0.2.17:6380", id: "econnrefused", code: "ECONNREFUSED", call: "connect", runtime: host.JVM, end: "192.0.2.17:6380", first: "unreachable-destination"},
		{text: "com.zaxxer.hikari: HikariPool-2 - Connection is not available, request timed out after 30001ms.", id: "pool-timeout", first: "connection-leak"},
		// Go
		{text: `Get "http://10.1.2.3:8500/v1": dial tcp 10.1.2.3:8500: connect: cannot assign requested address`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.Go, end: "10.1.2.3:8500", first: "port-exhaustion"},
		{text: "dial tcp 10.1.2.3:8500: connect: can't assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", os: "darwin", runtime: host.Go, end: "10.1.2.3:8500", first: "port-exhaustion", others: []string{"time-wait-stuck"}},
		{text: "dial tcp 10.1.2.3:443: connectex: Only one usage of each socket address (protocol/network address/port) is normally permitted.", id: "wsaeaddrinuse", code: "WSAEADDRINUSE", call: "connect", os: "windows", runtime: host.Go, end: "10.1.2.3:443", first: "port-exhaustion"},
		{text: "dial tcp 10.1.2.3:443: bind: An operation on a socket could not be performed because the system lacked sufficient buffer space or because a queue was full.", id: "wsaenobufs", code: "WSAENOBUFS", call: "connect", os: "windows", runtime: host.Go, end: "10.1.2.3:443", first: "port-exhaustion", others: []string{"nonpaged-pool"}},
		{text: "2026/11/22 09:05:00 http: Accept error: accept tcp [::]:8443: accept4: too many open files; retrying in 5ms", id: "emfile", code: "EMFILE", call: "accept", runtime: host.Go, end: "[::]:8443", first: "fd-exhaustion"},
		{text: "dial tcp: lookup db.internal on 10.96.0.10:53: dial udp 10.96.0.10:53: socket: too many open files", id: "emfile", code: "EMFILE", call: "socket", runtime: host.Go, first: "fd-exhaustion"},
		{text: "listen tcp :2375: bind: An attempt was made to access a socket in a way forbidden by its access permissions.", id: "wsaeacces", code: "WSAEACCES", call: "bind", os: "windows", runtime: host.Go, end: ":2375", first: "excluded-port-range"},
		{text: "read tcp 10.0.0.9:40122->10.0.0.7:5672: read: connection reset by peer", id: "econnreset", code: "ECONNRESET", runtime: host.Go, end: "10.0.0.7:5672", first: "half-open-connections"},
		{text: "dial tcp 203.0.113.4:443: i/o timeout", id: "go-dial-timeout", code: "ETIMEDOUT", call: "connect", runtime: host.Go, end: "203.0.113.4:443", first: "unreachable-destination"},
		// Python
		{text: "OSError: [Errno 99] Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", os: "linux", runtime: host.Python, first: "port-exhaustion", others: []string{"address-not-local"}},
		{text: "OSError: [Errno 98] Address already in use", id: "eaddrinuse", code: "EADDRINUSE", os: "linux", runtime: host.Python, first: "address-in-use", others: []string{"bind-port-exhaustion"}},
		{text: "OSError: [Errno 24] Too many open files: '/var/lib/x'", id: "emfile", code: "EMFILE", runtime: host.Python, first: "fd-exhaustion"},
		{text: "OSError: [Errno 105] No buffer space available", id: "enobufs", code: "ENOBUFS", os: "linux", runtime: host.Python, first: "tcp-memory-pressure", others: []string{"neighbour-table-full"}},
		{text: "OSError: [Errno 49] Can't assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", os: "darwin", runtime: host.Python, first: "port-exhaustion"},
		{text: "OSError: [Errno 48] Address already in use", id: "eaddrinuse", code: "EADDRINUSE", os: "darwin", runtime: host.Python, first: "address-in-use"},
		{text: "OSError: [WinError 10048] Only one usage of each socket address (protocol/network address/port) is normally permitted", id: "wsaeaddrinuse", code: "WSAEADDRINUSE", os: "windows", runtime: host.Python, first: "port-exhaustion"},
		{text: "OSError: [WinError 10055] 由于系统缓冲区空间不足或队列已满，不能执行套接字上的操作。", id: "wsaenobufs", code: "WSAENOBUFS", os: "windows", runtime: host.Python, first: "port-exhaustion"},
		{text: "PermissionError: [WinError 10013] 以一种访问权限不允许的方式做了一个访问套接字的尝试。", id: "wsaeacces", code: "WSAEACCES", os: "windows", runtime: host.Python, first: "excluded-port-range"},
		{text: "ERROR:    [Errno 10048] error while attempting to bind on address ('127.0.0.1', 8010): обычно разрешается только одно использование адреса сокета (протокол/сетевой адрес/порт)", id: "wsaeaddrinuse", code: "WSAEADDRINUSE", call: "bind", os: "windows", runtime: host.Python, end: "127.0.0.1:8010", first: "address-in-use"},
		{text: "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.example.net', port=443): Max retries exceeded with url: /v1 (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 99] Cannot assign requested address'))", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", os: "linux", runtime: host.Python, end: "api.example.net:443", first: "port-exhaustion"},
		{text: "ConnectionRefusedError: [Errno 61] Connection refused", id: "econnrefused", code: "ECONNREFUSED", call: "connect", os: "darwin", runtime: host.Python, first: "unreachable-destination"},
		{text: "redis.exceptions.ConnectionError: Error 99 connecting to cache.local:6379. Cannot assign requested address.", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", end: "cache.local:6379", first: "port-exhaustion"},
		// Node
		{text: "Error: connect EADDRNOTAVAIL 10.9.8.7:443 - Local (0.0.0.0:0)", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.Node, end: "10.9.8.7:443", first: "port-exhaustion"},
		{text: "Error: connect EADDRINUSE 127.0.0.1:9200", id: "node-address-in-use-connect", code: "EADDRINUSE", call: "connect", runtime: host.Node, end: "127.0.0.1:9200", first: "port-exhaustion"},
		{text: "Error: connect ENOBUFS 10.9.8.7:443 - Local (undefined:undefined)", id: "enobufs", code: "ENOBUFS", call: "connect", runtime: host.Node, end: "10.9.8.7:443", first: "port-exhaustion"},
		{text: "Error: connect EMFILE 10.9.8.7:443 - Local (undefined:undefined)", id: "emfile", code: "EMFILE", call: "connect", runtime: host.Node, end: "10.9.8.7:443", first: "fd-exhaustion"},
		{text: "Error: listen EACCES: permission denied 0.0.0.0:5037", id: "eacces", code: "EACCES", call: "listen", runtime: host.Node, end: "0.0.0.0:5037", first: "excluded-port-range"},
		{text: "Error: listen EADDRINUSE: address already in use :::3000", id: "eaddrinuse", code: "EADDRINUSE", call: "listen", runtime: host.Node, end: ":::3000", first: "address-in-use"},
		{text: "Error: read ECONNRESET", id: "econnreset", code: "ECONNRESET", runtime: host.Node, first: "half-open-connections"},
		// .NET
		{text: " ---> System.Net.Sockets.SocketException (10048): Only one usage of each socket address (protocol/network address/port) is normally permitted. (10.0.3.4:443)", id: "wsaeaddrinuse", code: "WSAEADDRINUSE", os: "windows", runtime: host.DotNet, end: "10.0.3.4:443", first: "port-exhaustion"},
		{text: "SocketException (10055): An operation on a socket could not be performed because the system lacked sufficient buffer space or because a queue was full", id: "wsaenobufs", code: "WSAENOBUFS", os: "windows", runtime: host.DotNet, first: "port-exhaustion"},
		{text: "System.Net.Sockets.SocketException (98): Address already in use", id: "eaddrinuse", code: "EADDRINUSE", os: "linux", runtime: host.DotNet, first: "address-in-use", others: []string{"bind-port-exhaustion"}},
		{text: "System.Net.Http.HttpRequestException: Cannot assign requested address (shop.example:443) ---> System.Net.Sockets.SocketException (99): Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", os: "linux", runtime: host.DotNet, end: "shop.example:443", first: "port-exhaustion"},
		{text: "System.Net.Sockets.SocketException (24): Too many open files", id: "emfile", code: "EMFILE", runtime: host.DotNet, first: "fd-exhaustion"},
		// Rust
		{text: `Error: Os { code: 99, kind: AddrNotAvailable, message: "Cannot assign requested address" }`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", os: "linux", runtime: host.Rust, first: "port-exhaustion"},
		{text: `Os { code: 49, kind: AddrNotAvailable, message: "Can't assign requested address" }`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", os: "darwin", runtime: host.Rust, first: "port-exhaustion", others: []string{"time-wait-stuck"}},
		{text: `Os { code: 10055, kind: Uncategorized, message: "…" }`, id: "wsaenobufs", code: "WSAENOBUFS", os: "windows", runtime: host.Rust, first: "port-exhaustion"},
		{text: "tcp connect error: Connection refused (os error 111)", id: "econnrefused", code: "ECONNREFUSED", call: "connect", os: "linux", runtime: host.Rust, first: "unreachable-destination"},
		{text: "accept failed: 열린 파일이 너무 많음 (os error 24)", id: "emfile", code: "EMFILE", call: "accept", os: "linux", runtime: host.Rust, first: "fd-exhaustion"},
		// PHP, Ruby, Erlang
		{text: "Cannot assign requested address [tcp://203.0.113.30:6379]", id: "eaddrnotavail", code: "EADDRNOTAVAIL", end: "203.0.113.30:6379", first: "port-exhaustion"},
		{text: "stream_socket_client(): unable to connect to tcp://127.0.0.1:2207 (Cannot assign requested address)", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.PHP, end: "127.0.0.1:2207", first: "port-exhaustion"},
		{text: "SQLSTATE[HY000] [2002] Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.PHP, first: "port-exhaustion"},
		{text: `Errno::EADDRNOTAVAIL (Failed to open TCP connection to search.local:9200 (Cannot assign requested address - connect(2) for "search.local" port 9200))`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.Ruby, end: "search.local:9200", first: "port-exhaustion"},
		{text: "Errno::EMFILE: Too many open files - socket(2) for \"10.0.0.1\" port 80", id: "emfile", code: "EMFILE", call: "socket", runtime: host.Ruby, end: "10.0.0.1:80", first: "fd-exhaustion"},
		{text: `client: connection to "broker":1884 failed due to eaddrinuse`, id: "eaddrinuse", code: "EADDRINUSE", call: "connect", runtime: host.Erlang, end: `"broker":1884`, first: "bind-port-exhaustion"},
		{text: "=ERROR REPORT==== {error,eaddrnotavail}", id: "eaddrnotavail", code: "EADDRNOTAVAIL", runtime: host.Erlang, first: "port-exhaustion"},
		{text: "{:error, :emfile}", id: "emfile", code: "EMFILE", runtime: host.Erlang, first: "fd-exhaustion"},
		{text: "** exception error: {error,system_limit}", id: "erlang-system-limit", runtime: host.Erlang, first: "fd-exhaustion"},
		// nginx, HAProxy, hitch
		{text: `2026/11/22 09:05:00 [crit] 4711#4711: *88 connect() to 10.0.0.21:8080 failed (99: Cannot assign requested address) while connecting to upstream, client: 198.51.100.9, server: shop.example, request: "GET / HTTP/1.1", upstream: "http://10.0.0.21:8080/", host: "shop.example"`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", os: "linux", runtime: host.Nginx, end: "10.0.0.21:8080", first: "port-exhaustion", pid: 4711},
		{text: `2026/11/22 09:05:00 [crit] 31#31: *88 connect() to 10.0.0.21:8080 failed (99: Address not available) while connecting to upstream`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", os: "linux", runtime: host.Nginx, end: "10.0.0.21:8080", first: "port-exhaustion", pid: 31},
		{text: `2026/11/22 09:05:00 [alert] 12#0: *5 socket() failed (24: Too many open files) while connecting to upstream, client: 198.51.100.9, server: , request: "GET / HTTP/1.1", upstream: "http://10.0.0.21:8080/"`, id: "emfile", code: "EMFILE", call: "socket", runtime: host.Nginx, end: "10.0.0.21:8080", first: "fd-exhaustion", pid: 12},
		{text: "2026/11/22 09:05:00 [crit] 12#0: accept4() failed (24: Too many open files)", id: "emfile", code: "EMFILE", call: "accept", runtime: host.Nginx, first: "fd-exhaustion", pid: 12},
		{text: "2026/11/22 09:05:00 [alert] 12#0: 512 worker_connections are not enough", id: "nginx-worker-connections", runtime: host.Nginx, first: "application-cap", pid: 12},
		{text: "nginx: [emerg] bind() to 0.0.0.0:443 failed (98: Address already in use)", id: "eaddrinuse", code: "EADDRINUSE", call: "bind", os: "linux", runtime: host.Nginx, end: "0.0.0.0:443", first: "address-in-use"},
		{text: "Nov 22 09:05:00 lb haproxy[771]: Connect() failed for backend api: no free ports.", id: "haproxy-no-free-ports", code: "EADDRNOTAVAIL", call: "connect", runtime: host.HAProxy, first: "port-exhaustion", pid: 771},
		{text: "Connect() failed for backend api: local address already in use.", id: "haproxy-address-in-use", code: "EADDRINUSE", call: "connect", runtime: host.HAProxy, first: "bind-port-exhaustion"},
		{text: "Proxy web reached process FD limit (maxsock=2000). Please check 'ulimit-n' and restart.", id: "haproxy-fd-limit", code: "EMFILE", runtime: host.HAProxy, first: "fd-exhaustion"},
		{text: "{backend-connect}: Cannot assign requested address", id: "hitch-connect", code: "EADDRNOTAVAIL", call: "connect", first: "port-exhaustion"},
		// clients
		{text: "curl: (7) Failed to connect to files.example port 443: Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", runtime: host.Curl, end: "files.example:443", first: "port-exhaustion"},
		{text: "curl: (7) getsockname() failed with errno 10055: No buffer space available", id: "curl-getsockname", code: "WSAENOBUFS", call: "connect", os: "windows", runtime: host.Curl, first: "unconnected-socket-leak"},
		{text: "GET https://app.example/ net::ERR_NO_BUFFER_SPACE", id: "chromium-no-buffer-space", code: "WSAENOBUFS", call: "connect", os: "windows", first: "port-exhaustion"},
		{text: "net::ERR_ADDRESS_IN_USE", id: "chromium-address-in-use", code: "EADDRINUSE", call: "connect", first: "port-exhaustion"},
		{text: "Could not connect to Redis at 10.2.2.2:6379: Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", end: "10.2.2.2:6379", first: "port-exhaustion"},
		{text: "Error connectRedis: Cannot assign requested address", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", first: "port-exhaustion"},
		{text: "-ERR max number of clients reached", id: "redis-max-clients", runtime: host.Redis, first: "application-cap"},
		{text: "2026-11-22 09:05:00.123 UTC [2231] FATAL:  sorry, too many clients already", id: "too-many-clients", runtime: host.PostgreSQL, first: "application-cap", pid: 2231},
		{text: "FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", id: "too-many-clients", runtime: host.PostgreSQL, first: "application-cap"},
		{text: `could not connect to server: Cannot assign requested address	Is the server running on host "10.4.4.4" and accepting TCP/IP connections on port 5432?`, id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", first: "port-exhaustion"},
		{text: `psql: error: connection to server at "db.example" (10.4.4.4), port 5432 failed: Connection timed out`, id: "etimedout", code: "ETIMEDOUT", call: "connect", end: "10.4.4.4:5432", first: "unreachable-destination"},
		{text: "ERROR 2003 (HY000): Can't connect to MySQL server on '10.5.5.5' (99)", id: "mysql-cannot-connect", code: "EADDRNOTAVAIL", call: "connect", os: "linux", runtime: host.MySQL, first: "port-exhaustion"},
		{text: "ERROR 2003 (HY000): Can't connect to MySQL server on 'db.example:3306' (111)", id: "mysql-cannot-connect", code: "ECONNREFUSED", call: "connect", os: "linux", runtime: host.MySQL, end: "db.example:3306", first: "unreachable-destination"},
		{text: "Can't connect to MySQL server on 'localhost' (10048)", id: "mysql-cannot-connect", code: "WSAEADDRINUSE", call: "connect", os: "windows", runtime: host.MySQL, first: "port-exhaustion"},
		{text: "ERROR 1040 (08004): Too many connections", id: "mysql-too-many-connections", runtime: host.MySQL, first: "application-cap"},
		{text: "Host '10.6.6.6' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'", id: "mysql-host-blocked", runtime: host.MySQL, first: "application-cap"},
		// kernels
		{text: "[ 1234.567890] TCP: request_sock_TCP: Possible SYN flooding on port 8443. Sending cookies.  Check SNMP counters.", id: "kernel-syn-flooding", os: "linux", first: "syn-queue-pressure"},
		{text: "Nov 22 09:05:00 web kernel: TCP: Possible SYN flooding on port 80. Dropping request.", id: "kernel-syn-flooding", os: "linux", first: "syn-queue-pressure"},
		{text: "possible SYN flooding on port 25. Sending cookies.", id: "kernel-syn-flooding", os: "linux", first: "syn-queue-pressure"},
		{text: "[12.5] TCP: request_sock_TCPv6: Possible SYN flooding on port [::]:443. Sending cookies.", id: "kernel-syn-flooding", os: "linux", first: "syn-queue-pressure", end: "[::]:443"},
		{text: "kernel: TCP: time wait bucket table overflow", id: "kernel-time-wait-overflow", os: "linux", first: "time-wait-buckets-full"},
		{text: "kernel: TCP: too many orphaned sockets", id: "kernel-orphans", os: "linux", first: "orphan-limit"},
		{text: "kernel: Out of socket memory", id: "kernel-out-of-socket-memory", os: "linux", first: "orphan-limit", others: []string{"tcp-memory-pressure"}},
		{text: "TCP: out of memory -- consider tuning tcp_mem", id: "kernel-tcp-mem", os: "linux", first: "tcp-memory-pressure"},
		{text: "nf_conntrack: nf_conntrack: table full, dropping packet", id: "kernel-conntrack-full", os: "linux", first: "conntrack-full"},
		{text: "ip_conntrack: table full, dropping packet.", id: "kernel-conntrack-full", os: "linux", first: "conntrack-full"},
		{text: "nf_conntrack: expectation table full", id: "kernel-conntrack-expect-full", os: "linux", first: "conntrack-full"},
		{text: "neighbour: ndisc_cache: neighbor table overflow!", id: "kernel-neighbour-overflow", os: "linux", first: "neighbour-table-full"},
		{text: "Neighbour table overflow.", id: "kernel-neighbour-overflow", os: "linux", first: "neighbour-table-full"},
		{text: "VFS: file-max limit 100000 reached", id: "kernel-file-max", code: "ENFILE", os: "linux", first: "file-table-full"},
		{text: "Nov 22 09:05:00 gw kernel: sonewconn: pcb 0xfffff8000abc (0.0.0.0:8443 (proto 6)): Listen queue overflow: 193 already in queue awaiting acceptance (12 occurrences)", id: "bsd-listen-overflow", os: "freebsd", first: "accept-queue-overflow", end: "0.0.0.0:8443"},
		{text: "kernel: kern.maxfiles limit exceeded by uid 80, (httpd) please see tuning(7).", id: "bsd-maxfiles", code: "ENFILE", os: "freebsd", first: "file-table-full"},
		{text: "[zone: mbuf_cluster] kern.ipc.nmbclusters limit reached", id: "bsd-mbuf", os: "freebsd", first: "tcp-memory-pressure"},
		// Windows' log
		{text: "Warning 11/22/2026 9:05:00 AM Tcpip 4227 None TCP/IP failed to establish an outgoing connection because the selected local endpoint was recently used to connect to the same remote endpoint.", id: "windows-event-4227", code: "event 4227", call: "connect", os: "windows", first: "port-exhaustion"},
		{text: "A request to allocate an ephemeral port number from the global TCP port space has failed due to all such ports being in use.", id: "windows-event-4231", code: "event 4231", os: "windows", first: "port-exhaustion"},
		{text: "A request to allocate an ephemeral port number from the global UDP port space has failed due to all such ports being in use.", id: "windows-event-4266", code: "event 4266", os: "windows", first: "udp-port-exhaustion"},
		{text: "<Event><System><Provider Name='Tcpip'/><EventID Qualifiers='32768'>4231</EventID></System></Event>", id: "windows-event-4231", code: "event 4231", os: "windows", first: "port-exhaustion"},
		{text: "警告,2026/11/22 9:05:00,Tcpip,4227,无", id: "windows-event-4227", code: "event 4227", call: "connect", os: "windows", first: "port-exhaustion"},
		{text: "Ereignis-ID:   4231", id: "windows-event-4231", code: "event 4231", os: "windows", first: "port-exhaustion"},
		{text: "AFD_EVENT_BIND, Status 0x209, STATUS_TOO_MANY_ADDRESSES", id: "windows-afd-too-many-addresses", call: "bind", os: "windows", first: "port-exhaustion"},
		{text: "The server was unable to allocate from the system nonpaged pool because the pool was empty.", id: "windows-event-2019", code: "event 2019", os: "windows", first: "nonpaged-pool"},
		{text: "The server was unable to allocate from the system paged pool because the pool was empty.", id: "windows-event-2020", code: "event 2020", os: "windows", first: "nonpaged-pool"},
		// by numbers and names alone
		{text: "connect failed, WSAGetLastError() = 10055", id: "wsaenobufs", code: "WSAENOBUFS", call: "connect", os: "windows", first: "port-exhaustion"},
		{text: "send failed with error 10054", id: "wsaeconnreset", code: "WSAECONNRESET", os: "windows", first: "half-open-connections"},
		{text: "Socketfehler 10061", id: "wsaeconnrefused", code: "WSAECONNREFUSED", call: "connect", os: "windows", first: "unreachable-destination"},
		{text: "WSAENOBUFS while opening the channel", id: "wsaenobufs", code: "WSAENOBUFS", os: "windows", first: "port-exhaustion"},
		{text: "Wsl/Service/0x80072747", id: "wsaenobufs", code: "WSAENOBUFS", os: "windows", first: "port-exhaustion"},
		{text: "bind() returned an error: 通常每个套接字地址(协议/网络地址/端口)只允许使用一次。 (0x2740)", id: "wsaeaddrinuse", code: "WSAEADDRINUSE", call: "bind", os: "windows", first: "address-in-use"},
		{text: "upstream reset: delayed connect error: 111", id: "econnrefused", code: "ECONNREFUSED", call: "connect", os: "linux", first: "unreachable-destination"},
		{text: "connect to backend: errno=99", id: "eaddrnotavail", code: "EADDRNOTAVAIL", call: "connect", os: "linux", first: "port-exhaustion"},
		{text: "ping: sendto: No buffer space available", id: "enobufs", code: "ENOBUFS", first: "tcp-memory-pressure"},
		{text: "sendmsg: Operation not permitted", id: "eperm", code: "EPERM", first: "conntrack-full"},
	} {
		got := scan(test.text)
		if len(got) != 1 {
			t.Errorf("%s\n\tis %d symptoms: %+v", test.text, len(got), got)
			continue
		}
		g := got[0]
		if g.ID != test.id || g.Code != test.code || g.Call != test.call || g.OS != test.os {
			t.Errorf("%s\n\tid %q code %q call %q os %q,\n\twant %q %q %q %q", test.text, g.ID, g.Code, g.Call, g.OS, test.id, test.code, test.call, test.os)
		}
		if test.runtime != "" && g.Runtime != test.runtime {
			t.Errorf("%s\n\truntime %q, want %q", test.text, g.Runtime, test.runtime)
		}
		if test.end != "" && (len(g.Endpoints) != 1 || g.Endpoints[0].Name != test.end) {
			t.Errorf("%s\n\tends %v, want %s", test.text, g.Endpoints, test.end)
		}
		if len(g.Candidates) == 0 || g.Candidates[0] != test.first {
			t.Errorf("%s\n\tcandidates %v, want %s first", test.text, g.Candidates, test.first)
		}
		for _, c := range test.others {
			if !slices.Contains(g.Candidates, c) {
				t.Errorf("%s\n\tcandidates %v lack %s", test.text, g.Candidates, c)
			}
		}
		if test.pid != 0 && !slices.Equal(g.PIDs, []int32{test.pid}) {
			t.Errorf("%s\n\tpids %v, want %d", test.text, g.PIDs, test.pid)
		}
		if strings.TrimSpace(test.text) != g.Example && len(test.text) < exampleMost {
			t.Errorf("%s\n\texample %q", test.text, g.Example)
		}
	}
}
