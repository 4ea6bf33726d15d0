package tune

import (
	"fmt"
	"slices"
	"strings"

	"sockeye/internal/knowledge"
)

// Told is a change in words.
type Told struct {
	Title   string `json:"title"`
	Why     string `json:"why"`
	DoesNot string `json:"does_not"`
	Risk    string `json:"risk"`
	When    string `json:"when"`  // it takes effect
	Proof   string `json:"proof"` // what shows that it helped
}

// Tell puts a change into the words of a book. An error means that the book lacks
// a sentence.
func Tell(book *knowledge.Book, c Change) (t Told, err error) {
	for part, to := range map[string]*string{"title": &t.Title, "why": &t.Why, "does-not": &t.DoesNot, "risk": &t.Risk, "when": &t.When, "proof": &t.Proof} {
		if *to, err = book.Word("tune."+c.Reason+"."+part, c); err != nil {
			return t, err
		}
	}
	return t, nil
}

// TellLeft says why a setting is left as it is.
func TellLeft(book *knowledge.Book, l Left) (string, error) {
	return book.Word("tune.left."+l.Reason, l)
}

// quiet are reasons that nobody needs to hear who did not ask: the setting is as
// Linux ships it, or right.
var quiet = []string{"right", "large-enough", "few-enough", "short-enough", "in-order", "no-limit", "tw-recycle-off", "tw-reuse-loopback", "timestamps-on", "syncookies-on",
	"syn-backlog-shipped", "somaxconn-calm", "keepalive-shipped", "range-shipped", "tw-buckets-calm", "fin-timeout-shipped", "reserved-kept", "timed-wait-right", "buffers-usual"}

// Quiet reports whether a setting that stays is as it should be, so that only who
// wants to see everything needs its line.
func (l Left) Quiet() bool { return slices.Contains(quiet, l.Reason) }

// Command is what a person would type or write to make the change, without the
// network namespace.
func (c Change) Command() string {
	to := strings.Join(strings.Fields(c.To), " ")
	switch c.Kind {
	case Systemd:
		return fmt.Sprintf("mkdir -p /etc/systemd/system/%[1]s.d\nprintf '[Service]\\nLimitNOFILE=%[2]s\\n' > /etc/systemd/system/%[1]s.d/60-limits.conf\nsystemctl daemon-reload && systemctl restart %[1]s", c.Values.Unit, c.limit())
	case Prlimit:
		who := "PID"
		if c.Values.PID > 0 {
			who = fmt.Sprint(c.Values.PID)
		}
		return fmt.Sprintf("prlimit --pid %s --nofile=%s", who, c.softLimit())
	case Registry:
		const key = `HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
		if to == "" {
			return fmt.Sprintf(`reg delete "%s" /v %s /f`, key, c.Setting)
		}
		return fmt.Sprintf(`reg add "%s" /v %s /t REG_DWORD /d %s /f`, key, c.Setting, to)
	case Netsh:
		start, count, _ := strings.Cut(to, " ")
		if c.Reason == "exclude-ports" {
			return fmt.Sprintf("netsh int ipv4 add excludedportrange protocol=tcp startport=%s numberofports=%s store=persistent", start, count)
		}
		return fmt.Sprintf("netsh int ipv4 set dynamicport tcp start=%s num=%s", start, count)
	case NetTCP:
		start, count, _ := strings.Cut(to, " ")
		return fmt.Sprintf("Set-NetTCPSetting -SettingName InternetCustom -AutoReusePortRangeStartPort %s -AutoReusePortRangeNumberOfPorts %s", start, count)
	}
	if strings.ContainsAny(to, " ,") {
		to = `"` + to + `"`
	}
	return "sysctl -w " + c.Setting + "=" + to
}
