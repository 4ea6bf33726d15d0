package collect

import (
	"testing"

	"sockeye/internal/tcp"
)

// TestOnHugePages: whatever its size and wherever it begins, a table can be
// filled and read back, and so can its neighbours.
func TestOnHugePages(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 50_000} {
		all := make([]tcp.Socket, n+7)
		for skip := range min(3, n+1) {
			part := all[skip : skip : n+skip]
			onHugePages(part)
			for i := range n {
				part = append(part, tcp.Socket{Cookie: uint64(i) + 1})
			}
			for i := range part {
				if all[skip+i].Cookie != uint64(i)+1 {
					t.Fatalf("%d sockets, %d skipped: number %d reads %d", n, skip, i, all[skip+i].Cookie)
				}
			}
			if last := all[len(all)-1].Cookie; last != 0 {
				t.Fatalf("%d sockets, %d skipped: beyond the end stands %d", n, skip, last)
			}
		}
	}
	onHugePages(nil)
}
