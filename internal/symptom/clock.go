package symptom

import (
	"bytes"
	"time"
)

// headMost is how much of a line is looked at for a time: it stands in front, or is
// one of the first fields of a JSON object.
const headMost = 400

// clock reads the times that logs write.
type clock struct {
	now time.Time // for what has no year; its location for what has no zone
}

// read finds the first time in a line; false when it has none, as of dmesg's
// "[12345.678]", which counts from a boot that nobody knows.
func (c clock) read(line []byte) (time.Time, bool) {
	head := line[:min(len(line), headMost)]
	for i, b := range head {
		if i > 0 && alnum(head[i-1]) {
			continue
		}
		switch {
		case digit(b):
			if t, ok := c.numeric(head[i:], i, head); ok {
				return t, true
			}
		case b >= 'A' && b <= 'Z' && i < 120:
			if t, ok := c.syslog(head[i:]); ok {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// numeric: ISO 8601 and log4j, nginx, Apache, epochs in JSON, day-first and month-first dates.
func (c clock) numeric(text []byte, at int, head []byte) (time.Time, bool) {
	switch {
	case len(text) >= 19 && (text[4] == '-' || text[4] == '/') && text[7] == text[4]:
		year, ok1 := number(text, 0, 4)
		month, ok2 := number(text, 5, 7)
		day, ok3 := number(text, 8, 10)
		if ok1 && ok2 && ok3 && (text[10] == 'T' || text[10] == ' ' || text[10] == '_') {
			return c.clocked(year, month, day, text[11:])
		}
	case len(text) >= 20 && text[2] == '/' && text[6] == '/' && text[11] == ':': // 22/Nov/2026:09:05:00 +0000
		day, ok1 := number(text, 0, 2)
		year, ok2 := number(text, 7, 11)
		if month := monthOf(text[3:6]); month > 0 && ok1 && ok2 {
			return c.clocked(year, month, day, text[12:])
		}
	case len(text) >= 20 && text[2] == ' ' && text[6] == ' ' && text[11] == ' ': // 22 Nov 2026 09:05:00 (Redis, mail)
		day, ok1 := number(text, 0, 2)
		year, ok2 := number(text, 7, 11)
		if month := monthOf(text[3:6]); month > 0 && ok1 && ok2 {
			return c.clocked(year, month, day, text[12:])
		}
	case len(text) >= 19 && text[2] == '.' && text[5] == '.' && text[10] == ' ': // 22.11.2026 09:05:00
		day, ok1 := number(text, 0, 2)
		month, ok2 := number(text, 3, 5)
		year, ok3 := number(text, 6, 10)
		if ok1 && ok2 && ok3 {
			return c.clocked(year, month, day, text[11:])
		}
	}
	return epoch(text, at, head)
}

// clocked reads "09:05:00", a fraction and a zone that follow a date.
func (c clock) clocked(year, month, day int, text []byte) (time.Time, bool) {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' {
		return time.Time{}, false
	}
	hour, ok1 := number(text, 0, 2)
	minute, ok2 := number(text, 3, 5)
	second, ok3 := number(text, 6, 8)
	if !ok1 || !ok2 || !ok3 || year < 1990 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	rest := text[8:]
	nanos := 0
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') && digit(rest[1]) {
		scale := 100_000_000
		for rest = rest[1:]; len(rest) > 0 && digit(rest[0]); rest = rest[1:] {
			nanos += int(rest[0]-'0') * scale
			scale /= 10
		}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, c.zone(rest)), true
}

// zone reads "Z", " UTC", "+02:00", " +0200"; what has none is taken for the zone of now.
func (c clock) zone(text []byte) *time.Location {
	text = bytes.TrimLeft(text[:min(len(text), 8)], " ")
	if bytes.HasPrefix(text, []byte("Z")) || bytes.HasPrefix(text, []byte("UTC")) || bytes.HasPrefix(text, []byte("GMT")) {
		return time.UTC
	}
	if len(text) < 5 || text[0] != '+' && text[0] != '-' {
		return c.now.Location()
	}
	hours, ok1 := number(text, 1, 3)
	at := 3
	if text[3] == ':' {
		at = 4
	}
	minutes, ok2 := number(text, at, at+2)
	if !ok1 || !ok2 || hours > 14 || minutes > 59 {
		return c.now.Location()
	}
	offset := hours*3600 + minutes*60
	if text[0] == '-' {
		offset = -offset
	}
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}

// syslog reads "Nov 22 09:05:00", ctime's "Nov 22 09:05:00 2026" and Apache's
// "Nov 22 09:05:00.123456 2026"; a year that is missing is the one that makes it lie
// in the past.
func (c clock) syslog(text []byte) (time.Time, bool) {
	if len(text) < 15 || text[3] != ' ' || text[6] != ' ' {
		return time.Time{}, false
	}
	month := monthOf(text[:3])
	from := 4
	if text[4] == ' ' {
		from = 5
	}
	day, ok := number(text, from, 6)
	if month == 0 || !ok {
		return time.Time{}, false
	}
	end := 15
	if end < len(text) && text[end] == '.' {
		for end++; end < len(text) && digit(text[end]); end++ {
		}
	}
	year, known := 0, false
	if len(text) > end+4 && text[end] == ' ' {
		year, known = number(text, end+1, end+5)
	}
	if !known || year < 1990 || year > 2200 {
		year = c.now.Year()
		known = false
	}
	t, ok := c.clocked(year, month, day, text[7:end])
	if ok && !known && t.After(c.now.Add(24*time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t, ok
}

// epoch reads seconds or milliseconds since 1970 as JSON logs write them: `"ts":1763802300.123`.
func epoch(text []byte, at int, head []byte) (time.Time, bool) {
	length := 0
	for length < len(text) && length < 14 && digit(text[length]) {
		length++
	}
	if length != 10 && length != 13 || text[0] != '1' || length < len(text) && alnum(text[length]) {
		return time.Time{}, false
	}
	before := bytes.ToLower(bytes.TrimRight(head[:at], " \":=["))
	if at > 2 && !bytes.HasSuffix(before, []byte("ts")) && !bytes.HasSuffix(before, []byte("time")) && !bytes.HasSuffix(before, []byte("timestamp")) && !bytes.HasSuffix(before, []byte("audit(")) {
		return time.Time{}, false
	}
	var n int64
	for _, d := range text[:length] {
		n = n*10 + int64(d-'0')
	}
	if length == 13 {
		return time.UnixMilli(n).UTC(), true
	}
	nanos, scale := int64(0), int64(100_000_000)
	if length+1 < len(text) && text[length] == '.' {
		for _, d := range text[length+1:] {
			if !digit(d) || scale == 0 {
				break
			}
			nanos += int64(d-'0') * scale
			scale /= 10
		}
	}
	return time.Unix(n, nanos).UTC(), true
}

// number reads the digits of text[from:to].
func number(text []byte, from, to int) (n int, ok bool) {
	if to > len(text) || from >= to {
		return 0, false
	}
	for _, c := range text[from:to] {
		if !digit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func monthOf(text []byte) int {
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(months); i += 3 {
		if string(text) == months[i:i+3] {
			return i/3 + 1
		}
	}
	return 0
}
