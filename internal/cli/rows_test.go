package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAppendSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 190 * time.Millisecond: "190ms", 4250 * time.Millisecond: "4.2s", 41200 * time.Millisecond: "41s",
		200 * time.Second: "3m20s", 65 * time.Second: "1m05s", 2*time.Hour + 5*time.Minute: "2h05m",
		99 * time.Hour: "4d3h",
	} {
		if got := string(appendSpan(nil, d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestAppendDecimal(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "0.001", 41200: "41.2", 1000: "1", -1500: "-1.5", 10: "0.01"} {
		if got := string(appendDecimal(nil, n)); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "nginx", hostileName, "\U000e0041", "a\u2028b", "\ufffd", `\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := appendJSONString(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q: %s: %v", s, out, err)
		}
		var want strings.Builder
		for _, r := range s {
			want.WriteRune(r)
		}
		if back != want.String() {
			t.Fatalf("%q comes back as %q", s, back)
		}
		if !utf8.Valid(out) {
			t.Fatalf("%q: not UTF-8", out)
		}
	})
}
