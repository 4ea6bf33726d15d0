package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// The process that is Windows itself has had this number since XP.
const systemPID = 4

// behind reads what stands behind the two ends: a state of one word or several,
// the owner ("812", or "812/java" where the rows of another system were cut to
// these columns), and what is of no use here (offload state, template, time).
func (t *plainTable) behind(rest []byte) (word, name []byte, pid int32, told bool) {
	var c rowWords
	c.cut(rest, 6)
	if c.n == 0 {
		return nil, nil, 0, false
	}
	words := 0
	for words < c.n && !number(c.word[words]) && !isOwner(c.word[words]) {
		words++
	}
	if words < c.n && !t.noPID {
		pid, told = rowPID(c.word[words]), true
	}
	if pid == systemPID {
		name = []byte("System")
	}
	for i := words; i < c.n; i++ {
		if isOwner(c.word[i]) && len(c.word[i]) > 1 {
			pid, name = splitOwner(c.word[i], rest[c.end[i]:])
			told = true
			break
		}
	}
	for words > 1 && isOffload(c.word[words-1]) {
		words--
	}
	switch words {
	case 0:
		return nil, name, pid, told
	case 1:
		return c.word[0], name, pid, told
	}
	if _, ok := stateOf(c.word[0]); ok && !told {
		return c.word[0], name, pid, told
	}
	from := c.end[0] - len(c.word[0])
	return rest[from:c.end[words-1]], name, pid, told
}

// mended takes the blank out of an end that was broken behind the hyphen of a host's
// name ("DESKTOP- 7Q:443"), as programs that wrap text do.
func (t *plainTable) mended(line []byte) []byte {
	at := t.protocolAt()
	if at < 0 {
		return line
	}
	for i := at + 1; i <= at+2 && i+1 < t.n; i++ {
		word, next := t.word[i], t.word[i+1]
		if word[len(word)-1] != '-' || bytes.IndexByte(word, ':') >= 0 || bytes.IndexByte(next, ':') < 1 || !looksEnd(next) {
			continue
		}
		whole := make([]byte, 0, len(line))
		whole = append(append(whole, line[:t.end[i]]...), line[t.end[i+1]-len(next):]...)
		t.cut(whole, 6)
		line = whole
	}
	return line
}

// isOffload: the column of -t, which Windows does not translate.
func isOffload(word []byte) bool {
	switch string(word) {
	case "InHost", "Offloading", "Offloaded", "Uploading":
		return true
	}
	return false
}

// whole puts the next line behind the beginning of a row, or, when it is a port
// that found no room in its column, there.
func (t *plainTable) whole(held, more []byte) []byte {
	whole := make([]byte, 0, len(held)+len(more)+1)
	if t.cut(held, 6); number(more) && t.n > 3 {
		if at := t.protocolAt(); at >= 0 && t.n > at+2 && bytes.HasSuffix(t.word[at+2], []byte(":")) {
			end := t.end[at+2]
			return append(append(append(whole, held[:end]...), more...), held[end:]...)
		}
	}
	return append(append(append(whole, held...), ' '), more...)
}

// portGoesOn puts digits, alone on a line, behind the last row's far port: some
// programs break a column that is too narrow for an address.
func (t *plainTable) portGoesOn(line, digits []byte, b *builder) bool {
	s := b.last()
	if s == nil || t.lastUDP || t.components > 0 || len(digits) > 5 || len(line)-len(digits) < 20 || !s.Remote.IsValid() || s.State == tcp.Listen {
		return false
	}
	port := uint32(s.Remote.Port())
	for _, c := range digits {
		if port = port*10 + uint32(c-'0'); port > 65535 {
			return false
		}
	}
	s.Remote = netip.AddrPortFrom(s.Remote.Addr(), uint16(port))
	return true
}
