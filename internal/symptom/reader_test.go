package symptom

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"sockeye/internal/host"
)

func read(t *testing.T, from io.Reader) []host.Symptom {
	t.Helper()
	got, err := ScanReader(context.Background(), from, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func briefs(list []host.Symptom) string {
	var out []string
	for _, s := range list {
		out = append(out, brief(s))
	}
	return strings.Join(out, "\n")
}

const refused = "2026-11-22 09:05:00 dial tcp 10.0.0.1:80: connect: connection refused\r\n"

// TestReaderCountsLines: between chunks, blocks and lanes nothing is lost, found twice
// or counted wrong.
func TestReaderCountsLines(t *testing.T) {
	healthy := healthyLog(3 * chunk / 2)
	for _, at := range []int{0, 1, chunk - 40, chunk - 1, chunk, chunk + 1, block - 7, block, 2*block - 33, len(healthy) - 1} {
		begin := bytes.LastIndexByte(healthy[:at], '\n') + 1
		text := string(healthy[:begin]) + refused + string(healthy[begin:])
		got := read(t, strings.NewReader(text))
		if len(got) != 1 || got[0].Count != 1 || got[0].Line != uint64(strings.Count(text[:begin], "\n")+1) {
			t.Errorf("at %d: %s", at, briefs(got))
		}
	}
	got := read(t, iotest.OneByteReader(strings.NewReader(strings.Repeat(refused, 300))))
	if len(got) != 1 || got[0].Count != 300 || got[0].First.IsZero() {
		t.Errorf("byte by byte: %s", briefs(got))
	}
}

// TestReaderWithoutLineEnds: a line of megabytes holds several errors.
func TestReaderWithoutLineEnds(t *testing.T) {
	one := strings.TrimSpace(refused)
	for _, gap := range []int{chunk - 50, chunk - 20, chunk, 3 * chunk} {
		text := one + strings.Repeat(" x", gap/2) + " " + one + strings.Repeat(" y", gap/2) + "\nnext " + one
		got := read(t, strings.NewReader(text))
		if len(got) != 1 || got[0].Count != 3 || got[0].Line != 1 {
			t.Errorf("gap %d: %s", gap, briefs(got))
		}
	}
}

func TestReaderEncodings(t *testing.T) {
	for _, test := range []struct {
		text string
		enc  encoding.Encoding
		code string
	}{
		{"java.net.ConnectException: Connection refused: connect", unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), "WSAECONNREFUSED"},
		{"OSError: 由于系统缓冲区空间不足或队列已满，不能执行套接字上的操作。", simplifiedchinese.GBK, "WSAENOBUFS"},
		{"Une connexion existante a dû être fermée par l'hôte distant", charmap.Windows1252, "WSAECONNRESET"},
		{"connect: Adresse déjà utilisée", charmap.CodePage850, "EADDRINUSE"},
		{"Удаленный хост принудительно разорвал существующее подключение", charmap.Windows1251, "WSAECONNRESET"},
	} {
		raw, err := test.enc.NewEncoder().String(test.text + "\n")
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, strings.NewReader(raw))
		if len(got) != 1 || got[0].Code != test.code || got[0].Example != test.text {
			t.Errorf("%s: %+v", test.text, got)
		}
	}
}

func TestReaderEnds(t *testing.T) {
	broken := errors.New("broken")
	got, err := ScanReader(context.Background(), io.MultiReader(strings.NewReader(refused+refused), iotest.ErrReader(broken)), Options{Now: now})
	if !errors.Is(err, broken) || len(got) != 1 || got[0].Count != 2 {
		t.Errorf("broken reader: %v %s", err, briefs(got))
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = ScanReader(over, &again{text: healthyLog(1 << 20), left: 1 << 40}, Options{Now: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var told int64
	if _, err = ScanReader(context.Background(), &again{text: healthyLog(1 << 20), left: 2 << 20}, Options{Now: now, Progress: func(n int64) { told = n }}); err != nil || told != 2<<20 {
		t.Errorf("progress %d, %v", told, err)
	}
	if got := read(t, strings.NewReader("")); len(got) != 0 {
		t.Errorf("empty: %v", got)
	}
}

// TestBounded: a hostile log makes nothing grow without end.
func TestBounded(t *testing.T) {
	s := NewScanner(Options{Now: now})
	for i := range 5000 {
		s.Line(uint64(i), []byte("app["+itoa(uint32(i+1))+"]: dial tcp 10.0.0.1:"+itoa(uint32(i+1))+": connect: connection refused"))
	}
	got := s.Result()
	if len(got) != 1 || got[0].Count != 5000 || len(got[0].Endpoints) != endsTold || len(got[0].PIDs) != pidsKept || len(s.groups[key{"econnrefused", "ECONNREFUSED", "connect"}].ends) != endsKept {
		t.Errorf("%s", briefs(got))
	}
}

func TestNothingAllocatedForHealthyLines(t *testing.T) {
	s := NewScanner(Options{Now: now})
	lines := bytes.Split(healthyLog(1<<16), []byte("\n"))
	if n := testing.AllocsPerRun(10, func() {
		for i, line := range lines {
			s.Line(uint64(i), line)
		}
	}); n > 40 { // some lines have a number of Winsock in them
		t.Errorf("%v allocations for %d lines", n, len(lines))
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		refused, "Traceback (most recent call last):\n  File \"/a.py\", line 1, in f\nOSError: [Errno 99] Cannot assign requested address\n\nx",
		"a\n\tat b(C.java:1)\nCaused by: java.net.SocketException: Connection reset", "Source: Tcpip\nEvent ID: 4227\n", "connect ECONNREFUSED [::1]:80\n}\n", "(99: )\x00errno=-4091 10055",
		"Nov 22 09:05:00 a b[1]: message repeated 3 times: [too many open files]", "failed (24: Too many open files port \"1", "Can't connect to MySQL server on (((9",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := NewScanner(Options{Now: now})
		for i, line := range bytes.Split(text, []byte("\n")) {
			s.Line(uint64(i+1), bytes.TrimSuffix(line, []byte("\r")))
		}
		byLine := s.Result()
		if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
			return // UTF-16, which ScanReader decodes
		}
		whole := read(t, bytes.NewReader(text))
		if len(whole) != len(byLine) {
			t.Fatalf("by line:\n%s\nwhole:\n%s", briefs(byLine), briefs(whole))
		}
		for i, a := range byLine {
			b := whole[i]
			if a.ID != b.ID || a.Count != b.Count || a.Line != b.Line || a.Call != b.Call || a.Count == 0 || a.ID == "" || len(a.Candidates) != len(b.Candidates) {
				t.Fatalf("by line:\n%s\nwhole:\n%s", brief(a), brief(b))
			}
		}
	})
}
