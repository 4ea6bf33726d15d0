package netstat

import (
	"bytes"
	"net/netip"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// queueTable reads the accept queues that netstat -L lists on macOS and FreeBSD:
// "[tcp4] qlen/incqlen/maxqlen local".
type queueTable struct {
	tidier
	form.RowWords
}

func beginsQueues(line []byte) bool {
	switch form.FirstByte(line) {
	case 'C':
		return form.HasWords(line, "Current listen queue sizes")
	case 't', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		var c form.RowWords
		c.Cut(line, 4)
		at, ok := queues(&c)
		return ok && c.N == at+2 && (at == 1 || queueEnd(c.Word[1]))
	}
	return false
}

// queueEnd: "*.80", "127.0.0.1.8080". A date may stand before anything else.
func queueEnd(word []byte) bool {
	return (word[0] == '*' || word[0] >= '0' && word[0] <= '9') && bytes.LastIndexByte(word, '.') > bytes.LastIndexByte(word, ':') && looksEnd(word)
}

// queues returns which word is "0/0/128".
func queues(c *form.RowWords) (at int, ok bool) {
	if c.N > 1 && protocolOf(c.Word[0]) != noProtocol {
		at = 1
	}
	if at >= c.N {
		return 0, false
	}
	w := c.Word[at]
	return at, bytes.Count(w, []byte("/")) == 2 && form.IsNumber(bytes.ReplaceAll(w, []byte("/"), nil)) && w[0] != '/' && w[len(w)-1] != '/' && !bytes.Contains(w, []byte("//"))
}

func (t *queueTable) Read(line []byte, b *form.Builder) form.Verdict {
	line = t.tidy(line)
	t.Cut(line, 4)
	if t.N == 0 {
		return form.Skipped
	}
	at, ok := queues(&t.RowWords)
	switch {
	case ok && t.N > at+1 && (at == 1 || looksEnd(t.Word[at+1])) && t.Word[at+1][0] != '/':
		return t.row(at, b)
	case ok && t.N > at+1, string(t.Word[0]) == "unix": // UNIX domain sockets have queues, too
		return form.Skipped
	case form.HasWords(line, "Current listen queue"), form.HasWords(line, "Listen "), form.HasWords(line, "Proto "), isNote(line):
		return form.Skipped
	}
	return form.Foreign
}

func (t *queueTable) row(at int, b *form.Builder) form.Verdict {
	p := overTCP
	if at == 1 {
		p = protocolOf(t.Word[0])
	}
	if p != overTCP && p != overTCP6 {
		return form.Skipped
	}
	word := t.Word[at+1]
	local, mapped, _, ok := anEnd(word, p == overTCP6, b.Ports)
	if !ok {
		return form.Bad
	}
	sizes := bytes.Split(t.Word[at], []byte("/"))
	b.Socket(tcp.Socket{Local: local, Remote: netip.AddrPort{}, State: tcp.Listen, V4Mapped: mapped,
		RecvQ: count32(sizes[0]), SendQ: count32(sizes[2])})
	return form.Row
}

func (t *queueTable) Close(*form.Builder) {}
