package cli

import (
	"net/netip"
	"strconv"
	"time"

	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// appendSocketJSON appends the socket row of the report contract (DESIGN
// section 5). What is unknown is null; rows may grow, never change.
func (v *view) appendSocketJSON(dst []byte, s *tcp.Socket) []byte {
	dst = append(dst, `{"proto":"tcp","netns":`...)
	dst = appendValueJSON(dst, serialOrNull(s.NetNS))
	dst = appendEndJSON(append(dst, `,"laddr":`...), `,"lport":`, s.Local)
	dst = appendEndJSON(append(dst, `,"raddr":`...), `,"rport":`, s.Remote)
	dst = append(append(dst, `,"state":"`...), s.State.String()...)
	dst = strconv.AppendUint(append(dst, `","recvq":`...), uint64(s.RecvQ), 10)
	dst = strconv.AppendUint(append(dst, `,"sendq":`...), uint64(s.SendQ), 10)
	dst = v.appendOwnersJSON(dst, s)
	life := v.life(s)
	dst = appendOpenerJSON(append(dst, `,"opener":`...), life.Opener, v.place, v.stacks)
	dst = appendTextJSON(append(dst, `,"closer":`...), string(v.Closer(s)))
	dst = strconv.AppendUint(append(dst, `,"inode":`...), s.Inode, 10)
	dst = appendTimerJSON(append(dst, `,"timer":`...), s.Timer)
	dst = append(dst, `,"age_s":`...)
	if age, ok := v.Age(s); ok {
		dst = appendDecimal(dst, age.Milliseconds())
	} else {
		dst = append(dst, "null"...)
	}
	return append(v.appendLifeJSON(v.appendMoreJSON(dst, s), s, life), '}')
}

// appendMoreJSON appends what the row has beyond the contract's example.
func (v *view) appendMoreJSON(dst []byte, s *tcp.Socket) []byte {
	uid, user, known := v.User(s)
	dst = appendValueJSON(append(dst, `,"uid":`...), numberValue(uint64(uid), known))
	dst = appendTextJSON(append(dst, `,"user":`...), user)
	p := v.process(s)
	dst = append(dst, `,"unit":`...)
	if p == nil {
		dst = append(dst, `null,"container":null`...)
	} else {
		dst = appendTextJSON(dst, p.Unit)
		dst = appendContainerJSON(append(dst, `,"container":`...), p.Container)
	}
	dst = appendValueJSON(append(dst, `,"cookie":`...), numberValue(s.Cookie, s.Cookie != 0))
	dst = strconv.AppendUint(append(dst, `,"mark":`...), uint64(s.Mark), 10)
	dst = appendTextJSON(append(dst, `,"dev":`...), v.ifaceText(s.NetNS, s.Iface))
	dst = appendTextJSON(append(dst, `,"port_by":`...), portUse(s.Port))
	dst = strconv.AppendBool(append(dst, `,"orphan":`...), s.Orphan)
	dst = strconv.AppendBool(append(dst, `,"v4_mapped":`...), s.V4Mapped)
	dst = append(dst, `,"info":`...)
	if s.Info == nil {
		return append(dst, "null"...)
	}
	return appendInfoJSON(dst, s.Info)
}

// appendLifeJSON appends what only a tracer knows beside opener and closer.
func (v *view) appendLifeJSON(dst []byte, s *tcp.Socket, l *host.Life) []byte {
	dst = appendTextJSON(append(dst, `,"ending":`...), string(l.Ending))
	way := ""
	if s.State.Connected() {
		way = direction(l)
	}
	dst = appendTextJSON(append(dst, `,"direction":`...), way)
	age := v.sn.TakenAt.Sub(l.OpenedAt).Round(time.Millisecond)
	return appendSecondsJSON(append(dst, `,"opened_age_s":`...), max(0, age), !l.OpenedAt.IsZero())
}

func (v *view) appendOwnersJSON(dst []byte, s *tcp.Socket) []byte {
	if s.PID == 0 {
		return append(dst, `,"pid":null,"process":null`...)
	}
	dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(s.PID), 10)
	dst = appendTextJSON(append(dst, `,"process":`...), v.processName(s.PID))
	if all := v.Sharers(s); len(all) > 1 {
		dst = append(dst, `,"owners":[`...)
		for i, pid := range all {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendPIDJSON(dst, pid, v.processName(pid))
		}
		dst = append(dst, ']')
	}
	return dst
}

func (v *view) processName(pid int32) string {
	if p := v.sn.Processes[pid]; p != nil {
		return p.Name
	}
	return ""
}

func appendPIDJSON(dst []byte, pid int32, name string) []byte {
	dst = strconv.AppendInt(append(dst, `{"pid":`...), int64(pid), 10)
	return append(appendTextJSON(append(dst, `,"process":`...), name), '}')
}

func appendEndJSON(dst []byte, portKey string, a netip.AddrPort) []byte {
	dst = appendValueJSON(dst, addrValue(a))
	return appendValueJSON(append(dst, portKey...), numberValue(uint64(a.Port()), a.Port() != 0))
}

func appendTimerJSON(dst []byte, t tcp.Timer) []byte {
	if t.Kind == tcp.TimerOff {
		return append(dst, "null"...)
	}
	dst = append(append(dst, `{"kind":"`...), t.Kind.String()...)
	dst = appendDecimal(append(dst, `","expires_s":`...), t.Expires.Milliseconds())
	return append(strconv.AppendUint(append(dst, `,"retries":`...), uint64(t.Retries), 10), '}')
}

func appendInfoJSON(dst []byte, i *tcp.Info) []byte {
	seconds := func(key string, d time.Duration) { dst = appendDecimal(append(dst, key...), d.Milliseconds()) }
	millis := func(key string, d time.Duration) { dst = appendDecimal(append(dst, key...), d.Microseconds()) }
	count := func(key string, n uint64) { dst = strconv.AppendUint(append(dst, key...), n, 10) }
	millis(`{"rtt_ms":`, i.RTT)
	millis(`,"rto_ms":`, i.RTO)
	count(`,"retrans":`, uint64(i.Retrans))
	count(`,"unacked":`, uint64(i.Unacked))
	seconds(`,"lastsnd_s":`, i.LastSend)
	seconds(`,"lastrcv_s":`, i.LastRecv)
	seconds(`,"lastack_s":`, i.LastAck)
	count(`,"bytes_acked":`, i.BytesAcked)
	count(`,"bytes_received":`, i.BytesReceived)
	count(`,"backoff":`, uint64(i.Backoff))
	count(`,"probes":`, uint64(i.Probes))
	dst = appendValueJSON(append(dst, `,"send_window":`...), numberValue(uint64(i.SendWindow), i.HasWindow))
	return append(dst, '}')
}

func serialOrNull(n uint64) value {
	if n == 0 {
		return value{}
	}
	return value{kind: serial, n: n}
}

// appendTextJSON appends a string, or null for an unknown one.
func appendTextJSON(dst []byte, s string) []byte { return appendValueJSON(dst, textValue(s)) }

func appendValueJSON(dst []byte, x value) []byte {
	switch x.kind {
	case unknown:
		return append(dst, "null"...)
	case numeral:
		return x.appendTo(dst)
	case words:
		return appendJSONString(dst, x.text)
	case place:
		return appendPlaceJSON(dst, x)
	case gapInStack:
		dst = appendJSONString(append(dst, `{"function":null,"file":null,"line":null,"gap":`...), x.text)
		return append(dst, '}')
	}
	// Digits and addresses; a zone may come from somebody's text.
	start := len(dst)
	dst = append(dst, '"')
	dst = x.appendTo(dst)
	for _, c := range dst[start+1:] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendJSONString(dst[:start], string(dst[start+1:]))
		}
	}
	return append(dst, '"')
}

// appendHead begins a JSON document: schema, time, source.
func appendHead(dst []byte, schema string, sn *host.Snapshot) []byte {
	dst = appendJSONString(append(dst, `{"schema":`...), schema)
	dst = append(dst, `,"taken_at":`...)
	if sn.TakenAt.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(sn.TakenAt.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	dst = appendTextJSON(append(dst, `,"source":{"kind":`...), string(sn.Source.Kind))
	dst = appendTextJSON(append(dst, `,"sockets_by":`...), sn.Source.SocketsBy)
	dst = appendTextJSON(append(dst, `,"owners_by":`...), sn.Source.OwnersBy)
	return append(dst, '}')
}
