// Command churn is a program with one of three diseases of TCP clients, for
// Sockeye to find. It is written in four languages, side by side, and called
// alike in all of them:
//
//	churn HOST:PORT RATE WORKERS MODE
//
// It opens RATE connections a second from WORKERS threads, asks one line on each
// and reads the answer. MODE says what becomes of the connection:
//
//	close  closes it, before the peer does
//	leak   never closes it, though the peer has; keeps 800 at most
//	fail   nobody listens there: goes on all the same
//
// After the first 20 attempts it prints "ready PID". It ends with its standard
// input, so that nothing is left of a test that was killed.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	attemptsUntilReady = 20
	mostKept           = 800 // below the usual limit of 1,024 descriptors
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: churn HOST:PORT RATE WORKERS close|leak|fail")
		os.Exit(2)
	}
	address, mode := os.Args[1], os.Args[4]
	rate, _ := strconv.Atoi(os.Args[2])
	workers, _ := strconv.Atoi(os.Args[3])
	if rate < 1 || workers < 1 || mode != "close" && mode != "leak" && mode != "fail" {
		fmt.Fprintln(os.Stderr, "churn: bad RATE, WORKERS or MODE")
		os.Exit(2)
	}
	s := &shop{address: address, leaks: mode == "leak"}
	var attempts atomic.Int64
	for i := range workers {
		go func() {
			time.Sleep(time.Second * time.Duration(i) / time.Duration(rate)) // one after the other, no bursts
			for range time.Tick(time.Second * time.Duration(workers) / time.Duration(rate)) {
				n := attempts.Add(1)
				if s.leaks && n > mostKept {
					return
				}
				s.order()
				if n == attemptsUntilReady {
					fmt.Println("ready", os.Getpid())
				}
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// ask sends a line and reads the answer.
func ask(conn net.Conn) {
	if _, err := conn.Write([]byte("GET\n")); err == nil {
		_, _ = conn.Read(make([]byte, 16))
	}
}
