package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// The process that is Windows itself has had this number since XP.
const systemPID = 4

// behind reads what stands behind the two ends: a state of one word or several,
// the owner ("812", or "812/java" where the rows of another system were cut to
// these columns), and what is of no use here (offload state, template, time).
func (t *plainTable) behind(rest []byte) (word, name []byte, pid int32, told bool) {
	var c form.RowWords
	c.Cut(rest, 6)
	if c.N == 0 {
		return nil, nil, 0, false
	}
	words := 0
	for words < c.N && !form.IsNumber(c.Word[words]) && !isOwner(c.Word[words]) {
		words++
	}
	if words < c.N && !t.noPID {
		pid, told = rowPID(c.Word[words]), true
	}
	if pid == systemPID {
		name = []byte("System")
	}
	for i := words; i < c.N; i++ {
		if isOwner(c.Word[i]) && len(c.Word[i]) > 1 {
			pid, name = splitOwner(c.Word[i], rest[c.End[i]:])
			told = true
			break
		}
	}
	for words > 1 && isOffload(c.Word[words-1]) {
		words--
	}
	switch words {
	case 0:
		return nil, name, pid, told
	case 1:
		return c.Word[0], name, pid, told
	}
	if _, ok := form.StateOf(c.Word[0]); ok && !told {
		return c.Word[0], name, pid, told
	}
	from := c.End[0] - len(c.Word[0])
	return rest[from:c.End[words-1]], name, pid, told
}

// mended takes the blank out of an end that was broken behind the hyphen of a host's
// name ("DESKTOP- 7Q:443"), as programs that wrap text do.
func (t *plainTable) mended(line []byte) []byte {
	at := protocolAt(&t.RowWords)
	if at < 0 {
		return line
	}
	for i := at + 1; i <= at+2 && i+1 < t.N; i++ {
		word, next := t.Word[i], t.Word[i+1]
		if word[len(word)-1] != '-' || bytes.IndexByte(word, ':') >= 0 || bytes.IndexByte(next, ':') < 1 || !looksEnd(next) {
			continue
		}
		whole := make([]byte, 0, len(line))
		whole = append(append(whole, line[:t.End[i]]...), line[t.End[i+1]-len(next):]...)
		t.Cut(whole, 6)
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
	if t.Cut(held, 6); form.IsNumber(more) && t.N > 3 {
		if at := protocolAt(&t.RowWords); at >= 0 && t.N > at+2 && bytes.HasSuffix(t.Word[at+2], []byte(":")) {
			end := t.End[at+2]
			return append(append(append(whole, held[:end]...), more...), held[end:]...)
		}
	}
	return append(append(append(whole, held...), ' '), more...)
}

// portGoesOn puts digits, alone on a line, behind the last row's far port: some
// programs break a column that is too narrow for an address.
func (t *plainTable) portGoesOn(line, digits []byte, b *form.Builder) bool {
	s := b.Last()
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
