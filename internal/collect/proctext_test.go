package collect

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

func TestParseCounters(t *testing.T) {
	tests := []struct {
		label, data string
		want        host.Counters
	}{
		{"all columns", "TcpExt: A B\nTcpExt: 1 2\nMPTcpExt: C\nMPTcpExt: 3\n", host.Counters{"TcpExtA": 1, "TcpExtB": 2, "MPTcpExtC": 3}},
		{"negative and odd values", "Tcp: A MaxConn B C\nTcp: 1 -1 x 4\n", host.Counters{"TcpA": 1, "TcpC": 4}},
		{"largest value", "IpExt: InOctets\nIpExt: 18446744073709551615\n", host.Counters{"IpExtInOctets": math.MaxUint64}},
		{"too large", "IpExt: A B\nIpExt: 18446744073709551616 1\n", host.Counters{"IpExtB": 1}},
		{"fewer values than names", "Tcp: A B C\nTcp: 1 2\n", host.Counters{"TcpA": 1, "TcpB": 2}},
		{"fewer names than values", "Tcp: A\nTcp: 1 2\n", host.Counters{"TcpA": 1}},
		{"a line of names lost", "Tcp: 1 2\nUdp: A\nUdp: 7\n", host.Counters{"UdpA": 7}},
		{"no newline at the end", "Tcp: A\nTcp: 9", host.Counters{"TcpA": 9}},
		{"empty", "", host.Counters{}},
		{"no colons", "a b\n1 2\n", host.Counters{}},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			got := host.Counters{}
			parseCounters([]byte(tt.data), got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzCounters(f *testing.F) {
	f.Add("TcpExt: A B\nTcpExt: 1 2\n")
	f.Add("Tcp: A MaxConn\nTcp: 1 -1\nTcp:\n:\n")
	f.Fuzz(func(t *testing.T, data string) {
		got := host.Counters{}
		parseCounters([]byte(data), got)
		for name := range got {
			if strings.ContainsAny(name, " \n") && !strings.ContainsAny(strings.SplitN(data, ":", 2)[0], " \n") && strings.Count(data, ":") == 2 {
				t.Errorf("counter %q", name)
			}
		}
	})
}

func TestColumns(t *testing.T) {
	const data = "entries  allocs table_fulls\n000000ff  00000002 00000001\n000000ff  zz 0000000a\n000000ff\n"
	for name, want := range map[string][]uint64{
		"entries": {255, 255, 255}, "allocs": {2}, "table_fulls": {1, 10}, "absent": nil,
	} {
		if got := columns([]byte(data), name); !slices.Equal(got, want) {
			t.Errorf("columns(%q) = %v, want %v", name, got, want)
		}
	}
	if got := total(nil); got.Known {
		t.Errorf("total of no lines is known: %v", got)
	}
}

const afterName = " S 41 7 7 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 84032 3133440 409\n"

func TestParseStat(t *testing.T) {
	tests := []struct {
		label, data string
		want        procStat
		fails       bool
	}{
		{"plain", "7 (nginx)" + afterName, procStat{"nginx", 41, 84032}, false},
		{"parentheses and blanks", "7 (a) S 1 (b)" + afterName, procStat{"a) S 1 (b", 41, 84032}, false},
		{"newline", "7 (a\n)" + afterName, procStat{"a\n", 41, 84032}, false},
		{"empty name", "7 ()" + afterName, procStat{"", 41, 84032}, false},
		{"not UTF-8", "7 (\xff\xfe)" + afterName, procStat{"\xff\xfe", 41, 84032}, false},
		{"cut off", "7 (nginx) S 41 7", procStat{}, true},
		{"no name", "7 nginx S 41", procStat{}, true},
		{"reversed", "7 )(" + afterName, procStat{}, true},
		{"start is no number", "7 (x)" + strings.Replace(afterName, "84032", "-1", 1), procStat{}, true},
		{"parent out of range", "7 (x)" + strings.Replace(afterName, "41", "99999999999", 1), procStat{}, true},
		{"empty", "", procStat{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			got, err := parseStat([]byte(tt.data))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("parseStat(%q) = %+v, %v; want %+v, failing %v", tt.data, got, err, tt.want, tt.fails)
			}
		})
	}
}

func FuzzStat(f *testing.F) {
	f.Add("nginx")
	f.Add("a) S 1 (b\n")
	f.Fuzz(func(t *testing.T, name string) {
		_, _ = parseStat([]byte(name)) // must not panic
		got, err := parseStat([]byte("7 (" + name + ")" + afterName))
		if err != nil || got != (procStat{name, 41, 84032}) {
			t.Errorf("name %q: %+v, %v", name, got, err)
		}
	})
}

func TestParseUsers(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n# comment:x:5:5\n+nis:x:6:6\n-nis:x:6:6\n" +
		"app:x:1000:1000::/:\nbad:x:-1:0::/:\nhuge:x:4294967296:0::/:\nlast:x:4294967294:0::/:\n:x:9:9\nshort:x:7\nend:x:8:8"
	want := map[uint32]string{0: "root", 1000: "app", 4294967294: "last", 8: "end"}
	if diff := cmp.Diff(want, parseUsers([]byte(passwd))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzUsers(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n")
	f.Add("a:b:c:d\n::::\n+::::")
	f.Fuzz(func(t *testing.T, data string) {
		for uid, name := range parseUsers([]byte(data)) {
			if name == "" || strings.ContainsAny(name, ":\n") {
				t.Errorf("uid %d is %q", uid, name)
			}
		}
	})
}

func TestFileLimits(t *testing.T) {
	tests := []struct {
		data       string
		soft, hard uint64
		ok         bool
	}{
		{"Limit  Soft Limit\nMax processes 5 5 processes\nMax open files            1024                 4096                 files\n", 1024, 4096, true},
		{"Limit\nMax open files            1024                 unlimited            files\n", 1024, 0, true},
		{"Limit\nMax open files            unlimited            unlimited            files\n", 0, 0, false},
		{"Limit\nMax open files            1024", 1024, 0, true},
		{"Limit\nMax open files", 0, 0, false},
		{"Limit\nMax processes 5\n", 0, 0, false},
		{"", 0, 0, false},
	}
	for _, tt := range tests {
		if soft, hard, ok := fileLimits([]byte(tt.data)); soft != tt.soft || hard != tt.hard || ok != tt.ok {
			t.Errorf("fileLimits(%q) = %d, %d, %v; want %d, %d, %v", tt.data, soft, hard, ok, tt.soft, tt.hard, tt.ok)
		}
	}
}

func TestMappedLibraries(t *testing.T) {
	const maps = `55d0-55d1 r-xp 00000000 fe:00 1                          /opt/shop
7f00-7f01 r--p 00000000 fe:00 2                          /usr/lib/libc.so.6
7f01-7f02 r-xp 00001000 fe:00 2                          /usr/lib/libc.so.6
7f02-7f03 rw-p 00000000 00:00 0
7f03-7f04 r-xp 00000000 fe:00 3                          /opt/my lib/libjvm.so
7f04-7f05 r-xp 00000000 fe:00 4                          /opt/dir.so/data
7f05-7f06 rw-p 00000000 00:00 0                          [stack]
7f06-7f07 r-xp 00000000 fe:00 2                          /usr/lib/libc.so.6
7f07-7f08 r-xp 00000000 fe:00 5                          /usr/lib/libphp.so`
	want := []string{"/usr/lib/libc.so.6", "/opt/my lib/libjvm.so"}
	if diff := cmp.Diff(want, mappedLibraries([]byte(maps))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzMaps(f *testing.F) {
	f.Add("7f00-7f01 r--p 00000000 fe:00 2   /usr/lib/libc.so.6\n")
	f.Add("/\n\n/.so")
	f.Fuzz(func(t *testing.T, data string) {
		seen := map[string]bool{}
		for _, path := range mappedLibraries([]byte(data)) {
			if path[0] != '/' || strings.Contains(path, "\n") || seen[path] {
				t.Errorf("library %q", path)
			}
			seen[path] = true
		}
	})
}

func TestSplitCmdline(t *testing.T) {
	many := strings.Repeat("a\x00", 100)
	tests := []struct {
		data string
		want []string
	}{
		{"java\x00-jar\x00shop.jar\x00", []string{"java", "-jar", "shop.jar"}},
		{"a\x00\x00b\x00", []string{"a", "", "b"}},
		{"nginx: worker process\x00\x00\x00", []string{"nginx: worker process"}},
		{"no nul", []string{"no nul"}},
		{"\x00", nil},
		{"", nil},
		{many, slices.Repeat([]string{"a"}, maxArgs)},
		{strings.Repeat("a\x00", maxArgs), slices.Repeat([]string{"a"}, maxArgs)},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, splitCmdline([]byte(tt.data))); diff != "" {
			t.Errorf("splitCmdline(%q) (-want +got):\n%s", tt.data, diff)
		}
	}
}

func TestUnescapeMount(t *testing.T) {
	for in, want := range map[string]string{
		"/data": "/data", `/a\040b\011c\012d\134e`: "/a b\tc\nd\\e", `/x\04`: `/x\04`, `/x\999`: `/x\999`, `/x\777`: `/x\777`, `\`: `\`,
	} {
		if got := unescapeMount(in); got != want {
			t.Errorf("unescapeMount(%q) = %q, want %q", in, got, want)
		}
	}
}
