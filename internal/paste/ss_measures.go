package paste

import (
	"bytes"
	"time"

	"sockeye/internal/tcp"
)

// measure reads what -i tells (tcp_stats_print of iproute2's misc/ss.c): times in
// milliseconds, and what is 0 is not written.
func (f *ssFacts) measure(key, value []byte) {
	i := &f.info
	switch string(key) {
	case "rto":
		i.RTO = ssMillis(value)
	case "rtt":
		i.RTT = ssMillis(value)
	case "lastsnd":
		i.LastSend = ssMillis(value)
	case "lastrcv":
		i.LastRecv = ssMillis(value)
	case "lastack":
		i.LastAck = ssMillis(value)
	case "backoff":
		n, _ := decimal(value)
		i.Backoff = uint8(min(n, 255))
	case "unacked":
		i.Unacked, _ = ssCount(value)
	case "bytes_acked":
		i.BytesAcked, _ = decimal(value)
	case "bytes_received":
		i.BytesReceived, _ = decimal(value)
	case "snd_wnd":
		var ok bool
		if i.SendWindow, ok = ssCount(value); ok {
			i.HasWindow = true
		}
	case "retrans": // now/ever; old kernels tell one
		if slash := bytes.IndexByte(value, '/'); slash >= 0 {
			i.Retrans, _ = ssCount(value[slash+1:])
		}
	case "cwnd", "mss":
	default:
		return
	}
	f.measured = true
}

// ssMillis reads milliseconds with a fraction, up to a slash ("0.05/0.025").
func ssMillis(value []byte) time.Duration {
	if slash := bytes.IndexByte(value, '/'); slash >= 0 {
		value = value[:slash]
	}
	d, rest := ssDecimal(value, time.Millisecond)
	if len(rest) > 0 && rest[0] == 'e' { // %g of more than a million: 1.2e+06
		exponent, ok := decimal(bytes.TrimPrefix(rest[1:], []byte("+")))
		for ; ok && exponent > 0 && exponent < 12 && d < ssTimeMax/10; exponent-- {
			d *= 10
		}
	}
	return d
}

// ssTimeMax bounds times: ss has 32 bits of milliseconds.
const ssTimeMax = time.Duration(1<<32) * time.Millisecond

// ssDecimal reads digits and a fraction in the given unit, and returns what follows.
func ssDecimal(text []byte, unit time.Duration) (d time.Duration, rest []byte) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		if d = d*10 + time.Duration(text[i]-'0')*unit; d > ssTimeMax {
			d = ssTimeMax
		}
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
			unit /= 10
			d += time.Duration(text[i]-'0') * unit
		}
	}
	return min(d, ssTimeMax), text[i:]
}

// readTimer reads "(keepalive,1min12sec,0)".
func (f *ssFacts) readTimer(value []byte) {
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
	retries, _ := decimal(times)
	f.timer = tcp.Timer{Kind: kind, Expires: ssTime(left), Retries: uint8(min(retries, 255))}
	f.timed = true
}

// ssTime reads a time as print_ms_timer of iproute2's misc/ss.c writes it: 59sec,
// 1min12sec, 112ms; and 4.7 s, where seconds are followed by their milliseconds,
// is 4.700ms.
func ssTime(text []byte) (sum time.Duration) {
	for len(text) > 0 {
		point := bytes.IndexByte(text, '.')
		value, rest := ssDecimal(text, time.Second)
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
		sum = min(sum+value, ssTimeMax)
		text = rest[letters:]
	}
	return sum
}
