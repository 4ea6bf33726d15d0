package knowledge

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

// catalogue is every finding that there is: the ids are a contract.
var catalogue = strings.Fields(`
	port-exhaustion bind-port-exhaustion port-range-narrow fd-exhaustion file-table-full accept-queue-overflow
	syn-queue-pressure time-wait-buckets-full orphan-limit tcp-memory-pressure conntrack-full neighbour-table-full
	nonpaged-pool memory-or-disk-low
	short-lived-connections close-wait-leak never-accepted fin-wait-2-held unreachable-destination connection-scan
	retry-storm half-open-connections connection-leak unconnected-socket-leak slow-reader slow-peer stuck-closing
	address-in-use service-port-taken self-connect linger-reset application-cap nat-exhaustion udp-port-exhaustion
	proxied-twice blocked-by-policy excluded-port-range address-not-local time-wait-stuck suspicious-process
	harmful-setting`)

func open(t *testing.T, lang string) *Book {
	t.Helper()
	b, err := Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLanguages(t *testing.T) {
	if _, err := Open("tlh"); err == nil {
		t.Error("Open of a language that does not exist: no error")
	}
	for _, kind := range []string{"findings", "remedies"} {
		if d := cmp.Diff(entriesOf(t, "en", kind), entriesOf(t, "zh", kind)); d != "" {
			t.Errorf("%s (-en +zh):\n%s", kind, d)
		}
	}
	en, err := open(t, "en").loadWords()
	if err != nil {
		t.Fatal(err)
	}
	zh, err := open(t, "zh").loadWords()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(keys(en), keys(zh)); d != "" {
		t.Errorf("words.yaml (-en +zh):\n%s", d)
	}
	for k, w := range zh {
		chinese(t, "words.yaml "+k, w)
	}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// mixed is a Chinese character that half-width punctuation follows.
var mixed = regexp.MustCompile(`\p{Han}[,;!?.:](\p{Han}|$)|\p{Han}\(`)

var action = regexp.MustCompile(`\{\{.*?\}\}`)

// chinese checks a text that people read, where there is one.
func chinese(t *testing.T, where string, s text) {
	t.Helper()
	// What only joins other words ("{{.}}，{{.}}") needs no word of its own.
	own := strings.ContainsFunc(action.ReplaceAllString(string(s), ""), unicode.IsLetter)
	if own && !strings.ContainsFunc(string(s), func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		t.Errorf("zh %s holds no Chinese: %q", where, s)
	}
	if m := mixed.FindString(string(s)); m != "" {
		t.Errorf("zh %s has half-width punctuation in Chinese at %q: %q", where, m, s)
	}
}

func TestFindings(t *testing.T) {
	for _, id := range entries("en", "findings") {
		if !slices.Contains(catalogue, id) {
			t.Errorf("%s is in no catalogue", id)
		}
		var evidence [][]string
		for _, lang := range languages {
			b := open(t, lang)
			e, err := b.finding(id)
			if err != nil {
				t.Errorf("%s: %v", lang, err)
				continue
			}
			evidence = append(evidence, keys(e.Evidence))
			for _, v := range manyValues(string(e.Title), string(e.explanation)) {
				w, err := b.Finding(id, v)
				if err != nil {
					t.Errorf("%s: %v", lang, err)
					break
				}
				sound(t, lang+" "+id+" title", w.Title, true)
				sound(t, lang+" "+id+" explanation", w.Explanation, true)
				if strings.Contains(w.Title, "\n") || strings.HasSuffix(w.Title, ".") || strings.HasSuffix(w.Title, "。") {
					t.Errorf("%s %s: a title is one line without a full stop: %q", lang, id, w.Title)
				}
				for key := range e.Evidence {
					s, err := b.Evidence(id, key, v)
					if err != nil {
						t.Errorf("%s: %v", lang, err)
					}
					sound(t, lang+" "+id+" evidence "+key, s, true)
				}
			}
			for _, v := range plausible(string(e.Title)) {
				if w, err := b.Finding(id, v); err == nil && utf8.RuneCountInString(w.Title) > 80 {
					t.Errorf("%s %s: title of %d characters: %q", lang, id, utf8.RuneCountInString(w.Title), w.Title)
				}
			}
			if lang == "zh" {
				chinese(t, id+" title", e.Title)
				chinese(t, id+" explanation", e.explanation)
				for key, s := range e.Evidence {
					chinese(t, id+" evidence "+key, s)
				}
			}
		}
		if len(evidence) == 2 {
			if d := cmp.Diff(evidence[0], evidence[1]); d != "" {
				t.Errorf("%s: evidence (-en +zh):\n%s", id, d)
			}
		}
	}
}

func TestRemedies(t *testing.T) {
	kinds := []string{"code", "config", "kernel", "action"}
	for _, id := range entries("en", "remedies") {
		en, err := open(t, "en").remedy(id)
		if err != nil {
			t.Error(err)
			continue
		}
		zh, err := open(t, "zh").remedy(id)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := cmp.Diff(commands(en), commands(zh)); d != "" {
			t.Errorf("%s: kinds and commands (-en +zh):\n%s", id, d)
		}
		for _, e := range []*remedyEntry{en, zh} {
			if !slices.Contains(kinds, e.Kind) {
				t.Errorf("%s: kind %q", id, e.Kind)
			}
			for rt, v := range e.Runtimes {
				if v.Kind != "" && !slices.Contains(kinds, v.Kind) {
					t.Errorf("%s for %s: kind %q", id, rt, v.Kind)
				}
			}
		}
		for _, s := range []text{zh.Title, zh.Effect, zh.Risk, zh.detail} {
			chinese(t, id, s)
		}
		for rt, v := range zh.Runtimes {
			chinese(t, id+" for "+string(rt), v.Title+"\n"+v.Detail) // a title may be a setting's name
		}
		for _, lang := range languages {
			remedySounds(t, lang, id, slices.Sorted(maps.Keys(en.Runtimes)))
		}
	}
}

// commands are what must be the same in every language.
func commands(e *remedyEntry) map[string]string {
	out := map[string]string{"": e.Kind + "\n" + string(e.Command)}
	for rt, v := range e.Runtimes {
		out[string(rt)] = v.Kind + "\n" + string(v.Command)
	}
	return out
}

func remedySounds(t *testing.T, lang, id string, runtimes []host.Runtime) {
	t.Helper()
	b := open(t, lang)
	for _, rt := range append([]host.Runtime{""}, runtimes...) {
		for _, v := range manyValues() {
			r, err := b.Remedy(id, rt, v)
			if err != nil {
				t.Errorf("%s: %v", lang, err)
				break
			}
			where := lang + " " + id + " for " + string(rt)
			sound(t, where+": title", r.Title, true)
			sound(t, where+": detail", r.Detail, true)
			sound(t, where+": effect", r.Effect, true)
			sound(t, where+": risk", r.Risk, true)
			sound(t, where+": command", r.Command, false)
		}
	}
}

// sound checks a finished text.
func sound(t *testing.T, where, s string, needed bool) {
	t.Helper()
	switch {
	case needed && strings.TrimSpace(s) == "":
		t.Errorf("%s is empty", where)
	case strings.Contains(s, "<no value>"), strings.Contains(s, "%!"), strings.Contains(s, "{{"):
		t.Errorf("%s was not filled in: %q", where, s)
	}
}

var cases = regexp.MustCompile(`eq \.(Kind|Known|State|By) "([^"]*)"`)

// manyValues takes templates through their branches: nothing known, everything
// known, each field alone missing and alone present, and each case they name.
func manyValues(templates ...string) []*Values {
	out := []*Values{{}, filled(3)}
	n := reflect.TypeFor[Values]().NumField()
	for i := range n {
		without, alone := filled(1), &Values{}
		reflect.ValueOf(without).Elem().Field(i).SetZero()
		reflect.ValueOf(alone).Elem().Field(i).Set(reflect.ValueOf(filled(1)).Elem().Field(i))
		out = append(out, without, alone)
	}
	for _, t := range templates {
		out = append(out, inCases(filled(2), t)...)
	}
	return out
}

// inCases makes a copy of v for each case that a template tells apart.
func inCases(v *Values, template string) (out []*Values) {
	for _, m := range cases.FindAllStringSubmatch(template, -1) {
		c := *v
		reflect.ValueOf(&c).Elem().FieldByName(m[1]).SetString(m[2])
		out = append(out, &c)
	}
	return out
}

// filled sets every field.
func filled(n uint64) *Values {
	v := &Values{}
	e := reflect.ValueOf(v).Elem()
	for i := range e.NumField() {
		switch f := e.Field(i); f.Interface().(type) {
		case time.Duration:
			f.SetInt(int64(n) * int64(time.Minute))
		case string:
			f.SetString("word")
		case float64:
			f.SetFloat(float64(n) / 2)
		case uint64, uint32, uint16:
			f.SetUint(n)
		case int32:
			f.SetInt(int64(n))
		}
	}
	return v
}

// plausible are the values of a busy machine, to see how long titles become.
func plausible(title string) []*Values {
	v := filled(28232)
	v.Share, v.Rate, v.FullIn, v.Window, v.Age = 0.993, 466, 200*time.Second, time.Second, 3*time.Hour
	v.Low, v.High = 32768, 60999
	v.Process, v.Peer, v.Dest, v.Laddr, v.Raddr = "shop-backend", "shop-frontend", "10.10.10.2:13306", "10.10.10.1", "10.10.10.2"
	v.Setting, v.Value, v.Path, v.State = "net.ipv4.tcp_max_tw_buckets", "5000", "/var/lib/docker", "TIME_WAIT"
	full, empty := *v, *v
	full.Share = 1
	empty.FullIn, empty.Rate, empty.Other = 0, 0, 0
	return append(inCases(v, title), v, &full, &empty)
}

func TestWords(t *testing.T) {
	for _, lang := range languages {
		b := open(t, lang)
		all, err := b.loadWords()
		if err != nil {
			t.Fatal(err)
		}
		for key := range all {
			for _, v := range []host.BlindSpot{{Count: 1}, {Subject: "netns 1", Err: "permission denied", Count: 1200}} {
				var arg any
				if strings.HasPrefix(key, "blind.") {
					arg = v
				} else if strings.Contains(string(all[key]), "{{") {
					continue
				}
				s, err := b.Word(key, arg)
				if err != nil {
					t.Errorf("%s: %v", lang, err)
				}
				sound(t, lang+" "+key, s, true)
			}
		}
		if _, err := b.Word("no such word", nil); err == nil {
			t.Errorf("%s: a word that does not exist is no error", lang)
		}
	}
}

// What the code asks for is there, and nothing is there that no code asks for.
func TestSpokenFor(t *testing.T) {
	findings, cures, any := diagnosisIDs(t)
	if len(findings) < 10 || len(cures) < 10 {
		t.Fatalf("found only %d findings and %d remedies in the code: is it read rightly?", len(findings), len(cures))
	}
	have := map[string]bool{}
	for _, id := range entries("en", "findings") {
		have[id] = true
		e, err := open(t, "en").finding(id)
		if err != nil {
			t.Fatal(err)
		}
		if !any[id] {
			t.Errorf("finding %s has words, but no rule emits it", id)
		}
		for key := range e.Evidence {
			if !any[key] {
				t.Errorf("finding %s: no rule gives the evidence %q", id, key)
			}
		}
	}
	for id := range findings {
		if !have[id] {
			t.Errorf("finding %s has no words", id)
		}
		if !slices.Contains(catalogue, id) {
			t.Errorf("finding %s is in no catalogue", id)
		}
	}
	clear(have)
	for _, id := range entries("en", "remedies") {
		have[id] = true
		if !any[id] {
			t.Errorf("remedy %s has words, but no rule names it", id)
		}
	}
	for id := range cures {
		if !have[id] {
			t.Errorf("remedy %s has no words", id)
		}
	}
}

func TestBlindSpotsSpokenFor(t *testing.T) {
	codes := blindCodes(t)
	if !codes["no-root"] || !codes["netns-vanished"] || !codes["events-lost"] {
		t.Fatalf("codes of blind spots are not read rightly: %v", keys(codes))
	}
	for _, lang := range languages {
		all, err := open(t, lang).loadWords()
		if err != nil {
			t.Fatal(err)
		}
		for code := range codes {
			for _, part := range []string{"what", "why", "remedy"} {
				if all["blind."+code+"."+part] == "" {
					t.Errorf("%s: no word blind.%s.%s", lang, code, part)
				}
			}
		}
		for key := range all {
			if parts := strings.Split(key, "."); parts[0] == "blind" && !codes[parts[1]] {
				t.Errorf("%s: blind spot %s has words, but nothing reports it", lang, parts[1])
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Number(28232), "28,232"}, {Number(-1234567), "-1,234,567"}, {Number(uint64(999)), "999"}, {Number(0), "0"},
		{Percent(0.9996), "99.9%"}, {Percent(1), "100%"}, {Percent(0.5), "50%"}, {Percent(0.034), "3.4%"}, {Percent(1.25), "125%"},
		{Rate(466.2), "466/s"}, {Rate(3.34), "3.3/s"}, {Rate(0.018), "0.02/s"}, {Rate(0), "0/s"},
		{Bytes(512), "512 B"}, {Bytes(12 << 10), "12 KiB"}, {Bytes(3652 << 20), "3.6 GiB"}, {Bytes(0), "0 B"},
		{Duration(400*time.Millisecond, "en"), "0.4 s"}, {Duration(42*time.Second, "zh"), "42 秒"},
		{Duration(200*time.Second, "en"), "3 min 20 s"}, {Duration(76*time.Hour, "zh"), "3 天 4 小时"}, {Duration(-1, "en"), "0 s"},
		{Duration(2*time.Minute, "zh"), "2 分钟"}, {Duration(200*time.Second, "zh"), "3 分 20 秒"}, {Duration(125*time.Minute, "zh"), "2 小时 5 分钟"},
		{shellWord("nginx.service"), "nginx.service"}, {shellWord("a b"), "'a b'"}, {shellWord("it's"), `'it'\''s'`},
		{shellWord("$(id)"), "'$(id)'"}, {shellWord(""), "''"}, {shellWord("-rf"), "'-rf'"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
