// Package tcp is the ground floor: what a TCP socket is, on any system.
//
// In: nothing; it imports only the standard library.
// Out: State and the RFC 9293 state machine, Socket with its addresses, timer
// and measurements, Event, and the filter language that selects sockets.
package tcp
