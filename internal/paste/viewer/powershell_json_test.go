package viewer

import (
	"testing"
	"time"

	"sockeye/internal/paste/form"
	"sockeye/internal/tcp"
)

// Rows of JSON cost no map and no tree of values: one line costs no more than its
// socket and what its process costs once.
func TestJSONAllocations(t *testing.T) {
	b, j := form.NewBuilder(time.Time{}), &jsonRows{seen: powershellSeen()}
	line := []byte(`{"LocalAddress":"192.0.2.1","LocalPort":50000,"RemoteAddress":"198.51.100.4","RemotePort":443,"State":5,"OwningProcess":7,"CimClass":{"a":[1,{"b":"}"}]}}`)
	j.Read(line, b)
	b.Sockets = make([]tcp.Socket, 0, 1024)
	if allocs := testing.AllocsPerRun(500, func() {
		if j.Read(line, b) != form.Row {
			t.Fatal("no row")
		}
	}); allocs > 1 {
		t.Errorf("%v allocations for a row", allocs)
	}
}
