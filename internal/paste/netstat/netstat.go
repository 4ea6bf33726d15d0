package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// The netstat of every system prints a row a socket: a protocol, sometimes two
// queues, two ends, a state. What stands behind it and how an end is written
// tell the systems apart; headings and states are translated and tell little.
var Kinds = []form.Kind{
	{Name: "netstat -L (BSD)", Commented: true, Begins: beginsQueues, Open: func() form.Reader { return &queueTable{} }},
	{Name: "netstat (Solaris)", Commented: true, Begins: beginsSun, Open: func() form.Reader { return &sunTable{} }},
	{Name: "netstat", Commented: true, Begins: beginsUnix, Open: func() form.Reader { return &unixTable{} }},
	{Name: "netstat (Windows)", Commented: true, Begins: beginsPlain, Open: func() form.Reader { return &plainTable{} }},
}

// beginsUnix: "tcp 0 0 …", with the two queues before the ends, or the heading
// of such rows in English, or the complaint of net-tools that comes before it.
func beginsUnix(line []byte) bool {
	switch form.FirstByte(line) {
	case 't', 'T', 'u', 'U', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'c', 'e', 'f', '|':
		return looksUnix(line)
	case 'P':
		return unixHeading(line)
	case 'A':
		return form.HasWords(line, "Active Internet connections") && plainTitle(line)
	case '(', 0xef: // 0xef begins the wide bracket of Chinese
		return ownersComplaint(line)
	}
	return false
}

// plainTitle: nothing but the title, with what is listed in brackets. In prose
// the words go on.
func plainTitle(line []byte) bool {
	_, rest, _ := bytes.Cut(line, []byte("connections"))
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || (rest[0] == '(' && rest[len(rest)-1] == ')')
}

// looksUnix tells whether a line is a row of a Unix netstat as far as its two ends.
func looksUnix(line []byte) bool {
	var c form.RowWords
	c.Cut(borderless(line), 7)
	at := protocolAt(&c)
	if at < 0 || c.N < at+4 || !form.IsNumber(c.Word[at+1]) || !form.IsNumber(c.Word[at+2]) {
		return false
	}
	if looksEnd(c.Word[at+3]) {
		return true
	}
	_, _, blank := blankState(&c, at)
	return blank && !bytes.Contains(line, []byte(" src=")) // that is connection tracking's
}

// borderless is a line without what pastes put into rows (see tidier).
func borderless(line []byte) []byte {
	if len(line) > 300 || bytes.IndexByte(line, '|') < 0 {
		return line
	}
	var t tidier
	return t.tidy(line)
}

// unixHeading: "Proto Recv-Q Send-Q Local Address …". The first word and the
// queues stay English in most translations.
func unixHeading(line []byte) bool {
	line = bytes.TrimSpace(line)
	line = bytes.TrimLeft(bytes.TrimPrefix(line, []byte("PCB/ADDR")), " ") // netstat -A of AIX
	if !bytes.HasPrefix(line, []byte("Proto")) || len(line) > 300 {
		return false
	}
	return bytes.Contains(line, []byte("Recv-Q")) && bytes.Contains(line, []byte("Send-Q")) ||
		bytes.Contains(line, []byte("Recib")) && bytes.Contains(line, []byte("Enviad"))
}

// beginsPlain: "TCP local remote STATE …", as Windows writes it and as awk leaves
// the rows of others, or the English heading or title of Windows.
func beginsPlain(line []byte) bool {
	switch form.FirstByte(line) {
	case 't', 'T', 'u', 'U', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '|':
		return looksPlain(line)
	case 'P':
		return plainHeading(line)
	case 'A':
		return string(bytes.TrimSpace(line)) == "Active Connections"
	}
	return false
}

func looksPlain(line []byte) bool {
	var c form.RowWords
	c.Cut(borderless(line), 7)
	at := protocolAt(&c)
	return at >= 0 && c.N >= at+3 && looksEnd(c.Word[at+1]) && looksEnd(c.Word[at+2])
}

// plainHeading: "Proto  Local Address  Foreign Address  State  PID", in any
// language that keeps the first word: no queues and several further words.
func plainHeading(line []byte) bool {
	if len(line) > 300 || bytes.Contains(line, []byte("-Q")) || bytes.IndexByte(line, ':') >= 0 {
		return false
	}
	var c form.RowWords
	c.Cut(line, 8)
	return c.N >= 4 && string(c.Word[0]) == "Proto" && bytes.Contains(line, []byte("   "))
}

// looksEnd tells whether a word can be an end of a connection: an address or a
// name, a divider and a port ("10.0.0.1:80", "[::]:0", "*:*", "*.22", "db:mysql").
func looksEnd(word []byte) bool {
	if len(word) < 2 || bytes.IndexByte(word, '=') >= 0 {
		return false
	}
	colon, dot := bytes.LastIndexByte(word, ':'), bytes.LastIndexByte(word, '.')
	if colon > dot {
		return colon < len(word)-1 || len(word) > 20 // cut at the width of the column
	}
	if dot <= 0 {
		return false
	}
	if form.IsNumber(word[dot+1:]) || string(word[dot+1:]) == "*" {
		return true
	}
	_, ok := form.IPv4(word[:dot])
	return ok || word[0] == '*' || colon >= 0
}
