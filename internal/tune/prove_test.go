package tune

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A look a minute for an hour, of which ten minutes must be good.
func TestProve(t *testing.T) {
	always := func(rank int) func(int) int { return func(int) int { return rank } }
	tests := []struct {
		name  string
		rank  func(minute int) int
		fell  bool
		looks int
	}{
		{"gone at once", always(0), true, 11},
		{"milder", func(m int) int { return max(2, 3-m) }, true, 12},
		{"between two bursts", func(m int) int { return m % 2 * 3 }, false, 60},
		{"full again after five minutes", func(m int) int { return m % 6 / 5 * 3 }, false, 60},
		{"stays", always(3), false, 60},
		{"worse", always(4), false, 60},
		{"gone at last", func(m int) int { return max(0, 58-m) }, false, 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				v, err := Prove(t.Context(), time.Hour, 3, func(context.Context) (int, error) {
					return tt.rank(int(time.Since(began) / time.Minute)), nil
				})
				if err != nil || v.Fell != tt.fell || v.Looks < tt.looks || tt.fell && v.Looks > tt.looks { // the last look may come with the end
					t.Errorf("%+v, %v", v, err)
				}
			})
		})
	}
}

// A look that the end of the time ends is none.
func TestProveWithoutALook(t *testing.T) {
	v, err := Prove(t.Context(), time.Hour, 3, func(context.Context) (int, error) { return 0, context.DeadlineExceeded })
	if err != nil || v.Fell || v.Looks != 0 {
		t.Errorf("%+v, %v", v, err)
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
