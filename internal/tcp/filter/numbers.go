package filter

import (
	"cmp"
	"strconv"
)

type numberField uint8

const (
	recvq numberField = iota
	sendq
	pid
	uid
	inode
	cookie
)

var numberFields = map[string]numberField{
	"recvq": recvq, "sendq": sendq, "pid": pid, "uid": uid, "inode": inode, "cookie": cookie,
}

var numberNames = [...]string{"recvq", "sendq", "pid", "uid", "inode", "cookie"}

// number compares a field that is a number.
type number struct {
	field numberField
	op    op
	value uint64
}

func (p *parser) number(f numberField, o op, v token) (Expr, *SyntaxError) {
	n, err := strconv.ParseUint(v.text, 10, 64)
	if err != nil {
		hint := say{}
		if f == pid || f == uid {
			word := map[numberField]string{pid: "process", uid: "user"}[f]
			hint = say{"for a name write: " + word + " NAME", "按名称筛选请写：" + word + " 名称"}
		}
		return nil, p.fail(v, say{"%q is no number", "%q 不是数字"}, hint, v.text)
	}
	return number{f, o, n}, nil
}

func (e number) Match(s *Subject) bool {
	k := s.Socket
	var v uint64
	switch e.field {
	case recvq:
		v = uint64(k.RecvQ)
	case sendq:
		v = uint64(k.SendQ)
	case inode:
		v = k.Inode
	case cookie:
		v = k.Cookie
	case uid:
		if s.Names == nil {
			return e.op == ne
		}
		n, _, ok := s.Names.User(k)
		if !ok {
			return e.op == ne
		}
		v = uint64(n)
	case pid:
		return e.matchPID(s)
	}
	return e.op.holds(cmp.Compare(v, e.value))
}

// matchPID: any of the holders may fulfil the comparison; "!=" means that none
// is that process.
func (e number) matchPID(s *Subject) bool {
	positive := e
	if e.op == ne {
		positive.op = eq
	}
	found := false
	if all := s.sharers(); all != nil {
		for _, p := range all {
			found = found || positive.op.holds(cmp.Compare(uint64(p), e.value))
		}
	} else if p := s.Socket.PID; p != 0 {
		found = positive.op.holds(cmp.Compare(uint64(p), e.value))
	}
	return found == (e.op != ne)
}

func (s *Subject) sharers() []int32 {
	if s.Names == nil {
		return nil
	}
	return s.Names.Sharers(s.Socket)
}

func (e number) String() string { return string(e.appendTo(nil, loose)) }
func (e number) appendTo(dst []byte, _ strength) []byte {
	return strconv.AppendUint(appendTerm(dst, numberNames[e.field], e.op), e.value, 10)
}
