package symptom

import (
	"testing"

	"sockeye/internal/host"
)

// TestFurtherMessages: what the programs of other systems and runtimes say.
func TestFurtherMessages(t *testing.T) {
	for _, test := range []struct {
		text           string
		id, call, os   string
		end, candidate string
		count          uint64
	}{
		{text: "io.netty.channel.unix.Errors$NativeIoException: bind(..) failed: Cannot assign requested address", id: "eaddrnotavail", call: "bind", candidate: "address-not-local"},
		{text: "java.net.BindException: Cannot assign requested address: no further information", id: "wsaeaddrnotavail", call: "connect", os: "windows", candidate: "address-not-local"},
		{text: "java.net.ConnectException: Connection refused: connect", id: "wsaeconnrefused", call: "connect", os: "windows", candidate: "unreachable-destination"},
		{text: `panicked at 'no luck: Error { repr: Os { code: 49, message: "Can\'t assign requested address" } }'`, id: "eaddrnotavail", os: "darwin", candidate: "port-exhaustion"},
		{text: "SocketException: Not enough buffer space is available", id: "enobufs", candidate: "tcp-memory-pressure"},
		{text: "httpcore.ConnectError: [Errno 99] Cannot assign requested address", id: "eaddrnotavail", call: "connect", os: "linux", candidate: "port-exhaustion"},
		{text: `{"code":"ECONNREFUSED","errno":"ECONNREFUSED","syscall":"connect","address":"10.9.0.7","port":3306}`, id: "econnrefused", call: "connect", end: "10.9.0.7:3306", candidate: "unreachable-destination"},
		{text: "ServerSelectionTimeoutError: localhost:27017: [Errno 111] Connection refused", id: "econnrefused", call: "connect", os: "linux", end: "localhost:27017", candidate: "unreachable-destination"},
		{text: "Connection to node -1 (cache-1/10.9.0.8:9092) could not be established. Broker may not be available.", id: "kafka-broker-unavailable", call: "connect", end: "10.9.0.8:9092", candidate: "unreachable-destination"},
		{text: `Server web/app1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms.`, id: "haproxy-check-failed", call: "connect", candidate: "unreachable-destination"},
		{text: "upstream connect error or disconnect/reset before headers. reset reason: connection failure, transport failure reason: delayed connect error: 99", id: "envoy-connect-failed", call: "connect", os: "linux", candidate: "port-exhaustion"},
		{text: "Readiness probe failed: Get http://10.9.1.4:8080/ready: dial tcp 10.9.1.4:8080: connect: connection refused (x7 over 2m)", id: "econnrefused", call: "connect", end: "10.9.1.4:8080", candidate: "unreachable-destination", count: 7},
		{text: "connect() to unix:/run/app.sock failed (11: Resource temporarily unavailable) while connecting to upstream", id: "unix-listener-full", call: "connect", candidate: "accept-queue-overflow"},
		{text: "debug1: kex_exchange_identification: banner line 0: Exceeded MaxStartups", id: "sshd-max-startups", candidate: "application-cap"},
		{text: "kex_exchange_identification: read: Connection reset by peer", id: "ssh-turned-away", candidate: "application-cap"},
		{text: "No se puede ejecutar la operación en un socket ya que el sistema no tiene suficiente espacio de búfer o porque una cola estaba llena 10.9.0.2:80", id: "wsaenobufs", os: "windows", end: "10.9.0.2:80", candidate: "port-exhaustion"},
		{text: "FATAL SO_SNDBUF fails, size 4194304: errno=55:No buffer space available", id: "socket-buffer-refused"},
	} {
		got := scan(test.text)
		if len(got) != 1 {
			t.Errorf("%s\n\tis %s", test.text, briefs(got))
			continue
		}
		g := got[0]
		end, candidate := "", ""
		if len(g.Endpoints) > 0 {
			end = g.Endpoints[0].Name
		}
		if len(g.Candidates) > 0 {
			candidate = g.Candidates[0]
		}
		if g.ID != test.id || g.Call != test.call || g.OS != test.os || end != test.end || candidate != test.candidate || g.Count != max(test.count, 1) {
			t.Errorf("%s\n\tis %s of %q at %q, %d times, by %q", test.text, g.ID, g.OS, end, g.Count, candidate)
		}
	}
}

// TestFullAcceptQueueRefuses on Windows alone; elsewhere the SYN is dropped.
func TestFullAcceptQueueRefuses(t *testing.T) {
	for text, want := range map[string]bool{
		"dial tcp 10.9.0.2:80: connect: connection refused":                                                            false,
		"dial tcp 10.9.0.2:80: connectex: No connection could be made because the target machine actively refused it.": true,
	} {
		got := scan(text)
		if len(got) != 1 {
			t.Fatalf("%s is %s", text, briefs(got))
		}
		named := false
		for _, id := range got[0].Candidates {
			named = named || id == "accept-queue-overflow"
		}
		if named != want {
			t.Errorf("%s\n\tmay be %v", text, got[0].Candidates)
		}
	}
}

// TestSpokenOf: texts about errors, and errors of what is no TCP.
func TestSpokenOf(t *testing.T) {
	for _, line := range []string{
		`If the daemon logs "too many open files", raise its limit.`,
		"> When you get ECONNREFUSED, look who listens.",
		"* ECONNREFUSED: nobody listens on the port.",
		"- `EMFILE`: the table of descriptors is full.",
		"The ETIMEDOUT error with syscall: connect indicates that nothing answered.",
		"nginx: [emerg] bind() to unix:/run/a.sock failed (98: Address already in use)",
		"dial unix /run/docker.sock: connect: permission denied",
		`bind(5, {sa_family=AF_UNIX, sun_path="/run/a.ctl"}, 35) = -1 EADDRINUSE (Address already in use)`,
		"-   FetchError     HTC eof",
		"2026-11-22 09:05:00 DEBUG pool: Pool stats (total=5, active=0, idle=5, waiting=0)",
		"\tconnections.max.idle.ms = 540000",
		"[listener] connection accepted from 10.9.0.4:57768 #6262 (5 connections now open)",
	} {
		if got := scan(line); len(got) != 0 {
			t.Errorf("%s\n\tis %s", line, briefs(got))
		}
	}
}

// TestInnermostFrame: BindException is thrown for connect(), too, and a package may be
// named as a call is.
func TestInnermostFrame(t *testing.T) {
	for text, want := range map[string]string{
		"java.net.BindException: Cannot assign requested address\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n\tat java.base/sun.nio.ch.Net.connect(Net.java:579)":             "connect",
		"java.net.BindException: Cannot assign requested address\n\tat java.base/sun.nio.ch.Net.bind0(Native Method)\n\tat org.example.transport.connect.Acceptor.open(Acceptor.java:17)": "bind",
		"java.io.IOException: Cannot assign requested address\n\tat org.example.connect.Door.bind(Door.java:17)":                                                                          "bind",
	} {
		got := scan(text)
		if len(got) != 1 || got[0].Call != want || got[0].Runtime != host.JVM {
			t.Errorf("%s\n\tis %s, want %s", text, briefs(got), want)
		}
	}
}
