package symptom

import "bytes"

// eventLines is how many lines of an exported event belong together, at most:
// from "Log Name:" to the description.
const eventLines = 14

// isEvent tells whether a number is that of an event. In a table or in XML its source
// is on the same line; in a list of properties it was a few lines ago, and the
// label, which is translated, has the number alone behind it.
func (s *Scanner) isEvent(m *message, low []byte, e evidence) bool {
	if !delimited(low, e.start, e.end) || e.end < len(low) && (low[e.end] == '.' || low[e.end] == '-' || low[e.end] == ':') ||
		e.start > 0 && bytes.IndexByte([]byte(".-:/"), low[e.start-1]) >= 0 && !labelled(low, e.start) {
		return false
	}
	source := m.Event.Source
	if at := bytes.Index(low, []byte(source)); at >= 0 && delimited(low, at, at+len(source)) {
		// The years are numbers of events, too: those need their source beside them.
		return source != "srv" || beside(low, at+len(source), e.start)
	}
	seen, known := s.sourceAt[source]
	near := known && s.number-seen <= eventLines
	label := labelled(low, e.start)
	if source == "srv" {
		return near && label
	}
	if label && near {
		return true
	}
	before := low[max(0, e.start-40):e.start]
	return bytes.Contains(before, []byte("event")) ||
		label && (bytes.HasSuffix(bytes.TrimRight(before, " \t:="), []byte("id")) || bytes.Contains(before, []byte("код"))) ||
		bytes.Contains(before, []byte(" id ")) || bytes.HasPrefix(before, []byte("id "))
}

// labelled: the line is "label: " until here.
func labelled(low []byte, at int) bool {
	before := bytes.TrimRight(low[:at], " \t")
	return len(before) > 1 && len(before) < 60 && (before[len(before)-1] == ':' || bytes.HasSuffix(before, []byte("："))) &&
		!bytes.ContainsAny(before, "0123456789")
}

// beside: nothing but what divides columns, or XML, stands between.
func beside(low []byte, end, start int) bool {
	return start > end && (len(bytes.Trim(low[end:start], " \t,;|\"'")) == 0 || low[start-1] == '>')
}
