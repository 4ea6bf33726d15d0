package lib

type Doer interface{ Do(n int) int }

// Retry stands for somebody else's code between ours.
//
//go:noinline
func Retry(d Doer, n int) int { return d.Do(n) + 1 }
