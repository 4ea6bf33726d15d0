package diagnose

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/tcp"
)

// hundred has a range of a hundred ports, 32768 to 32867.
func hundred() *pair {
	return newPair().setting("net.ipv4.ip_local_port_range", "32768 32867").process(812, "java", "jvm", 10).process(900, "python3", "python", 10)
}

func TestBindPools(t *testing.T) {
	boundTo := func(laddr string, n int, pid int32) []row {
		return rows(n, 32768, row{local: laddr + ":1", remote: "10.0.0.2:80", state: tcp.TimeWait, pid: pid, port: tcp.PortBound})
	}
	idle := func(laddr string, n int) []row {
		return rows(n, 32768, row{local: laddr + ":1", state: tcp.Bound, pid: 812, port: tcp.PortBound})
	}
	testRule(t, bindPortExhaustion, []ruleCase{
		{name: "bound and never connected", looks: hundred().keep(idle("10.0.0.1", 95)...),
			want: []verdict{{Warning, Possible, 812, ""}}, facts: []string{"used", "idle"}},
		{name: "bound to any address", looks: hundred().keep(idle("0.0.0.0", 100)...),
			want: []verdict{{Critical, Proven, 812, ""}}, facts: []string{"used", "idle"}},
		{name: "bound to any address, beside connections of two", looks: hundred().keep(idle("0.0.0.0", 95)...).
			keep(row{local: "10.0.0.1:32864", remote: "10.0.0.2:80", state: tcp.Established, pid: 812, port: tcp.PortBound}).
			keep(row{local: "127.0.0.1:32865", remote: "127.0.0.1:80", state: tcp.Established, pid: 812, port: tcp.PortBound}),
			want: []verdict{{Warning, Possible, 812, "10.0.0.2:80"}}, facts: []string{"used", "bound", "idle"}},
		{name: "a failure for any address tells of the fullest pool only", looks: hundred().keep(boundTo("10.0.0.1", 80, 812)...).keep(boundTo("127.0.0.1", 20, 812)...).
			fails(812, "java", "bind", errADDRINUSE, "0.0.0.0:0", 1),
			want: []verdict{{Critical, Proven, 812, "10.0.0.2:80"}}, facts: []string{"used", "bound", "failed"}},
		{name: "one failure proves it", looks: hundred().keep(boundTo("10.0.0.1", 60, 812)...).fails(812, "java", "bind", errADDRINUSE, "10.0.0.1:0", 1),
			want: []verdict{{Critical, Proven, 812, "10.0.0.2:80"}}, facts: []string{"used", "bound", "failed"}},
		{name: "of a port that was named", looks: hundred().keep(boundTo("10.0.0.1", 60, 812)...).fails(812, "java", "bind", errADDRINUSE, "10.0.0.1:32768", 1)},
		{name: "a failure with most ports free", looks: hundred().keep(boundTo("10.0.0.1", 40, 812)...).fails(812, "java", "bind", errADDRINUSE, "10.0.0.1:0", 1)},
		{name: "nothing is bound any more, but bind() fails", looks: hundred().keep(rows(100, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortAuto})...).
			fails(900, "python3", "bind", errADDRINUSE, "10.0.0.1:0", 5),
			want: []verdict{{Critical, Proven, 900, ""}}, facts: []string{"used", "failed"}},
		{name: "the owners are gone: who fails is to blame", looks: hundred().keep(boundTo("10.0.0.1", 100, 0)...).keep(established("127.0.0.1:50000", "10.0.0.2:80", 812)).
			fails(900, "python3", "bind", errADDRINUSE, "10.0.0.1:0", 5),
			want: []verdict{{Critical, Proven, 900, "10.0.0.2:80"}}, facts: []string{"used", "bound", "failed"}},
		{name: "connect() shares its ports, one that binds does not miss them", looks: hundred().
			keep(rows(99, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.Established, pid: 812, port: tcp.PortAuto})...).
			keep(row{local: "10.0.0.1:32867", remote: "10.0.0.3:80", state: tcp.Established, pid: 812, port: tcp.PortBound})},
	})
}

func TestBlameOfFailedBinds(t *testing.T) {
	p := hundred().keep(rows(98, 32770, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait, port: tcp.PortBound})...).
		keep(rows(2, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.Established, port: tcp.PortBound, pid: 900})...).
		fails(900, "python3", "bind", errADDRINUSE, "10.0.0.1:0", 30).fails(812, "java", "bind", errADDRINUSE, "0.0.0.0:0", 10)
	f := bindPortExhaustion(p.examine())[0]
	var got []string
	for _, b := range f.blamed {
		got = append(got, fmt.Sprintf("%s %d %s", b.name, b.sockets, b.by))
	}
	if d := cmp.Diff([]string{"python3 75 failed-calls", "java 25 failed-calls"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if slices.Contains(f.cures, "tw-reuse") || f.cures[0] != "no-port-at-bind" {
		t.Errorf("cures %v", f.cures)
	}
}

// Use and capacity are of the same ports: neither holds reserved ones or those
// of a listener on this address.
func TestBindPoolCountsOnePopulation(t *testing.T) {
	p := hundred().setting("net.ipv4.ip_local_reserved_ports", "32768-32777").
		keep(rows(50, 32768, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.Established, pid: 812, port: tcp.PortBound})...).
		keep(listen("10.0.0.1:32780", 812), listen("127.0.0.1:32860", 812))
	pool := p.examine().pools[0]
	if pool.capacity != 89 || pool.used != 39 {
		t.Errorf("%d of %d, want 39 of 89", pool.used, pool.capacity)
	}
}
