package main

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		args          string
		tables, trace bool
		pairs         int
		wrong         bool
	}{
		{args: "", tables: true, trace: true, pairs: 10},
		{args: "trace", trace: true, pairs: 10},
		{args: "tables -runs 3", tables: true, pairs: 10},
		{args: "-pairs 3 trace -turn 1s", trace: true, pairs: 3},
		{args: "trace tables -pairs=0", tables: true, trace: true},
		{args: "tracer", wrong: true},
		{args: "-pairs -1", wrong: true},
		{args: "-turn 1ms", wrong: true},
		{args: "-turn 1h", wrong: true},
		{args: "-held -1", wrong: true},
		{args: "-runs 0", wrong: true},
		{args: "-nothing", wrong: true},
	}
	for _, tt := range tests {
		o, err := parse(strings.Fields(tt.args), io.Discard)
		if (err != nil) != tt.wrong {
			t.Errorf("%q: %v", tt.args, err)
		}
		if !tt.wrong && (o.tables != tt.tables || o.trace != tt.trace || o.pairs != tt.pairs) {
			t.Errorf("%q: tables %v, trace %v, %d pairs", tt.args, o.tables, o.trace, o.pairs)
		}
	}
	var said strings.Builder
	if _, err := parse([]string{"-help"}, &said); err == nil || !strings.Contains(said.String(), "tables   list") {
		t.Errorf("%v: %q", err, said.String())
	}
}

func TestLosses(t *testing.T) {
	tests := []struct {
		text, first string
		lost        uint64
	}{
		{"", "", 0},
		{"Lost 13 events\nLost 1 event\n1 bench 127.0.0.1:7\nLost 4 events\n", "Lost 13 events", 18},
		{"\n  hint: mount it\n1,234,567 events were lost: more came\n", "hint: mount it", 1_234_567},
		{"1 event was lost: more came than could be read", "1 event was lost: more came than could be read", 1},
		{"ERROR: the events of frost were lost\nalmost 4 events\n", "ERROR: the events of frost were lost", 0},
	}
	for _, tt := range tests {
		var got told
		if err := got.readMessages(strings.NewReader(tt.text)); err != nil || got.lost != tt.lost || got.first != tt.first {
			t.Errorf("%q: %d lost, first %q, %v", tt.text, got.lost, got.first, err)
		}
	}
	var got told
	if err := got.readLosses(strings.NewReader("Lost 99999999999999999999 events")); err == nil {
		t.Errorf("a number beyond 64 bits is %d", got.lost)
	}
}

func TestReadRows(t *testing.T) {
	const rows = `{"event":"flow","netns":"1","pid":7,"direction":"outgoing","raddr":"127.0.0.1","rport":80,"opened_total":40,"code":[{"stacks":9}]}
{"event":"flow","netns":"1","pid":8,"direction":"incoming","lport":80,"raddr":null,"opened_total":40,"code":[]}
{"event":"flow","netns":"1","pid":7,"direction":"outgoing","raddr":"127.0.0.1","rport":80,"opened_total":80,"code":[{"stacks":12},{"stacks":8}]}
{"event":"flow","netns":"1","pid":7,"direction":null,"call":"connect","opened_total":1000,"code":[{"stacks":1000}]}
`
	var got told
	if err := got.readRows(strings.NewReader(rows)); err != nil || got.sampling != (sampling{20, 120}) {
		t.Errorf("%+v, %v", got.sampling, err)
	}
	if said := got.sampling.said(); said != "stacks of 20 of 120 connections, 1 in 6" {
		t.Error(said)
	}
	if said := (sampling{of: 5}).said(); said != "" {
		t.Errorf("of no stack: %q", said)
	}
	if err := got.readRows(strings.NewReader("{\n")); err == nil {
		t.Error("half an object was read")
	}
}

func TestComparePairs(t *testing.T) {
	if got, want := rangeOf([]float64{3, 1, 2, 10}), (values{1, 2.5, 10}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := rangeOf(nil); got != (values{}) {
		t.Errorf("nothing comes to %v", got)
	}
	with := []measure{{16000, 125e-6, 0.5}, {20000, 100e-6, 0.25}, {18000, 110e-6, 0}, {1, 1, 1}}
	without := []measure{{20000, 100e-6, 0}, {20000, 100e-6, 0}, {20000, 100e-6, 0}}
	got := comparePairs(with, without)
	got.more = math.Round(got.more * 1e9)
	if want := (pairs{3, values{0.8, 0.9, 1}, 18000, 10e3, 0.25}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := comparePairs(nil, without); got != (pairs{}) {
		t.Errorf("no pair comes to %+v", got)
	}
}

func TestPrintPairs(t *testing.T) {
	p := func(agent float64) pairs { return pairs{10, values{0.9512, 0.981, 1.0149}, 16800.4, 1.24e-6, agent} }
	rows := []pairRow{
		{name: "nothing (the noise)", pairs: p(0)},
		{name: "  the same, --no-stacks", pairs: p(0.0123), attached: true, left: "ended after 10 pairs: oh"},
		{name: "bpftrace, each state", pairs: p(1.5), attached: true, lost: 1234567},
		{name: "bpftrace, each life", left: "not installed"},
	}
	var b strings.Builder
	printPairs(&b, rows)
	const want = `                                  min   median      max   conn/s   µs/conn   agent     lost pairs
nothing (the noise)            95.1 %   98.1 %  101.5 %   16,800      +1.2       -        -    10
  the same, --no-stacks        95.1 %   98.1 %  101.5 %   16,800      +1.2   1.2 %        0    10
bpftrace, each state           95.1 %   98.1 %  101.5 %   16,800      +1.2 150.0 % 1,234,567    10
bpftrace, each life          not measured: not installed
the same, --no-stacks ended after 10 pairs: oh
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 101 {
			t.Errorf("wider than 100 columns: %q", line)
		}
	}
}

func TestChurnGoals(t *testing.T) {
	row := func(ratio, more, agent float64, lost uint64) pairRow {
		return pairRow{pairs: pairs{n: 1, ratio: values{median: ratio}, more: more, agent: agent}, lost: lost}
	}
	tests := []struct {
		name       string
		top, plain pairRow
		want       []bool
	}{
		{"just reached", row(0.97, 1.9e-6, 0.05, 0), row(1, 1e-6, 0, 0), []bool{true, true, true, true}},
		{"just missed", row(0.969, 2.1e-6, 0.051, 1), row(1, 1e-6, 0, 0), []bool{false, false, false, false}},
		{"the programs alone not measured", row(0.97, 0, 0, 0), pairRow{}, []bool{true, true, true}},
		{"not measured", pairRow{}, row(1, 0, 0, 0), []bool{false}},
	}
	for _, tt := range tests {
		var got []bool
		for _, g := range churnGoals("churn", tt.top, tt.plain, 50e-6) {
			got = append(got, g.reached)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRemembered(t *testing.T) {
	const rows = `{"state":"TIME_WAIT","opener":{"pid":7,"code":{"function":"main.connectAndClose","line":3}},"closer":"local"}
{"state":"TIME_WAIT","opener":{"pid":7,"code":null},"closer":"local"}
{"state":"TIME_WAIT","opener":{"pid":9,"code":{"function":"main.other"}},"closer":"peer"}
{"state":"TIME_WAIT","opener":null,"closer":null}
{"state":"ESTABLISHED","opener":{"pid":7},"closer":"local"}
`
	got, err := readRemembered(strings.NewReader(rows), map[int]bool{7: true})
	if want := (remembered{sockets: 4, openers: 3, right: 2, closers: 2, code: 1}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := readRemembered(strings.NewReader("sockeye: no"), nil); err == nil {
		t.Error("text was read as rows")
	}
	all := remembered{made: 5000, sockets: 5000, openers: 5000, right: 5000, closers: 4999}
	if g := all.goals(); !g[0].reached || g[1].reached {
		t.Errorf("%+v", g)
	}
	if got := all.part(4999); got != "99.9 %" {
		t.Errorf("all but one is %s", got)
	}
	all.sockets = 5001
	if all.goals()[0].reached {
		t.Error("more were listed than there are, and that is as it should be")
	}
	if g := (&remembered{}).goals(); g[0].reached || g[1].reached {
		t.Error("nothing made is all remembered")
	}
}

func TestFootprint(t *testing.T) {
	const header = "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t2062\n"
	tests := []struct {
		name, text string
		want       mapMemory
		ok         bool
	}{
		{"map", header + "map_type:\t1\nkey_size:\t4\nmax_entries:\t10\nmemlock:\t8192\nmap_id:\t12\nfrozen:\t0\n", mapMemory{"map 12", 8192}, true},
		{"program", header + "prog_type:\t26\nprog_jited:\t1\nmemlock:\t4096\nprog_id:\t40\n", mapMemory{"prog 40", 4096}, true},
		{"link", header + "link_type:\ttracing\nlink_id:\t3\nprog_id:\t40\n", mapMemory{}, false},
		{"another file", header, mapMemory{}, false},
		{"nonsense", "memlock:\tmuch\nmap_id:\t1\n", mapMemory{}, false},
	}
	var all []mapMemory
	for _, tt := range tests {
		got, ok := readFDInfo(strings.NewReader(tt.text))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
		if ok {
			all = append(all, got, got) // held by two descriptors
		}
	}
	if n := sumMaps(all); n != 8192+4096 {
		t.Errorf("together %d bytes", n)
	}

	const smaps = `00400000-00e00000 r-xp 00000000 fe:00 1184 /usr/bin/sockeye
Size:              10240 kB
Rss:                5000 kB
Pss:                5000 kB
7f0000000000-7f0001000000 rw-s 00000000 00:0f 1034 anon_inode:bpf-map
Rss:               16384 kB
7f0002000000-7f0002001000 rw-p 00000000 00:00 0
Rss:                   4 kB
VmFlags: rd wr
`
	if n, err := readSmaps(strings.NewReader(smaps)); err != nil || n != 5004<<10 {
		t.Errorf("resident: %d, %v, want %d", n, err, 5004<<10)
	}
	const slabs = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit>
TCP                   200    200   2432   13    8 : tunables    0    0    0 : slabdata     16     16      0
kmalloc-cg-128        100    128    128   32    1 : tunables    0    0    0 : slabdata      4      4      0
kmalloc-8              10    512      8  512    1 : tunables    0    0    0 : slabdata      1      1      0
`
	if n, err := readSlabinfo(strings.NewReader(slabs)); err != nil || n != 100*128+10*8 {
		t.Errorf("objects: %d bytes, %v", n, err)
	}
	if _, err := readSlabinfo(strings.NewReader("kmalloc-8 many 1 8\n")); err == nil {
		t.Error("many was read as a number")
	}
	f := footprint{live: 100_000, waiting: 100_000, resident: 30e6, maps: 60e6, kept: 10e6}
	if g := f.goal(); !g.reached || g.got != "100 MB" {
		t.Errorf("%+v", g)
	}
	if f.kept++; f.goal().reached {
		t.Error("a byte too many is reached")
	}
	if f.kept = -50e6; f.total() != 90e6 {
		t.Errorf("memory that others took lowers the sum: %d", f.total())
	}
}
