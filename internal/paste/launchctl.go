package paste

import "bytes"

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
	switch first(line) {
	case 'c', 'f', 'd', 's', 'r', 'm':
		_, _, ok := launchctlRow(line)
		return ok
	}
	return false
}

func launchctlRow(line []byte) (name, soft []byte, ok bool) {
	var c rowWords
	c.cut(line, 4)
	if c.n != 3 || len(line) > 80 || !launchctlNames[string(c.word[0])] {
		return nil, nil, false
	}
	for _, w := range c.word[1:3] {
		if !number(w) && string(w) != "unlimited" {
			return nil, nil, false
		}
	}
	return c.word[0], c.word[1], true
}

func (t *launchctlLimits) read(line []byte, b *builder) verdict {
	name, soft, ok := launchctlRow(line)
	if !ok {
		return foreign
	}
	if t.seen == nil {
		t.seen = map[string]struct{}{}
		t.sure = bytes.Contains(b.prose, []byte("launchctl limit"))
	}
	if _, again := t.seen[string(name)]; again && !t.sure {
		return foreign // each has one line
	}
	t.seen[string(name)] = struct{}{}
	t.sure = t.sure || string(name) == "maxfiles" || string(name) == "maxproc" || len(t.seen) >= launchctlSure
	if !t.sure {
		t.held = append(t.held, bytes.Clone(line))
	}
	if string(name) == "maxfiles" && number(soft) {
		b.setting("launchctl.maxfiles", string(soft))
	}
	return row
}

func (t *launchctlLimits) refused() [][]byte {
	if t.sure {
		return nil
	}
	return t.held
}

func (*launchctlLimits) close(b *builder) { b.os("darwin") }
