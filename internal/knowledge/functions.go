package knowledge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// functions are what a sentence may do with a number.
func functions(lang string) template.FuncMap {
	return template.FuncMap{
		"n":     Number,
		"pct":   Percent,
		"rate":  Rate,
		"bytes": Bytes,
		"dur":   func(d time.Duration) string { return Duration(d, lang) },
		"sh":    shellWord,
		"service": func(unit string) bool {
			return strings.HasSuffix(unit, ".service") && !strings.HasPrefix(unit, "user@")
		},
	}
}

// shellWord quotes a name for use in a command that people copy: names come
// from files that others may write.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@:._-/", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Number prints a whole number with thousands separators: 28,232.
func Number(v any) string {
	s := fmt.Sprint(v)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// Percent prints a share from 0 to 1. It never rounds up to a limit that was
// not reached: 0.9996 is 99.9%, not 100%.
func Percent(share float64) string {
	p := math.Floor(share*1000) / 10
	if p >= 10 && p < 99 {
		return strconv.FormatFloat(math.Floor(p), 'f', 0, 64) + "%"
	}
	return strconv.FormatFloat(p, 'f', -1, 64) + "%"
}

// Rate prints events per second: 466/s, 3.3/s, 0.02/s.
func Rate(r float64) string {
	switch {
	case r >= 10:
		return Number(int64(math.Round(r))) + "/s"
	case r >= 1:
		return strconv.FormatFloat(math.Round(r*10)/10, 'f', -1, 64) + "/s"
	}
	return strconv.FormatFloat(math.Round(r*100)/100, 'f', -1, 64) + "/s"
}

// Bytes prints a size in binary units: 12 KiB, 3.4 GiB.
func Bytes(b uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(b), 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if f < 10 && i > 0 {
		return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) + " " + units[i]
	}
	return strconv.FormatFloat(math.Round(f), 'f', 0, 64) + " " + units[i]
}

// Duration prints a time span with at most two units: 0.4 s, 42 s, 3 min 20 s,
// 2 h 5 min, 3 d 4 h; in Chinese 42 秒, 2 分钟, 3 分 20 秒.
func Duration(d time.Duration, lang string) string {
	units := [...]string{"d", "h", "min", "s"}
	if lang == "zh" {
		units = [...]string{"天", "小时", "分", "秒"}
	}
	if d < 0 {
		d = 0
	}
	if d < 10*time.Second {
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + " " + units[3]
	}
	s := int64(d.Round(time.Second) / time.Second)
	parts := [...]int64{s / 86400, s / 3600 % 24, s / 60 % 60, s % 60}
	first := 0
	for first < 3 && parts[first] == 0 {
		first++
	}
	out := fmt.Sprintf("%d %s", parts[first], units[first])
	if first < 3 && parts[first+1] > 0 {
		out += fmt.Sprintf(" %d %s", parts[first+1], units[first+1])
	}
	if strings.HasSuffix(out, "分") { // short for 分钟 only before seconds
		out += "钟"
	}
	return out
}
