package paste

// stamped tells whether a line begins with the time, as a log's lines do: such a
// line is no row of a table, and gigabytes of them must not be asked for one by
// each kind of text. "2026-11-22 09:05:00…", "2026/11/22…", "[22/Nov/2026:…",
// "[2026-11-22T…", "Nov 22 09:05:00 …".
func stamped(line []byte) bool {
	if len(line) < 20 {
		return false
	}
	if line[0] == '[' || line[0] == '(' {
		line = line[1:]
	}
	switch {
	case number(line[:4]): // a year
		return (line[4] == '-' || line[4] == '/') && number(line[5:7]) && line[7] == line[4] && number(line[8:10]) &&
			(line[10] == ' ' || line[10] == 'T') && number(line[11:13]) && line[13] == ':'
	case number(line[:2]): // a day
		return line[2] == '/' && line[6] == '/' && number(line[7:11]) && line[11] == ':'
	}
	// a month: "Nov 22 09:05:00", "Nov  2 09:05:00"
	return line[3] == ' ' && line[6] == ' ' && number(line[7:9]) && line[9] == ':' && number(line[10:12]) && line[12] == ':' &&
		line[0] >= 'A' && line[0] <= 'Z' && line[5] >= '0' && line[5] <= '9'
}
