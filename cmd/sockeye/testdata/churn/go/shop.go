package main

import (
	"net"
	"sync"
)

type shop struct {
	address string
	leaks   bool
	mu      sync.Mutex // guards kept
	kept    []net.Conn
}

// order makes one order, and forgets to close where it leaks.
func (s *shop) order() {
	conn, err := openOrder(s.address)
	if err != nil {
		return
	}
	ask(conn)
	if !s.leaks {
		_ = conn.Close()
		return
	}
	s.mu.Lock()
	s.kept = append(s.kept, conn)
	s.mu.Unlock()
}

// openOrder is what Sockeye has to name, never inlined.
//
//go:noinline
func openOrder(address string) (net.Conn, error) {
	return net.Dial("tcp", address) // opens
}
