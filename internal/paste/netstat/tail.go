package netstat

import (
	"bytes"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// linuxTail reads what net-tools prints behind the two ends: the state, with -e
// user and inode, with -p "PID/program", with -o the timer. It tells whether
// there is a column of owners.
func (t *unixTable) linuxTail(rest, far []byte, s *tcp.Socket, b *form.Builder) (told bool) {
	nobody := without(far, s.Remote)
	s.State, rest = t.state(rest, nobody)
	rest, timed := t.timer(rest, s)
	pid, name, told := t.owned(rest, s, b)
	if told {
		t.seen.owners = true
		switch {
		case pid != 0:
			t.seen.someone = true
			s.PID = owner(b, pid, name)
		case s.State == tcp.Listen:
			t.seen.nobody = true
		}
	}
	t.tail = s.State == tcp.Unknown || (!timed && !told)
	finishing := s.State == tcp.FinWait1 || s.State == tcp.FinWait2 || s.State == tcp.Closing || s.State == tcp.LastAck
	// The kernel finishes alone what has no file any more; of FIN_WAIT_2 it keeps
	// a mini-socket with the timer of TIME_WAIT (tcp_fin, net/ipv4/tcp.c, v6.18).
	s.Orphan = finishing && s.PID == 0 && (s.Timer.Kind == tcp.TimerTimeWait || t.inodeless(rest, s))
	return told
}

// state reads the word behind the ends, if there is one: it may have been cut out,
// and then the owner follows. Some translations have two words ("POSLEDNÍ ACK").
func (t *unixTable) state(rest []byte, nobody bool) (s tcp.State, after []byte) {
	word, after := form.NextWord(rest)
	if len(word) == 0 || form.IsNumber(word) || isOwner(word) {
		if nobody {
			return tcp.Listen, rest
		}
		return tcp.Unknown, rest
	}
	if second, behind := form.NextWord(after); string(second) == "ACK" {
		return tcp.LastAck, behind
	}
	return t.words.read(word, nobody), after
}

// timer takes the timer off the end: "timewait (41.21/0/0)". Its name may be
// translated: what it is the state and the numbers tell, too.
func (t *unixTable) timer(rest []byte, s *tcp.Socket) (before []byte, ok bool) {
	rest = bytes.TrimRight(rest, " \t")
	if len(rest) == 0 || rest[len(rest)-1] != ')' {
		return rest, false
	}
	open := bytes.LastIndexByte(rest, '(')
	if open < 0 {
		return rest, false
	}
	left, retries, probes, ok := timerNumbers(rest[open+1 : len(rest)-1])
	if !ok {
		return rest, false
	}
	before = bytes.TrimRight(rest[:open], " \t(")
	name := before[bytes.LastIndexAny(before, " \t")+1:]
	before = before[:len(before)-len(name)]
	s.Timer = tcp.Timer{Expires: left, Kind: timerKind(name, left, s.State), Retries: retries}
	if s.Timer.Kind == tcp.TimerKeepalive || s.Timer.Kind == tcp.TimerPersist {
		s.Timer.Retries = probes
	}
	if s.Timer.Kind == tcp.TimerOff {
		s.Timer = tcp.Timer{}
	}
	return before, true
}

// timerNumbers reads "41.21/0/0": seconds, retransmissions, probes.
func timerNumbers(text []byte) (left time.Duration, retries, probes uint8, ok bool) {
	seconds, text, ok1 := bytes.Cut(text, []byte("/"))
	again, more, ok2 := bytes.Cut(text, []byte("/"))
	if !ok1 || !ok2 || !form.IsNumber(again) || !form.IsNumber(more) {
		return 0, 0, 0, false
	}
	seconds = bytes.TrimPrefix(seconds, []byte("-")) // a timer that is late
	whole, part := seconds, []byte(nil)
	if at := bytes.IndexAny(seconds, ".,"); at >= 0 {
		whole, part = seconds[:at], seconds[at+1:]
	}
	if !form.IsNumber(whole) || (len(part) > 0 && !form.IsNumber(part)) {
		return 0, 0, 0, false
	}
	left = time.Duration(min(count32(whole), 1<<30)) * time.Second
	unit := time.Second
	for _, c := range part[:min(len(part), 3)] {
		unit /= 10
		left += time.Duration(c-'0') * unit
	}
	return left, uint8(min(count32(again), 255)), uint8(min(count32(more), 255)), true
}

// timerKind: the names are net-tools' (netstat.c, tcp_do_one) and those of its
// translations.
func timerKind(name []byte, left time.Duration, s tcp.State) tcp.TimerKind {
	switch string(name) {
	case "off", "aus", "apagado", "关闭", "關閉", "オフ", "vyp", "desligado", "eikäi":
		return tcp.TimerOff
	case "timewait", "时间等待", "時間待ち":
		return tcp.TimerTimeWait
	case "keepalive", "キープアライブ":
		return tcp.TimerKeepalive
	case "on", "ein", "encendido", "打开", "开启", "オン", "zapnut", "em", "käib":
		return tcp.TimerOn
	case "probe", "unkn-4", "nezn-4":
		return tcp.TimerPersist
	}
	switch {
	case left == 0:
		return tcp.TimerOff
	case s == tcp.TimeWait:
		return tcp.TimerTimeWait
	case left > 2*time.Minute: // no retransmission waits longer: TCP_RTO_MAX
		return tcp.TimerKeepalive
	}
	return tcp.TimerOn
}

// owned reads "[user inode] PID/program". A program's name may have blanks:
// "812/nginx: worker".
func (t *unixTable) owned(rest []byte, s *tcp.Socket, b *form.Builder) (pid int32, name []byte, told bool) {
	first, after := form.NextWord(rest)
	if len(first) == 0 {
		return 0, nil, false
	}
	if !isOwner(first) {
		inode, behind := form.NextWord(after)
		if !form.IsNumber(inode) || len(inode) > 12 {
			return 0, nil, false
		}
		if form.IsNumber(first) {
			s.UID = count32(first)
		}
		for _, c := range inode {
			s.Inode = s.Inode*10 + uint64(c-'0')
		}
		user := first
		if first, after = form.NextWord(behind); len(first) == 0 {
			return 0, nil, false
		}
		if !isOwner(first) {
			return 0, nil, false
		}
		if pid, name = splitOwner(first, after); pid != 0 && !form.IsNumber(user) && s.Inode != 0 {
			if p := b.Process(pid, ""); p.User != string(user) {
				p.User = string(user)
			}
		}
		return pid, name, true
	}
	pid, name = splitOwner(first, after)
	return pid, name, true
}

// isOwner: "-" or "812/java".
func isOwner(word []byte) bool {
	if len(word) == 1 {
		return word[0] == '-'
	}
	slash := bytes.IndexByte(word, '/')
	return slash > 0 && form.IsNumber(word[:slash])
}

func splitOwner(word, after []byte) (pid int32, name []byte) {
	slash := bytes.IndexByte(word, '/')
	if slash < 0 {
		return 0, nil
	}
	if pid = rowPID(word[:slash]); pid == 0 {
		return 0, nil
	}
	name = word[slash+1:]
	if after = bytes.TrimRight(after, " \t"); len(after) > 0 {
		// The words follow one another in the line: the name is one piece of it.
		name = name[: len(name)+len(after) : len(name)+len(after)]
	}
	return pid, bytes.TrimRight(name, " \t")
}

// inodeless: the column of inodes is there, and says 0.
func (t *unixTable) inodeless(rest []byte, s *tcp.Socket) bool {
	if s.Inode != 0 {
		return false
	}
	first, after := form.NextWord(rest)
	inode, _ := form.NextWord(after)
	return len(first) > 0 && !isOwner(first) && string(inode) == "0"
}

// broken reads the rest of a row that stands in a line of its own, and gives it
// to the socket that was added last. It is false when the line is none.
func (t *unixTable) broken(line []byte, b *form.Builder) bool {
	s := b.Last()
	if s == nil || len(line) > 120 {
		return false
	}
	rest, whole := bytes.TrimLeft(line, " \t"), *s
	if s.State == tcp.Unknown {
		word, after := form.NextWord(rest)
		state, ok := form.StateOf(word)
		if !ok {
			return false
		}
		s.State, rest = state, after
	}
	rest, timed := t.timer(rest, s)
	if len(bytes.TrimSpace(rest)) == 0 {
		return timed || s.State != tcp.Unknown
	}
	pid, name, told := t.owned(rest, s, b)
	if !told || pid == 0 && bytes.Contains(bytes.TrimSpace(rest), []byte("- ")) {
		*s = whole // a message, "- accept: …", begins as nobody's row ends
		return false
	}
	if t.seen.owners = true; pid != 0 {
		t.seen.someone = true
		s.PID = owner(b, pid, name)
	} else if s.State == tcp.Listen {
		t.seen.nobody = true
	}
	return true
}
