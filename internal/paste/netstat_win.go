package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// plainTable reads rows without queues: "TCP local foreign STATE [pid …]", as
// Windows prints them, and as awk leaves the rows of other systems. Behind a row
// Windows may name, with -b, the component and the program that own it.
type plainTable struct {
	tidier
	rowWords
	words stateWords

	from       int // sockets before this part
	started    bool
	held       []byte // the beginning of a row that goes on in the next line
	begun      bool
	rows       uint64
	noPID      bool  // the heading has no column of pids
	pid        int32 // owner of the last row by its number, 0 unknown
	named      bool  // the last row's owner has been named
	lastUDP    bool  // the last row was a UDP socket
	components int   // lines since the last row that are no row
	programs   bool  // "[program]" lines were seen: this is -b
}

// componentsMost is how many lines -b prints below a row: with -v one a module.
const componentsMost = 40

func (t *plainTable) read(line []byte, b *builder) verdict {
	if !t.started {
		t.started, t.from = true, len(b.sockets)
	}
	line = t.tidy(line)
	t.cut(line, 6)
	if t.n == 0 {
		return skipped
	}
	if at := t.protocolAt(); at >= 0 && t.n > at+1 && looksEnd(t.word[at+1]) {
		t.held = t.held[:0]
		return t.begin(line, at, b)
	}
	if len(t.held) > 0 {
		if v := t.joined(line, b); v != foreign {
			return v
		}
	}
	return t.aside(line, b)
}

func (t *plainTable) begin(line []byte, at int, b *builder) verdict {
	p := protocolOf(t.word[at])
	if t.n < at+3 || !looksEnd(t.word[at+2]) || (t.n < at+4 && p != overUDP && !without(t.word[at+2], netip.AddrPort{})) {
		t.held = append(t.held[:0], line[:min(len(line), 400)]...)
		return skipped
	}
	return t.row(line, at, p, b)
}

// joined puts a line behind the beginning of a row; foreign when that is no row.
func (t *plainTable) joined(line []byte, b *builder) verdict {
	held := t.held
	t.held = t.held[:0]
	if len(line) > 200 {
		return foreign
	}
	whole := append(append(append(make([]byte, 0, len(held)+len(line)+1), held...), ' '), bytes.TrimLeft(line, " \t")...)
	t.cut(whole, 6)
	at := t.protocolAt()
	if at < 0 || t.n < at+3 || !looksEnd(t.word[at+2]) {
		return foreign
	}
	return t.row(whole, at, protocolOf(t.word[at]), b)
}

func (t *plainTable) row(line []byte, at int, p protocol, b *builder) verdict {
	if p == overOther {
		return skipped
	}
	near, far := t.word[at+1], t.word[at+2]
	local, mapped, isDotted, ok := anEnd(near, p == overTCP6, b.ports)
	remote, mapped2, _, ok2 := anEnd(far, p == overTCP6, b.ports)
	if !ok || !ok2 {
		return bad
	}
	t.start(t.word[at], isDotted, b)
	t.rows++
	word, pid, told := t.behind(line[t.end[at+2]:])
	t.pid, t.named, t.components, t.lastUDP = owner(b, pid, systemName(pid)), pid == systemPID, 0, p == overUDP
	if p == overUDP {
		ownsUDP(b, t.pid)
		return row
	}
	s := tcp.Socket{Local: local, Remote: remote, PID: t.pid, V4Mapped: mapped || mapped2}
	nobody := without(far, remote)
	switch {
	case len(word) > 0:
		s.State = t.words.read(word, nobody)
	case nobody:
		s.State = tcp.Listen
	}
	if nobody && (s.State == tcp.Listen || s.State == tcp.Bound || s.State == tcp.Closed) {
		s.Remote = netip.AddrPort{}
	}
	t.words.saw(s.State, told, s.PID)
	b.socket(s)
	return row
}

// start tells the builder of the table, once it is certain that there is one.
func (t *plainTable) start(proto []byte, isDotted bool, b *builder) {
	if t.begun {
		return
	}
	t.begun = true
	t.words.first = len(b.sockets)
	if !isDotted && (string(proto) == "TCP" || string(proto) == "UDP") {
		b.os("windows") // nobody else writes the protocol in capitals
	}
}

// The process that is Windows itself has had this number since XP.
const systemPID = 4

func systemName(pid int32) []byte {
	if pid == systemPID {
		return []byte("System")
	}
	return nil
}

// behind reads what stands behind the two ends: a state of one word or several,
// the pid, and what is of no use here (offload state, template, time).
func (t *plainTable) behind(rest []byte) (word []byte, pid int32, told bool) {
	var c rowWords
	c.cut(rest, 6)
	if c.n == 0 {
		return nil, 0, false
	}
	words := 0
	for words < c.n && !number(c.word[words]) && string(c.word[words]) != "-" {
		words++
	}
	if words < c.n && !t.noPID {
		pid, told = rowPID(c.word[words]), true
	}
	for words > 1 && isOffload(c.word[words-1]) {
		words--
	}
	switch words {
	case 0:
		return nil, pid, told
	case 1:
		return c.word[0], pid, told
	}
	if _, ok := stateOf(c.word[0]); ok && !told {
		return c.word[0], pid, told
	}
	from := c.end[0] - len(c.word[0])
	return rest[from:c.end[words-1]], pid, told
}

// isOffload: the column of -t, which Windows does not translate.
func isOffload(word []byte) bool {
	switch string(word) {
	case "InHost", "Offloading", "Offloaded", "Uploading":
		return true
	}
	return false
}

// aside reads what is no row: headings, and what -b prints below a row.
func (t *plainTable) aside(line []byte, b *builder) verdict {
	trimmed := bytes.TrimSpace(line)
	switch {
	case plainHeading(line), string(trimmed) == "Active Connections":
		if t.rows > 0 {
			return foreign // an interval: another table
		}
		if plainHeading(line) {
			t.noPID = !bytes.Contains(line, []byte("PID"))
		}
		return skipped
	case t.rows == 0:
		return foreign
	case len(trimmed) > 2 && trimmed[0] == '[' && trimmed[len(trimmed)-1] == ']':
		return t.program(trimmed[1:len(trimmed)-1], b)
	}
	t.components++
	if t.components > componentsMost || !t.below(line, trimmed) {
		return foreign
	}
	if refused(trimmed) && t.pid == 0 && !t.named {
		b.cannot("paste-owners-hidden", "")
	}
	return skipped
}

// program gives the last row the program that "[java.exe]" names.
func (t *plainTable) program(name []byte, b *builder) verdict {
	if len(name) > 260 || isCut(name) { // MAX_PATH
		return foreign
	}
	t.programs = true
	if t.named {
		return skipped
	}
	t.named = true
	if t.pid != 0 {
		b.process(t.pid, string(name))
		return skipped
	}
	if len(b.processes) >= processesMost {
		return skipped
	}
	p := b.nameless(string(name))
	if t.lastUDP {
		p.UDP = max(p.UDP, 0) + 1
		return skipped
	}
	if s := b.last(); s != nil && s.PID == 0 {
		s.PID = p.PID
	}
	return skipped
}

// below tells whether a line can be one of those that -b prints below a row:
// short, indented, or a single word where programs have been seen.
func (t *plainTable) below(line, trimmed []byte) bool {
	if len(trimmed) > 120 {
		return false
	}
	if refused(trimmed) {
		return true
	}
	indented := line[0] == ' ' || line[0] == '\t'
	single := !bytes.ContainsAny(trimmed, " \t$#>=:,;\"'(")
	switch {
	case bytes.HasPrefix(trimmed, []byte("-- ")): // "-- unknown component(s) --"
		return true
	case single:
		return len(trimmed) <= 64 && (indented || t.programs)
	case indented && t.programs && len(trimmed) <= 90:
		return !bytes.ContainsAny(trimmed, "$#>=") && line[0] != '\t'
	}
	return indented && bytes.Contains(trimmed, []byte(`:\`)) && bytes.IndexByte(trimmed, '>') < 0 && len(trimmed) <= 90
}

// refused: Windows may not tell who owns a row.
func refused(trimmed []byte) bool {
	for _, words := range []string{
		"an not obtain ownership information", "annot obtain ownership information", "无法获取所有权信息", "無法取得擁有權資訊",
		"esitzerinformationen", "esitzinformationen", "informations de propri", "información de propietario", "informações de propriedade",
		"informazioni sul proprietario", "сведения о владельце", "所有者情報", "소유권 정보",
	} {
		if bytes.Contains(trimmed, []byte(words)) {
			return true
		}
	}
	return false
}

func (t *plainTable) close(b *builder) {
	t.words.settle(b)
	dropDoubleBound(b, t.from)
}
