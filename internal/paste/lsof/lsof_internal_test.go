package lsof

import "testing"

func TestDescriptorColumn(t *testing.T) {
	for word, want := range map[string]bool{"3u": true, "10r": true, "4uW": true, "cwd": true, "NOFD": true, "12": false, "u": false, "app": false, "3x": false, "1234567890u": false, "": false} {
		if got := isDescriptor([]byte(word)); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}

func TestUnescaped(t *testing.T) {
	for in, want := range map[string]string{`a\x20b`: "a b", `a\tb`: "a\tb", `a\\b`: `a\b`, `a\`: `a\`, `a\x2`: `a\x2`, `plain`: "plain", `\xzz`: `\xzz`} {
		if got := unescaped([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
