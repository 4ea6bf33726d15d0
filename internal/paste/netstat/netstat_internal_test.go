package netstat

import "testing"

func FuzzTimerNumbers(f *testing.F) {
	f.Add([]byte("41.21/0/0"))
	f.Add([]byte("-1,5/255/256"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if left, _, _, ok := timerNumbers(text); ok && left < 0 {
			t.Fatalf("%q is %s", text, left)
		}
	})
}
