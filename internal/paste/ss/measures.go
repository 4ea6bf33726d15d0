package ss

import (
	"bytes"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// measure reads what -i tells (tcp_stats_print of iproute2's misc/ss.c): times in
// milliseconds, and what is 0 is not written.
func (f *facts) measure(key, value []byte) {
	i := &f.info
	switch string(key) {
	case "rto":
		i.RTO = millis(value)
	case "rtt":
		i.RTT = millis(value)
	case "lastsnd":
		i.LastSend = millis(value)
	case "lastrcv":
		i.LastRecv = millis(value)
	case "lastack":
		i.LastAck = millis(value)
	case "backoff":
		n, _ := form.Decimal(value)
		i.Backoff = uint8(min(n, 255))
	case "unacked":
		i.Unacked, _ = count(value)
	case "bytes_acked":
		i.BytesAcked, _ = form.Decimal(value)
	case "bytes_received":
		i.BytesReceived, _ = form.Decimal(value)
	case "snd_wnd":
		var ok bool
		if i.SendWindow, ok = count(value); ok {
			i.HasWindow = true
		}
	case "retrans": // now/ever; old kernels tell one
		if slash := bytes.IndexByte(value, '/'); slash >= 0 {
			i.Retrans, _ = count(value[slash+1:])
		}
	case "cwnd", "mss":
	default:
		return
	}
	f.measured = true
}

// millis reads milliseconds with a fraction, up to a slash ("0.05/0.025").
func millis(value []byte) time.Duration {
	if slash := bytes.IndexByte(value, '/'); slash >= 0 {
		value = value[:slash]
	}
	d, rest := decimal(value, time.Millisecond)
	if len(rest) > 0 && rest[0] == 'e' { // %g of more than a million: 1.2e+06
		exponent, ok := form.Decimal(bytes.TrimPrefix(rest[1:], []byte("+")))
		for ; ok && exponent > 0 && exponent < 12 && d < timeMax/10; exponent-- {
			d *= 10
		}
	}
	return d
}

// timeMax bounds times: ss has 32 bits of milliseconds.
const timeMax = time.Duration(1<<32) * time.Millisecond

// decimal reads digits and a fraction in the given unit, and returns what follows.
func decimal(text []byte, unit time.Duration) (d time.Duration, rest []byte) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		if d = d*10 + time.Duration(text[i]-'0')*unit; d > timeMax {
			d = timeMax
		}
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
			unit /= 10
			d += time.Duration(text[i]-'0') * unit
		}
	}
	return min(d, timeMax), text[i:]
}

// readTimer reads "(keepalive,1min12sec,0)".
func (f *facts) readTimer(value []byte) {
	end := bytes.IndexByte(value, ')')
	if end < 0 {
		f.open = true
		return
	}
	if f.timed || value[0] != '(' {
		return
	}
	name, value, ok1 := bytes.Cut(value[1:end], []byte(","))
	left, times, ok2 := bytes.Cut(value, []byte(","))
	if !ok1 || !ok2 {
		return
	}
	var kind tcp.TimerKind
	switch string(name) {
	case "on":
		kind = tcp.TimerOn
	case "keepalive":
		kind = tcp.TimerKeepalive
	case "timewait":
		kind = tcp.TimerTimeWait
	case "persist":
		kind = tcp.TimerPersist
	default: // "off", "unknown", SCTP's
		return
	}
	retries, _ := form.Decimal(times)
	f.timer = tcp.Timer{Kind: kind, Expires: readTime(left), Retries: uint8(min(retries, 255))}
	f.timed = true
}

// readTime reads a time as print_ms_timer of iproute2's misc/ss.c writes it: 59sec,
// 1min12sec, 112ms; and 4.7 s, where seconds are followed by their milliseconds,
// is 4.700ms.
func readTime(text []byte) (sum time.Duration) {
	for len(text) > 0 {
		point := bytes.IndexByte(text, '.')
		value, rest := decimal(text, time.Second)
		if len(rest) == len(text) {
			return sum
		}
		letters := 0
		for letters < len(rest) && rest[letters] >= 'a' && rest[letters] <= 'z' {
			letters++
		}
		fraction := point >= 0 && point < len(text)-len(rest)
		switch string(rest[:letters]) {
		case "min":
			value *= 60
		case "ms":
			if !fraction {
				value /= 1000
			}
		case "hour", "hours", "h":
			value *= 3600
		case "day", "days":
			value *= 24 * 3600
		}
		sum = min(sum+value, timeMax)
		text = rest[letters:]
	}
	return sum
}
