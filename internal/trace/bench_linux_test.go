//go:build amd64 || arm64

package trace

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkWatch is what a Watcher costs that sees nothing: attach, read, detach.
func BenchmarkWatch(b *testing.B) {
	enterNetNS(b)
	b.ReportAllocs()
	for b.Loop() {
		w, err := Attach(b.Context(), Options{NoStacks: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// paired runs f with and without a Watcher in turns, size times each turn, and
// reports both medians in ns per run: the machine's mood hits both alike.
func paired(b *testing.B, size int, f func()) {
	turn := func() float64 {
		began := time.Now()
		for range size {
			f()
		}
		return float64(time.Since(began).Nanoseconds()) / float64(size)
	}
	var off, on, more []float64
	turn()
	for b.Loop() {
		without := turn()
		w, err := Attach(b.Context(), Options{NoStacks: true})
		if err != nil {
			b.Fatal(err)
		}
		with := turn()
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		off, on, more = append(off, without), append(on, with), append(more, with-without)
	}
	for _, m := range []struct {
		name   string
		values []float64
	}{{"without-ns", off}, {"with-ns", on}, {"more-ns", more}} {
		slices.Sort(m.values)
		b.ReportMetric(m.values[len(m.values)/2], m.name)
	}
}

// BenchmarkConnect is a loopback connection: socket, connect, accept, two closes.
func BenchmarkConnect(b *testing.B) {
	enterNetNS(b)
	l, at := listen(b, "127.0.0.1:0", 16)
	setSysctl(b, "net.ipv4.ip_local_port_range", "1024 65535")
	linger := &unix.Linger{Onoff: 1} // a reset: no TIME_WAIT that fills the ports
	paired(b, 500, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, sockaddr(at))
		}
		if err != nil {
			b.Fatal(err)
		}
		accepted, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
		if err == nil {
			err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, linger)
		}
		if err != nil {
			b.Fatal(err)
		}
		unix.Close(fd)
		unix.Close(accepted)
	})
}

// BenchmarkRefused is a connection to a closed port.
func BenchmarkRefused(b *testing.B) {
	enterNetNS(b)
	_, at := bind(b, "127.0.0.1:0")
	paired(b, 500, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		unix.Connect(fd, sockaddr(at))
		unix.Close(fd)
	})
}

// BenchmarkSyscall is any system call that has nothing to do with sockets.
func BenchmarkSyscall(b *testing.B) {
	enterNetNS(b)
	paired(b, 20000, func() { unix.Getppid() })
}
