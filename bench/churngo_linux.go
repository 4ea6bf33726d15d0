package main

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// serveGo is serve by the net package: a goroutine for each connection.
func serveGo(number int, t tally) error {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: churnPort + number})
	if err != nil {
		return err
	}
	credit := make([]byte, creditWindow)
	if _, err := unix.Write(creditFD, credit); err != nil {
		return fmt.Errorf("credit: %w", err)
	}
	// No connection waits for another, or the window of credits might not open again.
	closed, bad := make(chan struct{}, creditWorth*creditWindow), make(chan error, 1)
	go func() {
		for n := uint64(1); ; n++ {
			<-closed
			t.set(tallyDone, n)
			if n%creditWorth != 0 {
				continue
			}
			if _, err := unix.Write(creditFD, credit[:1]); err != nil {
				bad <- fmt.Errorf("credit: %w", err)
				return
			}
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				bad <- err
				return
			}
			go func() {
				_, _ = c.Read(make([]byte, 1)) // io.EOF: it sends nothing
				_ = c.Close()
				closed <- struct{}{}
			}()
		}
	}()
	return <-bad
}

// connectAndCloseGo is connectAndClose by the net package.
func connectAndCloseGo(number int, t tally) error {
	var credit credits
	for n := uint64(0); t.get(tallyStop) == 0; n++ {
		if err := credit.take(); err != nil {
			return err
		}
		to := netip.AddrFrom4([4]byte{127, 2, byte(number), byte(1 + n%churnAddrs)})
		c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(netip.AddrPortFrom(to, churnPort+uint16(number))))
		if err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
		t.set(tallyMade, n+1)
	}
	t.set(tallyRests, 1)
	return credit.outlast()
}
