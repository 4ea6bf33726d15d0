package symptom

import (
	"strings"
	"testing"
	"time"
)

// TestEventToldThrice: Event Viewer's export has each event as properties, as text and
// as XML; Get-EventLog shows its number with the severity in the upper bits.
func TestEventToldThrice(t *testing.T) {
	properties := "Log Name:      System\nSource:        Tcpip\nDate:          22.11.2026 09:05:00\nEvent ID:      4227\nLevel:         Warning\nDescription:\n" +
		"TCP/IP failed to establish an outgoing connection because the selected local endpoint was recently used to connect to the same remote endpoint.\n" +
		"Event Xml:\n<Event>\n  <System>\n    <Provider Name=\"Tcpip\" />\n    <EventID Qualifiers=\"32768\">4227</EventID>\n  </System>\n</Event>\n"
	table := "Index Time          EntryType   Source  InstanceID Message\n" +
		" 9120 Nov 22 09:05  Warning     Tcpip   2147487875 TCP/IP failed to establish an outgoing connection be...\n" +
		" 9119 Nov 22 09:01  Warning     Tcpip   2147487879 A request to allocate an ephemeral port number from...\n" +
		" 9118 Nov 22 08:59  Information Tcpip   1073745957 Adapter connected\n" +
		" 9117 Nov 22 08:58  Warning     Tcpip   2147487875 TCP/IP failed to establish an outgoing connection be...\n"
	for text, want := range map[string]map[string]uint64{
		properties:              {"windows-event-4227": 1},
		properties + properties: {"windows-event-4227": 2},
		table:                   {"windows-event-4227": 2, "windows-event-4231": 1},
	} {
		got := scan(text)
		for _, s := range got {
			if want[s.ID] != s.Count {
				t.Errorf("%s\nhas %d of %s, want %d", text, s.Count, s.ID, want[s.ID])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s\nis %s", text, briefs(got))
		}
	}
}

// TestLivedThrough: what somebody met with is an error though the sentence begins as one
// that explains.
func TestLivedThrough(t *testing.T) {
	for text, want := range map[string]bool{
		"When we call the billing service we get Cannot assign requested address": true,
		"When I start the second worker, it fails with EADDRINUSE":                true,
		"If I open the page twice I get ECONNREFUSED":                             true,
		"When we get ECONNREFUSED, look who listens":                              false,
		"If it fails with EMFILE, raise the limit":                                false,
		"When EADDRINUSE is thrown, choose another port":                          false,
	} {
		if got := scan(text); len(got) > 0 != want {
			t.Errorf("%s\nis %s", text, briefs(got))
		}
	}
}

// TestPythonsLastLine: what ends a stack trace is found, whatever stood before its
// beginning; and a library's error with the system's own behind it is one.
func TestPythonsLastLine(t *testing.T) {
	for text, count := range map[string]uint64{
		"WARNING:root:Traceback (most recent call last):\n  File \"D:/gate/gate.py\", line 4, in run\n    s = socket.create_connection(end)\nerror: [Errno 10055] lacking":           1,
		"app-1  | Traceback (most recent call last):\napp-1  |   File \"/srv/gate.py\", line 4, in run\napp-1  | OSError: [Errno 24] Too many open files":                            1,
		"aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host db.example.org:443 ssl:False [Too many open files]\nOSError: [Errno 24] Too many open files":         1,
		"2026-11-22 09:05:00 WARN gate: java.net.SocketException: Too many open files\njava.net.SocketException: Too many open files\n\tat org.example.Gate.open(Gate.java:4)":       1,
		"2026-11-22 09:05:00 WARN gate : io.netty.GateException: Too many open files: x\n\njava.util.concurrent.CompletionException: io.netty.GateException: Too many open files: x": 1,
		"---> Gate.GateException: request failed\nToo many open files in gate 7\n ---> System.Net.Sockets.SocketException:\nToo many open files in gate 7\n   at Gate.Open()":        1,
		"OSError: [Errno 24] Too many open files\nOSError: [Errno 24] Too many open files":                                                                                           2,
	} {
		got := scan(text)
		if len(got) != 1 || got[0].Count != count {
			t.Errorf("%s\nis %s, want %d", text, briefs(got), count)
		}
	}
}

// TestWildcardIsListened: nobody connects to all addresses.
func TestWildcardIsListened(t *testing.T) {
	for text, call := range map[string]string{
		"Error: EACCES: permission denied 0.0.0.0:1455": "listen",
		"It says EACCES: permission denied :::1455":     "listen",
	} {
		if got := scan(text); len(got) != 1 || got[0].Call != call {
			t.Errorf("%s\nis %s", text, briefs(got))
		}
	}
	if got := scan("EACCES: permission denied, open '/srv/0.0.0.0:80'"); len(got) != 0 {
		t.Errorf("a file's rights are %s", briefs(got))
	}
}

// TestLostCharacters: of a translation that was decoded wrongly enough is left.
func TestLostCharacters(t *testing.T) {
	got := scan("error 10048: \uFFFD\uFFFD常每个套\uFFFD\uFFFD字地址(协议/网络地址/端口)只允\uFFFD使用一次。")
	if len(got) != 1 || got[0].Code != "WSAEADDRINUSE" {
		t.Errorf("is %s", briefs(got))
	}
}

// TestDates in the forms of several loggers and languages.
func TestDates(t *testing.T) {
	c := clock{now: now}
	want := time.Date(2026, 11, 22, 9, 5, 7, 0, time.UTC)
	for _, text := range []string{
		"nov. 22 09:05:07 gate app[17]: refused", "Nov 22 09:05:07 gate", "ноя 22 09:05:07 gate", "lis 22 09:05:07 gate",
		"22 nov. 2026 09:05:07", "22/Nov/2026:09:05:07 +0000", "[22-Nov-2026 09:05:07 UTC] PHP Warning", "22 Nov 2026 09:05:07.120 * Ready",
		"Nov 22, 2026 9:05:07 AM org.example.Gate open", "Nov 22, 2026 9:05:07\u202fAM org.example.Gate open", "11/22/2026 9:05:07 AM", "22/11/2026 09:05:07", "Sun Nov 22 09:05:07 2026",
	} {
		got, ok := c.read([]byte(text))
		if !ok || !got.Truncate(time.Second).Equal(want) {
			t.Errorf("%s is at %v", text, got)
		}
	}
	if got, _ := c.read([]byte("11/22/2026 12:05:07 AM")); got.Hour() != 0 {
		t.Errorf("midnight is at %v", got)
	}
	if got, _ := c.read([]byte("11/22/2026 9:05:07 PM")); got.Hour() != 21 {
		t.Errorf("the evening is at %v", got)
	}
	for _, text := range []string{"05/06/2026 09:05:07", "Maybe 3 of 10:00:00", "marked 12 34:56:78", "1/2", "Nov", "22 "} {
		if got, ok := c.read([]byte(text)); ok {
			t.Errorf("%s is at %v", text, got)
		}
	}
}

// TestMonthsApart: no month is taken for another one.
func TestMonthsApart(t *testing.T) {
	for i, names := range months {
		for _, name := range names {
			if month, _ := monthWord([]byte(name)); month != i+1 {
				t.Errorf("%s is month %d, want %d", name, month, i+1)
			}
		}
	}
}

// TestEffects: an exception that its own cause explains is not counted beside it.
func TestEffects(t *testing.T) {
	for text, want := range map[string]string{
		"gate.PoolException: Could not get a resource from the pool\n\tat org.example.Gate.open(Gate.java:4)\nCaused by: java.net.ConnectException: Cannot assign requested address": "java-no-address-to-connect",
		"gate.PoolException: Could not get a resource from the pool\n\tat org.example.Gate.open(Gate.java:4)":                                                                        "pool-timeout",
	} {
		if got := scan(text); len(got) != 1 || got[0].ID != want {
			t.Errorf("%s\nis %s", text, briefs(got))
		}
	}
}

// TestFurtherCalls: the call by other words and frames.
func TestFurtherCalls(t *testing.T) {
	for text, call := range map[string]string{
		"error starting proxy: Bind for 0.0.0.0:8080: unexpected error Permission denied.":                                                                                                            "bind",
		"Bind for 0.0.0.0:8080 failed: port is already allocated":                                                                                                                                     "bind",
		"PHP Fatal error: Uncaught 'GateException' with message 'Cannot assign requested address'\n#0 /srv/gate.php(7): Gate->connect()":                                                              "connect",
		"[SocketException (0x271d): forbidden]\n   System.Net.Sockets.Socket.Bind(EndPoint localEP) +274":                                                                                             "bind",
		`error: "listen: An operation on a socket could not be performed because the system lacked sufficient buffer space or because a queue was full"`:                                              "listen",
		"ConnectionRefusedError: [WinError 10061] refused":                                                                                                                                            "connect",
		"Traceback (most recent call last):\n  File \"C:\\a\\very\\long\\way" + strings.Repeat("\\deeper", 20) + "\\gate.py\", line 4, in create_connection\nOSError: [Errno 24] Too many open files": "connect",
		"Cannot connect to host db.example.org:80 ssl:None [Too many open files]":                                                                                                                     "connect",
	} {
		if got := scan(text); len(got) != 1 || got[0].Call != call {
			t.Errorf("%s\nis %s", text, briefs(got))
		}
	}
	for _, text := range []string{"it seems that there are too many connections in CLOSE_WAIT", "nginx: [warn] 4096 worker_connections exceed open file resource limit: 1024"} {
		for _, s := range scan(text) {
			if len(s.Candidates) > 0 {
				t.Errorf("%s\nis %s", text, briefs(scan(text)))
			}
		}
	}
}
