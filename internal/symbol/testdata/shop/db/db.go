package db

import (
	"sort"

	"example.com/lib"
)

type Base struct{ Look func() }

// Do is called through a wrapper that the compiler makes for Dao.
func (b *Base) Do(n int) int { return small(b, n) + 2 }

type Dao struct{ *Base }

func small(b *Base, n int) int {
	return smaller(b, n) * 3
}

func smaller(b *Base, n int) int {
	b.Look()
	return n
}

//go:noinline
func Generic[T any](v T, d *Dao) int {
	rows := []int{3, 1, 2}
	seen := 0
	sort.Slice(rows, func(i, j int) bool {
		if seen == 0 {
			seen = lib.Retry(*d, i)
		}
		return rows[i] < rows[j]
	})
	return seen
}
