package paste

import (
	"bytes"
	"net/netip"

	"sockeye/internal/tcp"
)

// queueTable reads the accept queues that netstat -L lists on macOS and FreeBSD:
// "[tcp4] qlen/incqlen/maxqlen local".
type queueTable struct {
	tidier
	rowWords
}

func beginsQueues(line []byte) bool {
	switch first(line) {
	case 'C':
		return hasWords(line, "Current listen queue sizes")
	case 't', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		var c rowWords
		c.cut(line, 4)
		at, ok := c.queues()
		return ok && c.n == at+2 && (at == 1 || queueEnd(c.word[1]))
	}
	return false
}

// queueEnd: "*.80", "127.0.0.1.8080". A date may stand before anything else.
func queueEnd(word []byte) bool {
	return (word[0] == '*' || word[0] >= '0' && word[0] <= '9') && bytes.LastIndexByte(word, '.') > bytes.LastIndexByte(word, ':') && looksEnd(word)
}

// queues returns which word is "0/0/128".
func (c *rowWords) queues() (at int, ok bool) {
	if c.n > 1 && protocolOf(c.word[0]) != noProtocol {
		at = 1
	}
	if at >= c.n {
		return 0, false
	}
	w := c.word[at]
	return at, bytes.Count(w, []byte("/")) == 2 && number(bytes.ReplaceAll(w, []byte("/"), nil)) && w[0] != '/' && w[len(w)-1] != '/' && !bytes.Contains(w, []byte("//"))
}

func (t *queueTable) read(line []byte, b *builder) verdict {
	line = t.tidy(line)
	t.cut(line, 4)
	if t.n == 0 {
		return skipped
	}
	at, ok := t.queues()
	switch {
	case ok && t.n > at+1 && (at == 1 || looksEnd(t.word[at+1])) && t.word[at+1][0] != '/':
		return t.row(at, b)
	case ok && t.n > at+1, string(t.word[0]) == "unix": // UNIX domain sockets have queues, too
		return skipped
	case hasWords(line, "Current listen queue"), hasWords(line, "Listen "), hasWords(line, "Proto "), isNote(line):
		return skipped
	}
	return foreign
}

func (t *queueTable) row(at int, b *builder) verdict {
	p := overTCP
	if at == 1 {
		p = protocolOf(t.word[0])
	}
	if p != overTCP && p != overTCP6 {
		return skipped
	}
	word := t.word[at+1]
	local, mapped, _, ok := anEnd(word, p == overTCP6, b.ports)
	if !ok {
		return bad
	}
	sizes := bytes.Split(t.word[at], []byte("/"))
	b.socket(tcp.Socket{Local: local, Remote: netip.AddrPort{}, State: tcp.Listen, V4Mapped: mapped,
		RecvQ: count32(sizes[0]), SendQ: count32(sizes[2])})
	return row
}

func (t *queueTable) close(*builder) {}
