package tune

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestProve(t *testing.T) {
	tests := []struct {
		name  string
		ranks []int // look by look; then the time is over
		fell  bool
		looks int
	}{
		{"gone at once", []int{0, 0, 3}, true, 2},
		{"milder", []int{3, 2, 2}, true, 3},
		{"between two bursts", []int{0, 3, 0, 3}, false, 4},
		{"stays", []int{3, 3, 3}, false, 3},
		{"worse", []int{4}, false, 1},
		{"no look came to its end", nil, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			v, err := Prove(t.Context(), time.Hour, 3, func(context.Context) (int, error) {
				if n == len(tt.ranks) {
					return 0, context.DeadlineExceeded
				}
				n++
				return tt.ranks[n-1], nil
			})
			if err != nil || v.Fell != tt.fell || v.Looks != tt.looks {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

func TestProveFails(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Prove(t.Context(), time.Hour, 3, func(context.Context) (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Prove(ctx, time.Hour, 3, func(ctx context.Context) (int, error) { cancel(); return 0, ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
