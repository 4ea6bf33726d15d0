package diagnose

import (
	"slices"
	"strings"
	"testing"

	"sockeye/internal/tcp"
)

// TestRangeBeforeVista: there MaxUserPort is the range, and what helps is to raise it.
func TestRangeBeforeVista(t *testing.T) {
	for _, c := range []struct {
		name, kernel, maxUserPort, dynamic string
		rows                               int
		want                               []string
		capacity                           uint64
		cure                               string
	}{
		{"Server 2003, its own range full", "5.2.3790", "", "", 3976, []string{"port-exhaustion critical proven -"}, 3976, "MaxUserPort"},
		{"Server 2003, raised: the same is little", "5.2.3790", "65534", "", 3976, nil, 64510, ""},
		{"XP", "5.1.2600", "", "", 3976, []string{"port-exhaustion critical proven -"}, 3976, "MaxUserPort"},
		{"the version is not told: as before", "", "65534", "49152 16384", 3976, []string{"harmful-setting notice possible -"}, 16384, ""},
		{"a newer one", "10.0.17763", "65534", "49152 16384", 3976, []string{"harmful-setting notice proven -"}, 16384, "Take the value out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := clipOf("windows").rows(c.rows, tcp.TimeWait, 0, "10.1.0.5:%d", "10.%h.9:443", 1025)
			table.Machine.Kernel = c.kernel
			if c.maxUserPort != "" {
				table.setting("windows.MaxUserPort", c.maxUserPort)
			}
			if c.dynamic != "" {
				table.setting("windows.dynamicport.ipv4.tcp", c.dynamic)
			}
			rep := table.tells(t)
			if got := short(rep); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if at := slices.IndexFunc(rep.Limits, func(l Limit) bool { return l.ID == "dynamic-ports" }); at < 0 || rep.Limits[at].Capacity != c.capacity {
				t.Errorf("limits %+v, want %d ports", rep.Limits, c.capacity)
			}
			for _, f := range rep.Findings {
				if c.cure != "" && !slices.ContainsFunc(f.Remedies, func(r Remedy) bool { return strings.Contains(r.Title, c.cure) }) {
					t.Errorf("%s: no remedy %q in %+v", f.ID, c.cure, f.Remedies)
				}
			}
		})
	}
}
