package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// webMachine is a machine as many run it: wrk → nginx → an application with a
// pool of connections to Redis, in a network namespace of its own, on an
// address that is not 127/8 (where tcp_tw_reuse=2 would hide the churn).
type webMachine struct {
	t        *testing.T
	nginx    *exec.Cmd
	errors   chan string   // lines of nginx's error log
	served   chan struct{} // closed once the application has answered enough
	upstream string
}

// enough requests make the connections of every worker show.
const enough = 2000

// startWebMachine must be called on a locked thread of its own: it leaves the
// thread inside the new namespace, and children inherit it.
func startWebMachine(t *testing.T, portRange, upstreamBlock, location string) *webMachine {
	t.Helper()
	for _, program := range []string{"nginx", "redis-server", "wrk"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: 'make deps' installs it", err)
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	if err := loopbackUp(); err != nil {
		t.Fatal(err)
	}
	addAddress(t, "192.0.2.10/32")
	// /proc/sys/net is that of the calling thread's namespace.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(portRange), 0o644); err != nil {
		t.Fatal(err)
	}
	m := &webMachine{t: t, upstream: "192.0.2.10:9000", errors: make(chan string, 1000), served: make(chan struct{})}
	redis := m.redis()
	m.application(redis)
	m.startNginx(upstreamBlock, location)
	return m
}

// addAddress gives lo another address.
func addAddress(t *testing.T, cidr string) {
	t.Helper()
	out, err := exec.Command("ip", "addr", "add", cidr, "dev", "lo").CombinedOutput()
	if err != nil {
		t.Fatalf("ip addr add: %v: %s", err, out)
	}
}

// start runs a program that ends with the test.
func (m *webMachine) start(name string, args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	m.t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	return cmd
}

// redis starts a real Redis and returns a pool of connections to it.
func (m *webMachine) redis() chan net.Conn {
	m.t.Helper()
	cmd := m.start("redis-server", "--bind", "192.0.2.10", "--port", "6379", "--save", "", "--dir", m.t.TempDir(), "--protected-mode", "no")
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			break
		}
	}
	go io.Copy(io.Discard, out)
	pool := make(chan net.Conn, 8)
	for range cap(pool) {
		c, err := net.Dial("tcp", "192.0.2.10:6379")
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { c.Close() })
		pool <- c
	}
	return pool
}

// application answers each HTTP request after asking Redis, keeps its
// connections open and leaves closing to the client, as many servers do.
func (m *webMachine) application(redis chan net.Conn) {
	m.t.Helper()
	l, err := net.Listen("tcp4", m.upstream)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { l.Close() })
	var answered atomic.Int64
	serve := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			for { // a request without a body ends with an empty line
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" {
					break
				}
			}
			pong, err := ask(redis)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(pong), pong)
			if answered.Add(1) == enough {
				close(m.served)
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
}

func ask(redis chan net.Conn) (string, error) {
	c := <-redis
	defer func() { redis <- c }()
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return "", err
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	return strings.TrimSpace(string(buf[:n])), err
}

func (m *webMachine) startNginx(upstreamBlock, location string) {
	m.t.Helper()
	dir := m.t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; user root; worker_processes 2; pid %[1]s/pid; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream app { server %[2]s; %[3]s }
  server { listen 192.0.2.10:8080; location / { proxy_pass http://app; %[4]s } }
}
`, dir, m.upstream, upstreamBlock, location)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.nginx = m.start("nginx", "-c", conf)
	stderr, err := m.nginx.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.nginx.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			select {
			case m.errors <- lines.Text():
			default: // enough was said
			}
		}
	}()
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp4", "192.0.2.10:8080", time.Second)
		if err == nil {
			c.Close()
			return
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(deadline) {
			m.t.Fatalf("nginx does not listen: %v", err)
		}
		runtime.Gosched()
	}
}

// load keeps requests coming until the test ends.
func (m *webMachine) load() {
	m.t.Helper()
	if err := m.start("wrk", "-t1", "-c20", "-d60s", "http://192.0.2.10:8080/").Start(); err != nil {
		m.t.Fatal(err)
	}
}

// onOwnThread runs f on a thread that is thrown away afterwards, as its
// namespace must not be met again.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		f()
	}()
	<-done
}

func TestNginxWithKeepaliveIsHealthy(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs nginx, Redis and wrk in a private network namespace")
	}
	onOwnThread(func() {
		m := startWebMachine(t, "32768 60999", "keepalive 32;", `proxy_http_version 1.1; proxy_set_header Connection "";`)
		if t.Failed() {
			return
		}
		m.load()
		<-m.served
		v := examinePID(t, m.nginx.Process.Pid)
		if severityRank[v.Verdict] > severityRank["notice"] {
			t.Errorf("a healthy web server is called %s:\n%s", v.Verdict, v)
		}
	})
}

func TestNginxWithoutKeepaliveRunsOutOfPorts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs nginx, Redis and wrk in a private network namespace")
	}
	onOwnThread(func() {
		m := startWebMachine(t, "20000 21999", "", "")
		if t.Failed() {
			return
		}
		m.load()
		for line := range m.errors {
			if strings.Contains(line, "(99: ") {
				break
			}
		}
		v := examinePID(t, m.nginx.Process.Pid)
		found := false
		for _, f := range v.Findings {
			if f.ID != "port-exhaustion" {
				continue
			}
			found = true
			if f.Severity != "critical" || f.Certainty != "proven" {
				t.Errorf("port-exhaustion is %s, %s; want critical, proven", f.Severity, f.Certainty)
			}
			if len(f.Destinations) == 0 || net.JoinHostPort(f.Destinations[0].Addr, strconv.Itoa(f.Destinations[0].Port)) != m.upstream {
				t.Errorf("destination %v, want the upstream %s", f.Destinations, m.upstream)
			}
			if len(f.Culprits) == 0 {
				t.Error("no culprit")
			}
			for i, c := range f.Culprits[:min(2, len(f.Culprits))] {
				if parent(t, c.PID) != m.nginx.Process.Pid {
					t.Errorf("culprit %d is %s (pid %d), want a worker of nginx", i, c.Process, c.PID)
				}
			}
			if len(f.Remedies) == 0 || !strings.Contains(f.Remedies[0].Command, "proxy_http_version 1.1") {
				t.Errorf("the first remedy is not nginx's own: %+v", f.Remedies)
			}
		}
		if !found {
			t.Errorf("port-exhaustion is missing:\n%s", v)
		}
	})
}

func examinePID(t *testing.T, pid int) *verdict {
	t.Helper()
	r := &ready{}
	r.Expect.CulpritPID = pid
	return examine(t, r)
}

// parent reads the parent's pid from /proc/PID/stat, after the name in parentheses.
func parent(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Error(err)
	}
	return ppid
}
