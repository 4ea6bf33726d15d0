package netstat

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// aside reads what is no row: headings, notes, other kinds of sockets, and the
// rest of a row that was broken.
func (t *unixTable) aside(line []byte, b *form.Builder) form.Verdict {
	switch {
	case t.rows > 0 && (unixHeading(line) || form.HasWords(line, "Active Internet conn") || ownersComplaint(line)):
		return form.Foreign // netstat -c, or somebody asked again: another table
	case ownersComplaint(line):
		t.seen.hidden = true
		return form.Skipped
	case unixHeading(line):
		t.heading(line, b)
		return form.Skipped
	case t.title(line, b):
		return form.Skipped
	case t.seen.hidden && t.rows == 0 && t.after < 3 && !t.seen.headed && complained(line):
		t.after++
		return form.Skipped // the second half of the complaint, or a translated title
	case t.section == elsewise && otherRow(line):
		return form.Skipped
	case t.rows > 0 && t.aixOptions(line, b):
		return form.Skipped
	case t.tail && t.broken(line, b):
		t.tail = false
		return form.Skipped
	case isNote(line):
		return form.Skipped
	}
	return form.Foreign
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
func (t *unixTable) heading(line []byte, b *form.Builder) {
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
		b.OS("darwin") // only there (network_cmds, netstat.tproj/inet.c)
	}
}

// title recognises the lines that say what comes next.
func (t *unixTable) title(line []byte, b *form.Builder) bool {
	trimmed := bytes.TrimSpace(line)
	switch {
	case form.HasWords(line, "Active Internet"):
		t.section = sockets
	case form.HasWords(line, "Active LOCAL (UNIX)"), form.HasWords(line, "Active Multipath"), form.HasWords(line, "Active kernel"), form.HasWords(line, "Registered kernel"):
		t.section = elsewise
		b.OS("darwin")
	case form.HasWords(line, "Active UNIX"), form.HasWords(line, "Active Bluetooth"), form.HasWords(line, "Active IPX"), form.HasWords(line, "Active AX.25"),
		form.HasWords(line, "Active X.25"), form.HasWords(line, "Active NET/ROM"), form.HasWords(line, "Active ROSE"), form.HasWords(line, "Active netgraph"):
		t.section = elsewise
	case t.rows > 0 && len(trimmed) < 100 && bytes.Contains(trimmed, []byte("UNIX")) && !bytes.ContainsAny(trimmed, "0123456789:=$#"):
		t.section = elsewise // "Aktive Sockets in der UNIX-Domäne", "活跃的UNIX域套接字"
	case form.HasWords(line, "Proto RefC"), form.HasWords(line, "Proto "), form.HasWords(line, "Address  "), form.HasWords(line, "Proto/ID"):
		t.section = elsewise
	default:
		return false
	}
	return true
}

// otherRow: rows of UNIX domain sockets and of the kernel's own, on any system.
func otherRow(line []byte) bool {
	var c form.RowWords
	c.Cut(line, 4)
	if c.N == 0 {
		return true
	}
	if bytes.Contains(line, []byte(": ")) {
		return false // "stream error: …" is somebody's message
	}
	switch string(c.Word[0]) {
	case "unix", "unix2", "kctl", "kevt", "l2cap", "rfcomm", "hci", "sco", "stream", "dgram", "seqpac", "mptcp", "id", "icm", "ng":
		return true
	}
	if c.N > 2 && len(c.Word[0]) >= 8 && isMargin(c.Word[0]) { // BSD puts a control block's address first
		kind := string(c.Word[1])
		return kind == "stream" || kind == "dgram" || kind == "seqpac"
	}
	return c.N == 4 && isMargin(c.Word[0]) && bytes.Contains(line, []byte(" com.")) // macOS' kernel controls
}

// isNote: what netstat remarks between rows.
func isNote(line []byte) bool {
	return form.HasWords(line, "Some tcp sockets may have been") || form.HasWords(line, "netstat: ") || form.HasWords(line, "warning, got bogus") ||
		form.HasWords(line, "netstat:") || len(bytes.Trim(line, "- \t")) == 0 // what grep puts between groups
}
