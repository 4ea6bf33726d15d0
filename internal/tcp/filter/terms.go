package filter

import (
	"strconv"
	"strings"
	"time"

	"sockeye/internal/tcp"
)

// op compares a field with a value.
type op uint8

const (
	eq op = iota
	ne
	lt
	le
	gt
	ge
	has // contains, whatever the case
	hasNot
)

var opText = [...]string{"=", "!=", "<", "<=", ">", ">=", "~", "!~"}

// wordOps are ss's spellings of the operators in letters.
var wordOps = map[string]op{
	"eq": eq, "ne": ne, "neq": ne, "lt": lt, "le": le, "leq": le, "gt": gt, "ge": ge, "geq": ge,
}

var (
	equalOps = []op{eq, ne}
	orderOps = []op{eq, ne, lt, le, gt, ge}
	nameOps  = []op{eq, ne, has, hasNot}
)

// synonyms are other words for the same field.
var synonyms = map[string]string{
	"laddr": "src", "raddr": "dst", "lport": "sport", "rport": "dport", "mark": "fwmark",
}

// words lists what a condition may begin with.
func words() []string {
	return []string{"state", "exclude", "src", "dst", "sport", "dport", "laddr", "raddr", "lport", "rport",
		"process", "pid", "container", "unit", "user", "uid", "opener", "closer", "code", "netns", "inode", "cookie",
		"age", "recvq", "sendq", "dev", "fwmark", "mark", "cgroup", "autobound"}
}

func opsOf(name string) []op {
	switch name {
	case "sport", "dport", "recvq", "sendq", "age", "pid", "uid", "inode", "cookie":
		return orderOps
	case "src", "dst", "dev", "fwmark", "cgroup", "netns", "closer":
		return equalOps
	}
	return nameOps
}

// defaultOp is meant where no operator is written. Nobody writes the whole
// "github.com/acme/shop/dao.(*Store).Query": a part selects a line of code.
func defaultOp(name string) op {
	if name == "code" {
		return has
	}
	return eq
}

func opList(ops []op) string {
	texts := make([]string, len(ops))
	for i, o := range ops {
		texts[i] = opText[o]
	}
	return strings.Join(texts, " ")
}

// valueOf names what follows the word.
func valueOf(name string) say {
	switch name {
	case "src", "dst":
		return say{"an address", "地址"}
	case "sport", "dport":
		return say{"a port", "端口"}
	case "closer":
		return say{"local or peer", " local 或 peer"}
	case "age":
		return say{"a duration such as 30s", "时长（例如 30s）"}
	case "recvq", "sendq", "pid", "uid", "inode", "cookie", "fwmark":
		return say{"a number", "数字"}
	}
	return say{"a name", "名称"}
}

// reader returns what reads the value of a field; ok is false for a word that
// is none.
func (p *parser) reader(name string) (func(op, token) (Expr, *SyntaxError), bool) {
	switch name {
	case "src", "dst":
		return func(o op, v token) (Expr, *SyntaxError) { return p.host(name == "dst", o, v) }, true
	case "sport", "dport":
		return func(o op, v token) (Expr, *SyntaxError) { return p.port(name == "dport", o, v) }, true
	case "fwmark":
		return p.mark, true
	case "age":
		return p.age, true
	case "closer":
		return p.closer, true
	}
	if f, ok := numberFields[name]; ok {
		return func(o op, v token) (Expr, *SyntaxError) { return p.number(f, o, v) }, true
	}
	if f, ok := nameFields[name]; ok {
		return func(o op, v token) (Expr, *SyntaxError) { return named(f, o, v.text), nil }, true
	}
	return nil, false
}

func (p *parser) closer(o op, v token) (Expr, *SyntaxError) {
	side := strings.ToLower(v.text)
	if side != string(tcp.Local) && side != string(tcp.Peer) {
		return nil, p.fail(v, say{"%q is no side of a connection", "%q 不是连接的一端"},
			say{"write local or peer", "请写 local 或 peer"}, v.text)
	}
	return named(closer, o, side), nil
}

// holds reports whether a comparison whose result is c (<0, 0, >0) is true.
func (o op) holds(c int) bool {
	switch o {
	case eq:
		return c == 0
	case ne:
		return c != 0
	case lt:
		return c < 0
	case le:
		return c <= 0
	case gt:
		return c > 0
	case ge:
		return c >= 0
	}
	return false
}

func appendTerm(dst []byte, field string, o op) []byte {
	dst = append(dst, field...)
	dst = append(dst, ' ')
	dst = append(dst, opText[o]...)
	return append(dst, ' ')
}

// autobound selects sockets whose local port was chosen by the kernel in
// connect(). ss guesses this from the port range; here it is known or not.
type autobound struct{}

func (autobound) Match(s *Subject) bool                  { return s.Socket.Port == tcp.PortAuto }
func (autobound) String() string                         { return "autobound" }
func (autobound) appendTo(dst []byte, _ strength) []byte { return append(dst, "autobound"...) }

// aged compares the time since the socket entered its state. Where that is not
// known nothing matches, whatever the operator.
type aged struct {
	op op
	d  time.Duration
}

func (p *parser) age(o op, v token) (Expr, *SyntaxError) {
	d, ok := parseSpan(v.text)
	if !ok {
		return nil, p.fail(v, say{"%q is no duration", "%q 不是时长"}, say{"write 500ms, 10s, 5m, 2h or 1d", "请写 500ms、10s、5m、2h 或 1d"}, v.text)
	}
	return aged{o, d}, nil
}

// parseSpan reads Go's durations, days ("2d") and bare seconds ("10").
func parseSpan(text string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0 && text[0] != '-' && text[0] != '+'
}

func (e aged) Match(s *Subject) bool {
	age, ok := s.Socket.Age()
	if s.Names != nil {
		age, ok = s.Names.Age(s.Socket)
	}
	if !ok {
		return false
	}
	switch {
	case age < e.d:
		return e.op.holds(-1)
	case age > e.d:
		return e.op.holds(1)
	}
	return e.op.holds(0)
}

func (e aged) String() string { return string(e.appendTo(nil, loose)) }
func (e aged) appendTo(dst []byte, _ strength) []byte {
	return append(appendTerm(dst, "age", e.op), e.d.String()...)
}

// marked compares SO_MARK under a mask.
type marked struct {
	op          op
	value, mask uint32
}

func (p *parser) mark(o op, v token) (Expr, *SyntaxError) {
	value, mask, masked := strings.Cut(v.text, "/")
	if !masked {
		mask = "0xffffffff"
	}
	n, err1 := strconv.ParseUint(value, 0, 32)
	m, err2 := strconv.ParseUint(mask, 0, 32)
	if err1 != nil || err2 != nil {
		return nil, p.fail(v, say{"%q is no mark", "%q 不是标记值"}, say{"write 7, 0x7 or 0x1/0xff", "请写 7、0x7 或 0x1/0xff"}, v.text)
	}
	return marked{o, uint32(n), uint32(m)}, nil
}

func (e marked) Match(s *Subject) bool {
	return (s.Socket.Mark&e.mask == e.value&e.mask) == (e.op == eq)
}

func (e marked) String() string { return string(e.appendTo(nil, loose)) }
func (e marked) appendTo(dst []byte, _ strength) []byte {
	dst = strconv.AppendUint(append(appendTerm(dst, "fwmark", e.op), "0x"...), uint64(e.value), 16)
	if e.mask != 0xffffffff {
		dst = strconv.AppendUint(append(dst, "/0x"...), uint64(e.mask), 16)
	}
	return dst
}
