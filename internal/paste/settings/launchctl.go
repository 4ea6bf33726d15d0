package settings

import (
	"bytes"

	"sockeye/internal/paste/form"
)

// launchctlLimits reads "launchctl limit" of macOS: "maxfiles 256 unlimited", what
// services may open at first and at most. "cpu 12 34" alone is anybody's: it takes a
// name that only launchctl prints, three different names, or the command.
type launchctlLimits struct {
	held [][]byte // until it is sure
	seen map[string]struct{}
	sure bool
}

var launchctlNames = map[string]bool{"cpu": true, "filesize": true, "data": true, "stack": true, "core": true, "rss": true, "memlock": true, "maxproc": true, "maxfiles": true}

// launchctlSure is how many different names are enough.
const launchctlSure = 3

func beginsLaunchctl(line []byte) bool {
	switch form.FirstByte(line) {
	case 'c', 'f', 'd', 's', 'r', 'm':
		_, _, ok := launchctlRow(line)
		return ok
	}
	return false
}

func launchctlRow(line []byte) (name, soft []byte, ok bool) {
	var c form.RowWords
	c.Cut(line, 4)
	if c.N != 3 || len(line) > 80 || !launchctlNames[string(c.Word[0])] {
		return nil, nil, false
	}
	for _, w := range c.Word[1:3] {
		if !form.IsNumber(w) && string(w) != "unlimited" {
			return nil, nil, false
		}
	}
	return c.Word[0], c.Word[1], true
}

func (t *launchctlLimits) Read(line []byte, b *form.Builder) form.Verdict {
	name, soft, ok := launchctlRow(line)
	if !ok {
		return form.Foreign
	}
	if t.seen == nil {
		t.seen = map[string]struct{}{}
		t.sure = bytes.Contains(b.Prose, []byte("launchctl limit"))
	}
	if _, again := t.seen[string(name)]; again && !t.sure {
		return form.Foreign // each has one line
	}
	t.seen[string(name)] = struct{}{}
	t.sure = t.sure || string(name) == "maxfiles" || string(name) == "maxproc" || len(t.seen) >= launchctlSure
	if !t.sure {
		t.held = append(t.held, bytes.Clone(line))
	}
	if string(name) == "maxfiles" && form.IsNumber(soft) {
		b.Setting("launchctl.maxfiles", string(soft))
	}
	return form.Row
}

func (t *launchctlLimits) Refused() [][]byte {
	if t.sure {
		return nil
	}
	return t.held
}

func (*launchctlLimits) Close(b *form.Builder) { b.OS("darwin") }
