package diagnose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
	"sockeye/internal/tcp"
)

func reportOf(t *testing.T, p *pair, lang string) *Report {
	t.Helper()
	book, err := knowledge.Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Examine(Input{Before: p.before, Now: p.now, Seen: p.seen, Version: "0.1.0"}, book)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// contractLimits are the ids of the report contract on Linux, with the units
// that go with them.
var contractLimits = map[string]string{
	"ephemeral-ports": "ports", "bind-ports": "ports", "process-fds": "files", "system-files": "files",
	"accept-queue": "connections", "syn-queue": "connections", "time-wait-buckets": "sockets", "orphans": "sockets",
	"tcp-memory": "pages", "conntrack": "entries", "neighbours": "entries", "memory": "bytes", "disk": "bytes",
}

func everyLimit() *pair {
	fds, most := uint64(950), uint64(1024)
	p := newPair().process(812, "java", "jvm", 10).
		setting("net.ipv4.tcp_max_tw_buckets", "131072").setting("net.netfilter.nf_conntrack_max", "262144").
		keep(listen("10.0.0.1:8080", 812)).
		keep(established("10.0.0.1:40000", "10.0.0.2:3306", 812)).
		keep(row{local: "10.0.0.1:40001", remote: "10.0.0.3:80", state: tcp.Established, pid: 812, port: tcp.PortBound})
	p.now.Processes[812].FDs, p.now.Processes[812].FDLimit = &fds, &most
	p.now.Namespaces[0].TimeWait, p.now.Namespaces[0].ConntrackCount = host.Some(3), host.Some(9)
	p.now.System = host.System{
		Settings: host.Settings{"fs.file-max": "100000", "net.ipv4.tcp_max_orphans": "131072", "net.ipv4.tcp_mem": "1 2 300000",
			"net.ipv4.neigh.default.gc_thresh3": "1024"},
		FilesOpen: host.Some(2000), TCPOrphans: host.Some(1), // TCPMemPages unknown
		Neighbours: []host.NeighbourTable{{Family: "ipv4", Entries: host.Some(12)}},
		Memory:     host.Memory{Total: host.Some(1 << 34), Available: host.Some(1 << 33)},
		Disks:      []host.Disk{{Mount: "/", Size: 1 << 40, Free: 1 << 39}},
	}
	return p
}

func TestLimitsContract(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		rep := reportOf(t, everyLimit(), lang)
		seen := map[string]bool{}
		for _, l := range rep.Limits {
			seen[l.ID] = true
			if contractLimits[l.ID] != l.Unit {
				t.Errorf("%s: limit %q has unit %q", lang, l.ID, l.Unit)
			}
			if l.Title == "" {
				t.Errorf("%s: limit %q has no title", lang, l.ID)
			}
		}
		for id := range contractLimits {
			if !seen[id] {
				t.Errorf("%s: limit %q is missing", lang, id)
			}
		}
	}
}

func TestUnknownIsNull(t *testing.T) {
	raw, err := json.Marshal(reportOf(t, everyLimit(), "en"))
	if err != nil {
		t.Fatal(err)
	}
	var rep struct {
		Limits []map[string]any `json:"limits"`
	}
	if err := json.Unmarshal(raw, &rep); err != nil {
		t.Fatal(err)
	}
	for _, l := range rep.Limits {
		for _, key := range []string{"used", "utilization", "rate_per_s", "steady_state", "full_in_s"} {
			if _, ok := l[key]; !ok {
				t.Errorf("%s: no %q at all", l["id"], key)
			}
		}
		if l["id"] == "tcp-memory" && (l["used"] != nil || l["utilization"] != nil) {
			t.Errorf("use of TCP memory was not read, but is %v", l["used"])
		}
		if l["id"] == "ephemeral-ports" && (l["used"] == nil || l["rate_per_s"] == nil || l["full_in_s"] != nil) {
			t.Errorf("ports: %v", l)
		}
		if l["id"] == "process-fds" && (l["rate_per_s"] != nil || l["steady_state"] != nil) {
			t.Errorf("files: %v", l)
		}
	}
	// A bare paste knows neither host nor settings.
	bare := &pair{now: &host.Snapshot{Source: host.Source{Kind: host.Paste, SocketsBy: "text", OwnersBy: "none"}}}
	raw, err = json.Marshal(reportOf(t, bare, "en"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":null`, `"kernel":null`, `"uptime_s":null`, `"limits":[]`, `"findings":[]`, `"verdict":"healthy"`, `"events_by":"none"`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in %s", want, raw)
		}
	}
	// Where everything was seen the list is empty, not absent.
	whole := &pair{now: sketchOf()}
	if raw, err = json.Marshal(reportOf(t, whole, "en")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `"blind_spots":[]`) {
		t.Errorf("blind spots of a machine that was seen whole: %s", raw)
	}
}

// A rate that nobody could measure is null: TIME_WAIT rows of a source without timers.
func TestRateUnknown(t *testing.T) {
	p := newPair().oneGlance().keep(rows(100, 40000, row{local: "10.0.0.1:1", remote: "10.0.0.2:80", state: tcp.TimeWait})...)
	for _, l := range reportOf(t, p, "en").Limits {
		if l.ID == "ephemeral-ports" && (l.RatePerS != nil || l.SteadyState != nil) {
			t.Errorf("rate %v, steady state %v of sockets without age", *l.RatePerS, *l.SteadyState)
		}
	}
}

// Of the many only the twenty nearest their wall are listed, nearest first, and
// whatever a finding is about.
func TestNearestLimits(t *testing.T) {
	p := newPair()
	for i := range 60 {
		p.keep(rows(i+1, 40000, established("10.0.0.1:1", fmt.Sprintf("10.0.1.%d:80", i+1), 7))...)
	}
	many := 0
	last := 2.0
	for _, l := range reportOf(t, p, "en").Limits {
		if l.ID == "ephemeral-ports" {
			many++
		}
		if *l.Utilization > last {
			t.Errorf("%s after a limit that was nearer its wall", l.ID)
		}
		last = *l.Utilization
	}
	if many != nearest {
		t.Errorf("%d limits of destinations, want %d", many, nearest)
	}
	x := p.examine()
	small := &found{id: "short-lived-connections", ns: homeNS, dests: []Destination{{"10.0.1.1", 80, 1}}}
	book, _ := knowledge.Open("en")
	list, err := x.limits([]*found{small}, book)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(l Limit) bool { return l.Scope.Raddr == "10.0.1.1" }) {
		t.Error("the limit that a finding is about is missing")
	}
}

func limitsOf(t *testing.T, p *pair, id string) []host.Limit {
	t.Helper()
	x := p.examine()
	return slices.DeleteFunc(append(x.manyLimits(), x.hostLimits()...), func(l host.Limit) bool { return l.ID != id })
}

// Two looks tell how fast descriptors are taken; a few more are no rate.
func TestFileRate(t *testing.T) {
	for _, c := range []struct {
		then, now uint64
		rate, in  float64 // -1: unknown
	}{
		{900, 940, 40, 2.1}, {900, 902, -1, -1}, {940, 900, -1, -1}, {1000, 1024, 24, -1},
	} {
		p := newPair().process(7, "java", "jvm", 10)
		most := uint64(1024)
		p.before.Processes[7].FDs, p.before.Processes[7].FDLimit = &c.then, &most
		p.now.Processes[7].FDs, p.now.Processes[7].FDLimit = &c.now, &most
		l := limitsOf(t, p, "process-fds")[0]
		for _, v := range []struct {
			got  *float64
			want float64
		}{{l.RatePerS, c.rate}, {l.FullInS, c.in}} {
			if (v.got == nil) != (v.want < 0) || (v.got != nil && *v.got != v.want) {
				t.Errorf("%d then %d: rate %v, full in %v; want %v, %v", c.then, c.now, l.RatePerS, l.FullInS, c.rate, c.in)
			}
		}
	}
}

// A limit of 1 is how programs lock themselves in; none is listed for them.
func TestLockedInHasNoFileLimit(t *testing.T) {
	p := newPair().process(7, "sshd", "", 1)
	used, most := uint64(9), uint64(1)
	p.now.Processes[7].FDs, p.now.Processes[7].FDLimit = &used, &most
	if got := limitsOf(t, p, "process-fds"); len(got) != 0 {
		t.Errorf("listed: %+v", got)
	}
	p.fails(7, "sshd", "socket", errMFILE, "0.0.0.0:0", 1)
	if got := limitsOf(t, p, "process-fds"); len(got) != 1 {
		t.Errorf("EMFILE was seen, but %d limits are listed", len(got))
	}
}

// /proc/net/tcp does not tell the backlog: a capacity that nobody knows is no
// limit. One of 0 has room for one.
func TestBacklogUnknown(t *testing.T) {
	l := row{local: "10.0.0.1:8080", state: tcp.Listen, pid: 7}
	p := newPair().keep(l)
	for _, id := range []string{"accept-queue", "syn-queue"} {
		if got := limitsOf(t, p, id); len(got) != 1 || got[0].Capacity != 1 {
			t.Errorf("%s of backlog 0: %+v", id, got)
		}
	}
	p.now.Source.SocketsBy = "procfs"
	for _, id := range []string{"accept-queue", "syn-queue"} {
		if got := limitsOf(t, p, id); len(got) != 0 {
			t.Errorf("%s of an unknown backlog: %+v", id, got)
		}
	}
}

// With SYN cookies off the limit and the finding speak of the same room.
func TestSynQueueLimit(t *testing.T) {
	p := newPair().setting("net.ipv4.tcp_syncookies", "0").setting("net.ipv4.tcp_max_syn_backlog", "128").
		keep(row{local: "10.0.0.1:8080", state: tcp.Listen, pid: 7, sendq: 4096})
	if got := limitsOf(t, p, "syn-queue")[0].Capacity; got != 96 {
		t.Errorf("capacity %d, want 96", got)
	}
}

func TestNeighbourFamilies(t *testing.T) {
	p := everyLimit()
	p.now.System.Settings["net.ipv6.neigh.default.gc_thresh3"] = "1024"
	p.now.System.Neighbours = append(p.now.System.Neighbours, host.NeighbourTable{Family: "ipv6", Entries: host.Some(3)})
	var got []string
	for _, l := range reportOf(t, p, "en").Limits {
		if l.ID == "neighbours" {
			got = append(got, l.Scope.Family)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"ipv4", "ipv6"}) {
		t.Errorf("families %q", got)
	}
}

// What is full now comes before what will be, however far beyond.
func TestFullBeforeForecast(t *testing.T) {
	used, less, plateau := uint64(100), uint64(20), uint64(500)
	list := []host.Limit{{ID: "ephemeral-ports", Used: &less, Capacity: 100, SteadyState: &plateau}, {ID: "process-fds", Used: &used, Capacity: 100}}
	sortLimits(list)
	if list[0].ID != "process-fds" {
		t.Error("a forecast stands before what is full")
	}
}
