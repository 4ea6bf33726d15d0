package paste

import "bytes"

// aside reads what is no row: headings, notes, other kinds of sockets, and the
// rest of a row that was broken.
func (t *unixTable) aside(line []byte, b *builder) verdict {
	switch {
	case t.rows > 0 && (unixHeading(line) || hasWords(line, "Active Internet conn") || ownersComplaint(line)):
		return foreign // netstat -c, or somebody asked again: another table
	case ownersComplaint(line):
		t.seen.hidden = true
		return skipped
	case unixHeading(line):
		t.heading(line, b)
		return skipped
	case t.title(line, b):
		return skipped
	case t.seen.hidden && t.rows == 0 && t.after < 3 && !t.seen.headed && complained(line):
		t.after++
		return skipped // the second half of the complaint, or a translated title
	case t.section == elsewise && otherRow(line):
		return skipped
	case t.rows > 0 && t.aixOptions(line, b):
		return skipped
	case t.tail && t.broken(line, b):
		t.tail = false
		return skipped
	case isNote(line):
		return skipped
	}
	return foreign
}

// complained: the second half of the complaint about owners, or a title, which has
// brackets at its end in every language. A message has a colon.
func complained(line []byte) bool {
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) > 200 || bytes.Contains(trimmed, []byte(": ")) {
		return false
	}
	half := len(trimmed) > 40 && line[0] == ' ' && line[1] != ' ' // mail may break it
	return half || bytes.HasSuffix(trimmed, []byte(")")) || bytes.HasSuffix(trimmed, []byte("\uff09"))
}

// heading learns from the names of the columns.
func (t *unixTable) heading(line []byte, b *builder) {
	t.section, t.seen.headed = sockets, true
	local, far := bytes.Index(line, []byte("Local")), bytes.Index(line, []byte("Foreign"))
	if local > 0 && far > local+12 {
		t.seen.localWide = far - local - 1
		if line[far-2] == ' ' && t.seen.localWide == 23 && bytes.Contains(line, []byte("(state)")) {
			t.seen.localWide = 22 // BSD puts one blank or two between columns
		}
	}
	if bytes.Contains(line, []byte("PID/")) {
		t.seen.owners = true
	}
	t.seen.aix = t.seen.aix || bytes.Contains(line, []byte("PCB/ADDR"))
	if bytes.Contains(line, []byte("epid")) || bytes.Contains(line, []byte("process:pid")) || bytes.Contains(line, []byte("rhiwat")) {
		t.seen.pids = true
		b.os("darwin") // only there (network_cmds, netstat.tproj/inet.c)
	}
}

// title recognises the lines that say what comes next.
func (t *unixTable) title(line []byte, b *builder) bool {
	trimmed := bytes.TrimSpace(line)
	switch {
	case hasWords(line, "Active Internet"):
		t.section = sockets
	case hasWords(line, "Active LOCAL (UNIX)"), hasWords(line, "Active Multipath"), hasWords(line, "Active kernel"), hasWords(line, "Registered kernel"):
		t.section = elsewise
		b.os("darwin")
	case hasWords(line, "Active UNIX"), hasWords(line, "Active Bluetooth"), hasWords(line, "Active IPX"), hasWords(line, "Active AX.25"),
		hasWords(line, "Active X.25"), hasWords(line, "Active NET/ROM"), hasWords(line, "Active ROSE"), hasWords(line, "Active netgraph"):
		t.section = elsewise
	case t.rows > 0 && len(trimmed) < 100 && bytes.Contains(trimmed, []byte("UNIX")) && !bytes.ContainsAny(trimmed, "0123456789:=$#"):
		t.section = elsewise // "Aktive Sockets in der UNIX-Domäne", "活跃的UNIX域套接字"
	case hasWords(line, "Proto RefC"), hasWords(line, "Proto "), hasWords(line, "Address  "), hasWords(line, "Proto/ID"):
		t.section = elsewise
	default:
		return false
	}
	return true
}

// otherRow: rows of UNIX domain sockets and of the kernel's own, on any system.
func otherRow(line []byte) bool {
	var c rowWords
	c.cut(line, 4)
	if c.n == 0 {
		return true
	}
	if bytes.Contains(line, []byte(": ")) {
		return false // "stream error: …" is somebody's message
	}
	switch string(c.word[0]) {
	case "unix", "unix2", "kctl", "kevt", "l2cap", "rfcomm", "hci", "sco", "stream", "dgram", "seqpac", "mptcp", "id", "icm", "ng":
		return true
	}
	if c.n > 2 && len(c.word[0]) >= 8 && isMargin(c.word[0]) { // BSD puts a control block's address first
		kind := string(c.word[1])
		return kind == "stream" || kind == "dgram" || kind == "seqpac"
	}
	return c.n == 4 && isMargin(c.word[0]) && bytes.Contains(line, []byte(" com.")) // macOS' kernel controls
}

// isNote: what netstat remarks between rows.
func isNote(line []byte) bool {
	return hasWords(line, "Some tcp sockets may have been") || hasWords(line, "netstat: ") || hasWords(line, "warning, got bogus") ||
		hasWords(line, "netstat:") || len(bytes.Trim(line, "- \t")) == 0 // what grep puts between groups
}
