package knowledge

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLookup(t *testing.T) {
	en, zh := open(t, "en"), open(t, "zh")
	for words, want := range map[string]string{
		"TIME_WAIT": "TIME_WAIT", "time-wait": "TIME_WAIT", "TimeWait": "TIME_WAIT", " time wait ": "TIME_WAIT",
		"FIN_WAIT1": "FIN_WAIT_1", "fin-wait-2": "FIN_WAIT_2", "LISTENING": "LISTEN", "SYN_RCVD": "SYN_RECV", "ESTAB": "ESTABLISHED",
		"what is CLOSE_WAIT?": "CLOSE_WAIT", "CLOSE_WAIT 状态": "CLOSE_WAIT", "TIME_WAIT是什么意思": "TIME_WAIT",
		"EADDRNOTAVAIL": "EADDRNOTAVAIL", "eaddrinuse": "EADDRINUSE", "WSAENOBUFS": "ENOBUFS", "10055": "ENOBUFS",
		"errno 99": "EADDRNOTAVAIL", "errno=98": "EADDRINUSE", "WinError 10048": "EADDRINUSE", "[WinError 10013]": "EACCES",
		"os error 49": "EADDRNOTAVAIL", "SocketException (10060)": "ETIMEDOUT", "-4091": "EADDRINUSE", "0x80072747": "ENOBUFS",
		"0x2740": "EADDRINUSE", "Errno::EMFILE": "EMFILE", "错误代码 10061": "ECONNREFUSED", "EWOULDBLOCK": "EAGAIN",
		"4227": "event-4227", "Event ID 4231": "event-4231", "事件 4266": "event-4266",
		"Too many open files":           "EMFILE",
		"Too many open files in system": "ENFILE",
		"No buffer space available":     "ENOBUFS",
		"maximum connections reached?":  "maximum-connections-reached",
		"由于系统缓冲区空间不足或队列已满":              "ENOBUFS",
		"以一种访问权限不允许的方式做了一个访问套接字的尝试。": "EACCES",
		"port-exhaustion":                   "port-exhaustion",
		"Port Exhaustion":                   "port-exhaustion",
		"端口耗尽":                              "port-exhaustion",
		"close wait leak":                   "close-wait-leak",
		"connection churn":                  "short-lived-connections",
		"nf_conntrack: table full":          "conntrack-table-full",
		"full-width: ＥＭＦＩＬＥ":                "",
		"ＥＭＦＩＬＥ":                            "EMFILE",
		"why do I have so many TIME_WAIT":   "TIME_WAIT",
		"dial tcp: socket: EMFILE, retried": "EMFILE",
		"":                                  "",
		"-":                                 "",
		"???":                               "",
		"10055 10048":                       "",
		"99999":                             "",
		"errno":                             "",
		"error":                             "",
		"xyzzy":                             "",
		"0x80072747ff":                      "",
		strings.Repeat("TIME_WAIT ", 2000):  "",
		"TIME_WAIT\x00\xff\xfe":             "TIME_WAIT",
		"java.net.SocketException: No buffer space available (maximum connections reached?): connect": "maximum-connections-reached",
		"java.net.BindException: Address already in use: JVM_Bind":                                    "EADDRINUSE",
		"2MSL": "TIME_WAIT", "keepalive": "SO_KEEPALIVE", "keep-alive": "SO_KEEPALIVE", "socket hang up": "ECONNRESET",
		"backlog": "accept-queue", "accept queue": "accept-queue", "Recv-Q": "Recv-Q", "Send-Q": "Recv-Q", "PID 0": "PID-0",
		"netstat": "netstat", "ss": "netstat", "ephemeral port": "ephemeral-port", "file descriptors": "file-descriptor",
		"连接被拒绝": "ECONNREFUSED", "文件描述符": "file-descriptor", "四次挥手": "handshake", "临时端口": "ephemeral-port",
		"tcp_tw_reuse=1 tcp_tw_recycle=1":                                        "",
		"connect() to 127.0.0.1:80 failed (99: Cannot assign requested address)": "EADDRNOTAVAIL",
	} {
		for _, b := range []*Book{en, zh} {
			e, ok := b.Lookup(words)
			if got := idOf(e); got != want || ok != (want != "") {
				t.Errorf("%s: Lookup(%.60q) is %q %v, want %q", b.Lang(), words, got, ok, want)
			}
		}
	}
}

func idOf(e *Entry) string {
	if e == nil {
		return ""
	}
	return e.ID
}

// Settings are asked for with their path, their value, their command.
func TestLookupSettings(t *testing.T) {
	b := open(t, "en")
	for words, want := range map[string]string{
		"tcp_tw_reuse": "tcp_tw_reuse", "net.ipv4.tcp_tw_reuse": "tcp_tw_reuse", "net.ipv4.tcp_tw_reuse = 1": "tcp_tw_reuse",
		"net.ipv4.tcp_tw_recycle=1": "tcp_tw_recycle", "sysctl -w net.ipv4.tcp_fin_timeout=30": "tcp_fin_timeout",
		"/proc/sys/net/ipv4/tcp_fin_timeout": "tcp_fin_timeout", "tcp_fin_timeout 30": "tcp_fin_timeout",
		"net.core.somaxconn": "somaxconn", "MaxUserPort": "MaxUserPort", "tcptimedwaitdelay": "TcpTimedWaitDelay",
		`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\TcpTimedWaitDelay`: "TcpTimedWaitDelay",
		"SO_LINGER": "SO_LINGER", "so-linger": "SO_LINGER", "tcp-tw-reuse": "tcp_tw_reuse", "ulimit -n": "nofile",
		"net.ipv4.ip_local_port_range": "ip_local_port_range", "net/ipv4/ip_local_port_range": "ip_local_port_range",
		"net.netfilter.nf_conntrack_max": "nf_conntrack_max",
		"tw_reuse":                       "tcp_tw_reuse", "tw_recycle": "tcp_tw_recycle", "IP_LOCAL_PORT_RANGE": "sockopt-IP_LOCAL_PORT_RANGE",
	} {
		e, ok := b.Lookup(words)
		if !ok || e.ID != want || e.Kind != KindSetting {
			t.Errorf("Lookup(%q) is %q, want the setting %q", words, idOf(e), want)
		}
	}
}

// A list names several things; values, and the words that join them, do not.
func TestLookupEach(t *testing.T) {
	en, zh := open(t, "en"), open(t, "zh")
	for words, want := range map[string]string{
		"tcp_tw_reuse tcp_tw_recycle":                                                       "tcp_tw_reuse tcp_tw_recycle",
		"tcp_tw_reuse=1 tcp_tw_recycle=1":                                                   "tcp_tw_reuse tcp_tw_recycle",
		"tcp_tw_reuse=1 tcp_tw_reuse=98":                                                    "tcp_tw_reuse",
		"tcp_tw_reuse=1, 98; EADDRNOTAVAIL tcp_tw_reuse 99 errno 98":                        "tcp_tw_reuse EADDRNOTAVAIL EADDRINUSE",
		"net.ipv4.tcp_fin_timeout = 30, net.ipv4.ip_local_port_range=1024 65000; TIME_WAIT": "tcp_fin_timeout ip_local_port_range TIME_WAIT",
		"TIME_WAIT CLOSE_WAIT TIME_WAIT":                                                    "TIME_WAIT CLOSE_WAIT",
		"TIME_WAIT 和 CLOSE_WAIT":                                                            "TIME_WAIT CLOSE_WAIT",
		"close wait and time wait":                                                          "CLOSE_WAIT TIME_WAIT",
		"10055 10048":                                                                       "ENOBUFS EADDRINUSE",
		"errno 99 errno 98":                                                                 "EADDRNOTAVAIL EADDRINUSE",
		"四次挥手，文件描述符":                                                                        "handshake file-descriptor",
		"No buffer space available (maximum connections reached?)":                          "maximum-connections-reached",
		"what is port exhaustion":                                                           "port-exhaustion",
		"TIME_WAIT nosuch.txt CLOSE_WAIT":                                                   "TIME_WAIT CLOSE_WAIT ?nosuch.txt",
		"tcp_fin_timeout=30 99999 x=EMFILE":                                                 "tcp_fin_timeout EMFILE ?x",
		"":                                                                                  "",
		" =;, ":                                                                             "",
	} {
		for _, b := range []*Book{en, zh} {
			found, unknown := b.LookupEach(words)
			got := idsOf(found)
			for _, w := range unknown {
				got = append(got, "?"+w)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: LookupEach(%q) is %v, want %q", b.Lang(), words, got, want)
			}
		}
	}
	if found, unknown := en.LookupEach(strings.Repeat("TIME_WAIT ", 2000)); found != nil || len(unknown) != 1 {
		t.Errorf("a text is taken for a list: %v", idsOf(found))
	}
}

// Words of the trade answer who asks, and are no mention in a log that says them.
// TestAskedAreNoMentions: what a question means by a word a log does not.
func TestAskedAreNoMentions(t *testing.T) {
	for _, lang := range languages {
		b := open(t, lang)
		for _, text := range []string{"GET /x HTTP/1.1 Connection: keep-alive Keep-Alive: timeout=5", "使用 keep-alive"} {
			for _, m := range b.Mentions(text) {
				t.Errorf("%s: %q mentions %s", lang, text, m.Entry.ID)
			}
		}
		if e, ok := b.Lookup("keep-alive"); !ok || e.ID != "SO_KEEPALIVE" || !slices.Contains(e.Aliases, "keep-alive") {
			t.Errorf("%s: keep-alive is %+v", lang, e)
		}
	}
}

func TestTermsAreNoMentions(t *testing.T) {
	for _, prose := range []string{"ran netstat and ss, the backlog was 50", "SS, FD and PID 0", "句柄"} {
		if found := open(t, "en").Mentions(prose); len(found) > 0 {
			t.Errorf("%q mentions %s", prose, found[0].Entry.ID)
		}
	}
}

func TestNearest(t *testing.T) {
	b := open(t, "en")
	for words, want := range map[string]string{
		"TIME_WIAT": "TIME_WAIT", "tcp_tw_resue": "tcp_tw_reuse", "EADRINUSE": "EADDRINUSE", "close wait leaking": "close-wait-leak",
		"port exaustion": "port-exhaustion", "MaxUserPorts": "MaxUserPort", "syn_sended": "SYN_SENT", "WSAENOBUF": "ENOBUFS",
		"lingering SO_LINGR": "SO_LINGER", "keepalive": "SO_KEEPALIVE", "fin timeout": "tcp_fin_timeout",
	} {
		near := b.Nearest(words, 5)
		if !slices.ContainsFunc(near, func(e *Entry) bool { return e.ID == want }) {
			t.Errorf("Nearest(%q) lacks %s: %v", words, want, idsOf(near))
		}
	}
	if near := b.Nearest("TIME_WIAT", 5); len(near) == 0 || near[0].ID != "TIME_WAIT" {
		t.Errorf("the best is not first: %v", idsOf(near))
	}
	for _, words := range []string{"", "   ", "???", "qqqqzzzz", "loopback", strings.Repeat("ö", 5000)} {
		if near := b.Nearest(words, 3); len(near) > 0 {
			t.Errorf("Nearest(%.20q) finds %v", words, idsOf(near))
		}
	}
	if got := b.Nearest("tcp", 1000); len(got) > nearMost {
		t.Errorf("%d entries, more than %d", len(got), nearMost)
	}
	if b.Nearest("TIME_WIAT", 0) != nil || b.Nearest("TIME_WIAT", -1) != nil {
		t.Error("none asked for, some given")
	}
	if near := open(t, "zh").Nearest("端口耗光了", 3); !slices.Contains(idsOf(near), "port-exhaustion") {
		t.Errorf("zh: %v", idsOf(near))
	}
}

func idsOf(list []*Entry) (ids []string) {
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3},
		{"timewiat", "timewait", 1}, {"半连接", "全连接", 1}, {"ab", strings.Repeat("x", 500), 500},
	} {
		for _, got := range []int{distance([]rune(c.a), []rune(c.b)), distance([]rune(c.b), []rune(c.a))} {
			if got != c.want {
				t.Errorf("distance(%.20q, %.20q) is %d, want %d", c.a, c.b, got, c.want)
			}
		}
	}
}

func TestMentions(t *testing.T) {
	books := []*Book{open(t, "en"), open(t, "zh")}
	for prose, want := range map[string][]string{
		"":                             nil,
		"nothing of the sort":          nil,
		"We listen, it is closed.":     nil,
		"LISTEN and then ESTABLISHED":  {"LISTEN", "ESTABLISHED"},
		"2000 TIME-WAIT, 3 CLOSE_WAIT": {"TIME_WAIT", "CLOSE_WAIT"},
		"处于TIME_WAIT状态,而不是CLOSE_WAIT。":                {"TIME_WAIT", "CLOSE_WAIT"},
		"MY_TIME_WAIT TIME_WAIT_FOO":                  nil,
		"TIME_WAIT TIME_WAIT time_wait":               {"TIME_WAIT"},
		"open: Too many open files in system":         {"ENFILE"},
		"[Errno 99] and WinError 10055, port 10055":   {"EADDRNOTAVAIL", "ENOBUFS"},
		"10055 10048 99":                              nil,
		"fin_wait1状态是在server端":                        {"FIN_WAIT_1"},
		"FIN-WAIT-2:从远程TCP等待":                         {"FIN_WAIT_2"},
		"主机出现端口耗尽":                                    {"port-exhaustion"},
		"bind: Address already in use: JVM_Bind":      {"EADDRINUSE"},
		"available (maximum connections reached?): x": {"maximum-connections-reached"},
		"a SYN_SENT\xff\xfe\x00SYN_SENT":              {"SYN_SENT"},
	} {
		for _, b := range books {
			var got []string
			for _, m := range b.Mentions(prose) {
				got = append(got, m.Entry.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q mentions %v, want %v", b.Lang(), prose, got, want)
			}
		}
	}
	found := books[0].Mentions("x TIME_WAIT TIME_WAIT")
	if len(found) != 1 || found[0].Count != 2 || found[0].At != 2 {
		t.Errorf("count and place: %+v", found)
	}
}

// Advice from the web, in two languages, names the settings that it is about,
// and each book finds them whatever the language of the text.
func TestMentionsInAdvice(t *testing.T) {
	for prose, want := range map[string][]string{
		"vi /etc/sysctl.conf\n net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_fin_timeout=30 # faster\nthen sysctl -p": {"tcp_tw_recycle", "tcp_fin_timeout"},
		"在 HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters 下新建 MaxUserPort，再把TcpTimedWaitDelay调小":    {"MaxUserPort", "TcpTimedWaitDelay"},
		"设置 SO_LINGER 就不会有 TIME_WAIT":                     {"SO_LINGER", "TIME_WAIT"},
		"tcp_max_tw_buckets_foo my_tcp_tw_reuse somaxcon": nil,
	} {
		for _, lang := range languages {
			var got []string
			for _, m := range open(t, lang).Mentions(prose) {
				if m.Entry.Kind != KindFolklore { // advice has its own words for it
					got = append(got, m.Entry.ID)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q mentions %v, want %v", lang, prose, got, want)
			}
		}
	}
}

// A text that was made to be slow costs no more than any other of its size.
func TestMentionsIsLinear(t *testing.T) {
	b := open(t, "en")
	b.Mentions("warm")
	for _, unit := range []string{"net.ipv4.", "a ", "TIME_", "Too many open ", "由于", "errno 99 "} {
		began := time.Now()
		b.Mentions(strings.Repeat(unit, (1<<20)/len(unit)))
		if d := time.Since(began); d > 5*time.Second { // a megabyte takes some dozen ms
			t.Errorf("1 MiB of %q took %v", unit, d)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"", "TIME_WAIT", "net.ipv4.tcp_tw_reuse = 1", "[WinError 10055]", "0x80072747", "端口耗尽", "errno -1",
		"a=b=c", `\\\`, "....", "\xff\xfe", "！～", strings.Repeat("a ", 600)} {
		f.Add(s)
	}
	b, err := Open("en")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, words string) {
		if e, ok := b.Lookup(words); ok != (e != nil) {
			t.Errorf("Lookup(%q): %v and %v", words, e, ok)
		}
		each, _ := b.LookupEach(words)
		for _, e := range append(b.Nearest(words, 3), each...) {
			if e == nil {
				t.Errorf("Nearest(%q) or LookupEach holds nil", words)
			}
		}
		for _, m := range b.Mentions(words) {
			if m.Entry == nil || m.Count < 1 || m.At < 0 || m.At >= len(words) {
				t.Errorf("Mentions(%q): %+v", words, m)
			}
		}
	})
}

// TestNothingMentionsNothing: a table alone leaves no prose, and costs no reading.
func TestNothingMentionsNothing(t *testing.T) {
	b := open(t, "en")
	if found := b.Mentions(" \n\t"); len(found) > 0 || b.shelf.byID != nil {
		t.Errorf("found %v, catalogue read: %v", found, b.shelf.byID != nil)
	}
}
