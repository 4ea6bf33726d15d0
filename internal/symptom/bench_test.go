package symptom

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
)

// healthyLog is a log without an error, of several programs.
func healthyLog(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "2026-11-22 09:%02d:%02d,%03d INFO [http-nio-8080-exec-%d] com.example.shop.OrderService - order %d accepted in %d ms\n", i/60%60, i%60, i%1000, i%200, i*7919, i%90)
		case 1:
			fmt.Fprintf(&b, "10.0.%d.%d - - [22/Nov/2026:09:%02d:%02d +0000] \"GET /api/items/%d?page=%d HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n", i%250, i%240, i/60%60, i%60, i, i%9, i%5000)
		case 2:
			fmt.Fprintf(&b, "Nov 22 09:%02d:%02d web systemd[1]: Started Session %d of user deploy, connection established from 10.0.0.%d port %d\n", i/60%60, i%60, i, i%250, 30000+i%20000)
		case 3:
			fmt.Fprintf(&b, "{\"level\":\"info\",\"ts\":1763802300.%03d,\"msg\":\"request done\",\"status\":200,\"path\":\"/v1/health\",\"bytes\":%d}\n", i%1000, i%3000)
		}
	}
	return b.Bytes()
}

// again is a reader that gives the same text over and over.
type again struct {
	text []byte
	at   int
	left int64
}

func (r *again) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	r.left -= int64(n)
	return n, nil
}

func BenchmarkScanReader(b *testing.B) {
	text := healthyLog(4 << 20)
	const size = 64 << 20
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		got, err := ScanReader(context.Background(), &again{text: text, left: size}, Options{Now: now})
		if err != nil || len(got) != 0 {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	lines := bytes.Split(healthyLog(1<<20), []byte("\n"))
	s := NewScanner(Options{Now: now})
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		for i, line := range lines {
			s.Line(uint64(i), line)
		}
	}
}

func BenchmarkErrors(b *testing.B) {
	line := []byte("2026/11/22 09:05:00 [crit] 4711#4711: *88 connect() to 10.0.0.21:8080 failed (99: Cannot assign requested address) while connecting to upstream, client: 198.51.100.9, server: shop.example, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.21:8080/\"\n")
	text := bytes.Repeat(line, 1<<20/len(line))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := ScanReader(context.Background(), bytes.NewReader(text), Options{Now: now}); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		t, err := load(messagesYAML)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(t.find.rows)), "states")
	}
}
