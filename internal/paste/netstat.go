package paste

import (
	"bytes"
)

// The netstat of every system prints a row a socket: a protocol, sometimes two
// queues, two ends, a state. What stands behind it and how an end is written
// tell the systems apart; headings and states are translated and tell little.
var netstatKinds = []kind{
	{name: "netstat -L (BSD)", commented: true, begins: beginsQueues, open: func() reader { return &queueTable{} }},
	{name: "netstat (Solaris)", commented: true, begins: beginsSun, open: func() reader { return &sunTable{} }},
	{name: "netstat", commented: true, begins: beginsUnix, open: func() reader { return &unixTable{} }},
	{name: "netstat (Windows)", commented: true, begins: beginsPlain, open: func() reader { return &plainTable{} }},
}

// beginsUnix: "tcp 0 0 …", with the two queues before the ends, or the heading
// of such rows in English, or the complaint of net-tools that comes before it.
func beginsUnix(line []byte) bool {
	switch first(line) {
	case 't', 'T', 'u', 'U', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'c', 'e', 'f', '|':
		return looksUnix(line)
	case 'P':
		return unixHeading(line)
	case 'A':
		return hasWords(line, "Active Internet connections") && plainTitle(line)
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
	var c rowWords
	c.cut(borderless(line), 7)
	at := c.protocolAt()
	if at < 0 || c.n < at+4 || !number(c.word[at+1]) || !number(c.word[at+2]) {
		return false
	}
	if looksEnd(c.word[at+3]) {
		return true
	}
	_, _, blank := c.blankState(at)
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
	switch first(line) {
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
	var c rowWords
	c.cut(borderless(line), 7)
	at := c.protocolAt()
	return at >= 0 && c.n >= at+3 && looksEnd(c.word[at+1]) && looksEnd(c.word[at+2])
}

// plainHeading: "Proto  Local Address  Foreign Address  State  PID", in any
// language that keeps the first word: no queues and several further words.
func plainHeading(line []byte) bool {
	if len(line) > 300 || bytes.Contains(line, []byte("-Q")) || bytes.IndexByte(line, ':') >= 0 {
		return false
	}
	var c rowWords
	c.cut(line, 8)
	return c.n >= 4 && string(c.word[0]) == "Proto" && bytes.Contains(line, []byte("   "))
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
	if number(word[dot+1:]) || string(word[dot+1:]) == "*" {
		return true
	}
	_, ok := ipv4(word[:dot])
	return ok || word[0] == '*' || colon >= 0
}

// first is the first character that is not blank, 0 when there is none.
func first(line []byte) byte {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != 0xc2 && c != 0xa0 {
			return c
		}
	}
	return 0
}

// hasWords: the line begins with these words, whatever blanks come before.
func hasWords(line []byte, words string) bool {
	return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte(words))
}
