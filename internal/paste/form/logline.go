package form

// Stamped tells whether a line begins with the time, as a log's lines do: such a
// line is no row of a table, and gigabytes of them must not be asked for one by
// each kind of text. "2026-11-22 09:05:00…", "2026/11/22…", "[22/Nov/2026:…",
// "[2026-11-22T…", "Nov 22 09:05:00 …".
func Stamped(line []byte) bool {
	if len(line) < 20 {
		return false
	}
	if line[0] == '[' || line[0] == '(' {
		line = line[1:]
	}
	switch {
	case IsNumber(line[:4]): // a year
		return (line[4] == '-' || line[4] == '/') && IsNumber(line[5:7]) && line[7] == line[4] && IsNumber(line[8:10]) &&
			(line[10] == ' ' || line[10] == 'T') && IsNumber(line[11:13]) && line[13] == ':'
	case IsNumber(line[:2]): // a day
		return line[2] == '/' && line[6] == '/' && IsNumber(line[7:11]) && line[11] == ':'
	}
	// a month: "Nov 22 09:05:00", "Nov  2 09:05:00"
	return line[3] == ' ' && line[6] == ' ' && IsNumber(line[7:9]) && line[9] == ':' && IsNumber(line[10:12]) && line[12] == ':' &&
		line[0] >= 'A' && line[0] <= 'Z' && line[5] >= '0' && line[5] <= '9'
}
