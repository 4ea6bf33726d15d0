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
		case i < 120 && (b >= 'A' && b <= 'Z' || i == 0 && (b >= 'a' && b <= 'z' || b >= 0x80)):
			if t, ok := c.syslog(head[i:]); ok {
				return yearBefore(head[:i], t), true
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
	case len(text) >= 19 && text[2] == '.' && text[5] == '.' && text[10] == ' ': // 22.11.2026 09:05:00
		day, ok1 := number(text, 0, 2)
		month, ok2 := number(text, 3, 5)
		year, ok3 := number(text, 6, 10)
		if ok1 && ok2 && ok3 {
			return c.clocked(year, month, day, text[11:])
		}
	}
	if t, ok := c.compact(text); ok {
		return t, true
	}
	if t, ok := c.dayFirst(text); ok {
		return t, true
	}
	return epoch(text, at, head)
}

// compact reads "20261122090500".
func (c clock) compact(text []byte) (time.Time, bool) {
	var at [7]int
	for i, from := range [...]int{0, 4, 6, 8, 10, 12, 14} {
		if at[i] = from; i == 0 {
			continue
		}
		if _, ok := number(text, at[i-1], from); !ok {
			return time.Time{}, false
		}
	}
	if len(text) > 14 && alnum(text[14]) {
		return time.Time{}, false
	}
	part := func(i int) int { n, _ := number(text, at[i], at[i+1]); return n }
	var clock [8]byte
	copy(clock[:], []byte{text[8], text[9], ':', text[10], text[11], ':', text[12], text[13]})
	return c.clocked(part(0), part(1), part(2), clock[:])
}

// dayFirst reads "22/Nov/2026:09:05:00", "22 Nov 2026 09:05:00", "22-Nov-2026 09:05:00",
// "22 nov. 2026 09:05:00", and "11/22/2026 9:05:00 AM", which begins with the month where
// the half of the day follows, or where no day has that number.
func (c clock) dayFirst(text []byte) (time.Time, bool) {
	first, length := leadingNumber(text)
	if length < 1 || length > 2 || len(text) < length+14 {
		return time.Time{}, false
	}
	mark := text[length]
	if mark != '/' && mark != ' ' && mark != '-' {
		return time.Time{}, false
	}
	rest := text[length+1:]
	day := int(first)
	month, length := monthWord(rest)
	if month == 0 {
		n, digits := leadingNumber(rest)
		if mark != '/' || digits < 1 || digits > 2 {
			return time.Time{}, false
		}
		month, length = int(n), digits
	}
	if length+12 > len(rest) || rest[length] != mark {
		return time.Time{}, false
	}
	named := !digit(rest[0])
	rest = rest[length+1:]
	year, ok := number(rest, 0, 4)
	if !ok || bytes.IndexByte([]byte(" :,"), rest[4]) < 0 {
		return time.Time{}, false
	}
	rest = bytes.TrimLeft(rest[5:min(len(rest), 48)], " ")
	switch {
	case named:
		if len(rest) > 2 && rest[2] == ':' {
			return c.clocked(year, month, day, rest)
		}
	case month > 12 || halfDay(rest):
		month, day = day, month
	case day <= 12:
		return time.Time{}, false // nobody knows
	}
	return c.halved(year, month, day, rest)
}

// halfDay: " AM" or " PM" behind the seconds.
func halfDay(text []byte) bool {
	at := bytes.IndexByte(text, ' ')
	return at > 0 && at < 9 && len(text) > at+2 && text[at+2]|0x20 == 'm' && (text[at+1]|0x20 == 'a' || text[at+1]|0x20 == 'p')
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

// syslog reads "Nov 22 09:05:00", ctime's "Nov 22 09:05:00 2026", Apache's
// "Nov 22 09:05:00.123456 2026", the "Nov 22, 2026 9:05:00 AM" of Java's own logger, all
// with the month in many languages; a year that is missing is the one that makes it
// lie in the past.
func (c clock) syslog(text []byte) (time.Time, bool) {
	month, length := monthIn(text)
	if month == 0 || length+12 > len(text) || text[length] != ' ' {
		return time.Time{}, false
	}
	text = bytes.TrimLeft(text[length:min(len(text), length+48)], " ")
	n, length := leadingNumber(text)
	if length < 1 || length > 2 || length+9 > len(text) {
		return time.Time{}, false
	}
	day, text := int(n), text[length:]
	if text[0] == ',' {
		return c.dated(month, day, text[1:])
	}
	if text[0] != ' ' {
		return time.Time{}, false
	}
	text = text[1:]
	end := 8
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
	t, ok := c.clocked(year, month, day, text[:min(end, len(text))])
	if ok && !known && t.After(c.now.Add(24*time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t, ok
}

// yearBefore: "2026 Nov 22 09:05:00".
func yearBefore(before []byte, t time.Time) time.Time {
	before = bytes.TrimRight(before, " ")
	year, start := trailingNumber(before)
	if start < 0 || len(before)-start != 4 || year < 1990 || year > 2200 || start > 0 && alnum(before[start-1]) {
		return t
	}
	return time.Date(int(year), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

// dated reads the year and the time behind a month and a day: " 2026 9:05:00 AM".
func (c clock) dated(month, day int, text []byte) (time.Time, bool) {
	text = bytes.TrimLeft(text, " ")
	year, ok := number(text, 0, 4)
	if !ok || len(text) < 12 || text[4] != ' ' && text[4] != ',' {
		return time.Time{}, false
	}
	return c.halved(year, month, day, bytes.TrimLeft(text[5:], " "))
}

// halved reads "9:05:00 AM", or the same without a half of the day.
func (c clock) halved(year, month, day int, text []byte) (time.Time, bool) {
	hour, length := leadingNumber(text)
	if length < 1 || length > 2 || len(text) < length+6 || text[length] != ':' {
		return time.Time{}, false
	}
	half := bytes.TrimLeft(text[length+6:], " \xe2\x80\xaf\xc2\xa0") // newer JDKs put U+202F there
	switch {
	case len(half) < 2 || half[1]|0x20 != 'm':
	case half[0]|0x20 == 'a' && hour <= 12:
		hour %= 12
	case half[0]|0x20 == 'p' && hour <= 12:
		hour = hour%12 + 12
	}
	plain := append([]byte{byte('0' + hour/10%10), byte('0' + hour%10)}, text[length:length+6]...)
	return c.clocked(year, month, day, plain)
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

// months are their beginnings, lower case, in English, German, French, Spanish, Portuguese,
// Italian, Dutch, Polish and Russian, as far as these differ; none begins another month's.
var months = [12][]string{
	{"jan", "ene", "gen", "sty", "янв"}, {"feb", "fév", "fev", "lut", "фев"}, {"mar", "mär", "mrz", "maa", "мар"}, {"apr", "avr", "abr", "kwi", "апр"},
	{"may", "mai", "mag", "mei", "maj", "май", "мая"}, {"jun", "juin", "giu", "cze", "июн"}, {"jul", "juil", "lug", "lip", "июл"}, {"aug", "aoû", "ago", "sie", "авг"},
	{"sep", "set", "wrz", "сен"}, {"oct", "okt", "out", "ott", "paź", "окт"}, {"nov", "lis", "ноя"}, {"dec", "dez", "déc", "dic", "dek", "gru", "дек"},
}

// monthIn reads the month that a text begins with, "Nov" or "févr.", before a blank and
// a number; length is 0 where it begins with none.
func monthIn(text []byte) (month, length int) {
	length = wordLength(text)
	if length < 3 || length+2 >= len(text) || text[length] != ' ' || text[length+1] != ' ' && !digit(text[length+1]) {
		return 0, 0
	}
	return monthWord(text)
}

// wordLength counts a month's letters, with the dot of what is shortened.
func wordLength(text []byte) (length int) {
	for length < len(text) && length < 12 && (text[length]|0x20 >= 'a' && text[length]|0x20 <= 'z' || text[length] >= 0x80) {
		length++
	}
	if length > 0 && length < len(text) && text[length] == '.' {
		length++
	}
	return length
}

// monthWord reads the month that a text begins with.
func monthWord(text []byte) (month, length int) {
	length = wordLength(text)
	if length < 3 {
		return 0, 0
	}
	if length == 3 { // English, of most logs
		if month = monthOf(text[:3]); month > 0 {
			return month, 3
		}
	}
	var memory [16]byte
	low := lowered(memory[:0], text[:length])
	for i, names := range months {
		for _, name := range names {
			if bytes.HasPrefix(low, []byte(name)) {
				return i + 1, length
			}
		}
	}
	return 0, 0
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
