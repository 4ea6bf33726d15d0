package diagnose

import (
	"strings"
	"testing"
	"time"

	"sockeye/internal/knowledge"
)

// scarce is a churn on 200 ports that tcp_tw_reuse has again after a second: so many
// in TIME_WAIT, all opened within the window, and so many connects that failed.
func scarce(n int, failed uint64) *pair {
	left := make([]time.Duration, n)
	for i := range left {
		left[i] = 60*time.Second - 900*time.Millisecond*time.Duration(i)/time.Duration(n)
	}
	p := small("32768 32967").setting("net.ipv4.tcp_tw_reuse", "1").setting("net.ipv4.tcp_timestamps", "1").
		keep(resting("10.0.0.2:3306", left...)...).connects(812, "java", "10.0.0.2:3306", uint64(n), 0)
	if failed > 0 {
		p = p.fails(812, "java", "connect", errADDRNOTAVAIL, "10.0.0.2:3306", failed)
	}
	return p
}

// With tcp_tw_reuse a port is taken for a second, also where none has rested for so
// long at the time of the look; and where connects fail, the rate is what the ports
// let through: nothing is said of where that would level off.
func TestPortsThatAreReused(t *testing.T) {
	for _, c := range []struct {
		name     string
		pair     *pair
		rule     rule
		plateau  bool // of the limit
		has, not map[string][]string
	}{
		{"enough ports", scarce(100, 0), shortLivedConnections, true,
			map[string][]string{"en": {"levels off at 100 of 200 ports", "takes its port again after 1 s"}, "zh": {"稳定在 100 个端口", "过 1 秒就能再次使用"}},
			map[string][]string{"en": {"6,000", "needs"}, "zh": {"6,000"}}},
		{"too few, the churn", scarce(190, 250), shortLivedConnections, false,
			map[string][]string{"en": {"(190/s)", "190/s still open", "200 local ports are too few"}, "zh": {"只建成 190/s", "200 个本地端口还是不够用"}},
			map[string][]string{"en": {"level", "11,400", "for that minute"}, "zh": {"会稳定", "11,400", "整整一分钟"}}},
		{"too few, the ports", scarce(190, 250), portExhaustion, false,
			map[string][]string{"en": {"190/s still open", "not yet 1 s old", "tcp_tw_reuse is on"}, "zh": {"190/s", "还不满 1 秒", "tcp_tw_reuse 已经打开"}},
			map[string][]string{"en": {"level", "lasts 60 s", "11,400"}, "zh": {"会稳定", "停留 60 秒", "11,400"}}},
		{"none left, the churn", scarce(200, 250), shortLivedConnections, false,
			map[string][]string{"en": {"(200/s)", "200 local ports are too few"}},
			map[string][]string{"en": {"level", "in a minute"}, "zh": {"一分钟"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := c.pair.examine()
			if l := x.accounts[0].limit(); (l.SteadyState != nil) != c.plateau {
				t.Errorf("the limit's plateau: %v", l.SteadyState)
			}
			found := c.rule(x)
			if len(found) != 1 {
				t.Fatalf("%d findings", len(found))
			}
			tellAll(t, c.pair, found)
			for _, lang := range []string{"en", "zh"} {
				text := toldIn(t, x, found[0], lang)
				for _, want := range c.has[lang] {
					if !strings.Contains(text, want) {
						t.Errorf("%s lacks %q:\n%s", lang, want, text)
					}
				}
				for _, untrue := range c.not[lang] {
					if strings.Contains(text, untrue) {
						t.Errorf("%s says %q:\n%s", lang, untrue, text)
					}
				}
			}
		})
	}
}

// toldIn is the title, explanation and evidence of a finding.
func toldIn(t *testing.T, x *examination, f *found, lang string) string {
	t.Helper()
	book, err := knowledge.Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.inWords(f, book)
	if err != nil {
		t.Fatal(err)
	}
	said := []string{got.Title, got.Explanation}
	for _, e := range got.Evidence {
		said = append(said, e.Fact)
	}
	return strings.Join(said, "\n")
}
