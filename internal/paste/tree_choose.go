package paste

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"sockeye/internal/paste/form"
)

// errEnough ends a walk.
var errEnough = errors.New("enough")

// choice is what of a tree is worth reading.
type choice struct {
	names  map[string]bool
	small  bool     // a handful of files: all of them were meant
	cut    bool     // some were left out
	locked []string // what may not be looked at
	links  []string // what leads out, and is not followed
	why    error    // nothing was chosen, though something is there
}

// chooser looks through a tree.
type chooser struct {
	choice

	known, all []string
	seen       int
	sniffed    int
	leads      map[string]string // where links lead
}

// linksMost bounds how many links are remembered.
const linksMost = 4096

// chosen lists the files that are worth reading: those whose names say so, those
// that begin as some kind of text does, and of a small tree all.
func chosen(ctx context.Context, files tree) (*choice, error) {
	c := chooser{leads: map[string]string{}}
	err := files(func(m member) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.look(&m)
	})
	if errors.Is(err, ErrArchive) && len(c.all) > 0 {
		c.cut = true
	} else if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	c.choose()
	return &c.choice, nil
}

// look takes one member.
func (c *chooser) look(m *member) error {
	if c.seen++; c.seen > treeNames {
		c.cut = true
		return errEnough
	}
	switch {
	case m.err != nil:
		if len(c.locked) < linksMost {
			c.locked = append(c.locked, m.name)
		}
	case m.link != "":
		if len(c.leads) < linksMost {
			c.leads[m.name] = m.link
		}
	case m.regular():
		c.all = append(c.all, m.name)
		switch role := roleOf(m.name); {
		case role > roleUnknown:
			c.known = append(c.known, m.name)
		case role == roleUnknown && c.sniffed < treeSniffed:
			c.sniffed++
			if begins(m.from) {
				c.known = append(c.known, m.name)
			}
			m.close()
		}
	}
	return nil
}

// choose makes the choice of what was seen.
func (c *chooser) choose() {
	if c.small = len(c.all) <= treeSmall; c.small {
		c.known = nil
		for _, name := range c.all {
			if roleOf(name) != roleNone || !notText(name) {
				c.known = append(c.known, name)
			}
		}
	}
	if len(c.known) > treeFiles {
		slices.SortStableFunc(c.known, func(a, b string) int { return int(roleOf(b)) - int(roleOf(a)) })
		c.known, c.cut = c.known[:treeFiles], true
	}
	c.follow()
	c.names = make(map[string]bool, len(c.known))
	for _, name := range c.known {
		c.names[name] = true
	}
	switch {
	case len(c.known) > 0:
	case len(c.all) > 0:
		c.why = fmt.Errorf("it holds no file that is known here, by its name or by what it begins with, among %d", len(c.all))
	case len(c.leads) > 0:
		c.why = errors.New("it holds only symbolic links, which are not followed: give the files that they lead to")
	case len(c.locked) > 0:
		c.why = errors.New("it holds only folders that may not be opened")
	}
}

// follow keeps of the links those that matter and lead to nothing that is read.
func (c *chooser) follow() {
	if len(c.leads) == 0 {
		return
	}
	here := make(map[string]bool, len(c.all))
	for _, name := range c.all {
		here[path.Clean(name)] = true
	}
	for name, to := range c.leads {
		if !here[to] && (c.small || roleOf(name) > roleUnknown) {
			c.links = append(c.links, name)
		}
	}
	slices.Sort(c.links)
}

// sniffLines is how many lines of a file are looked at to see whether it is text
// of any kind.
const sniffLines = 64

// begins tells whether a file begins as some kind of text does. Of what cannot be read
// it says so, too: whoever reads it tells.
func begins(from io.Reader) bool {
	head := make([]byte, 4096)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if head = head[:n]; isArchive(head) {
		return true
	}
	if e := wide(head); e != nil {
		text, err := e.NewDecoder().Bytes(head)
		if err != nil {
			return false
		}
		head = text
	} else if isBinary(head) {
		return false
	}
	l := lines{}
	for range sniffLines {
		line, rest, more := bytes.Cut(head, []byte("\n"))
		if line = l.cleaned(line); !form.Stamped(line) && begunBy(line) != nil {
			return true
		}
		if head = rest; !more {
			return false
		}
	}
	return false
}

// isArchive: compressed, or an archive of files.
func isArchive(head []byte) bool { return isPacked(head) || isZip(head) || isTar(head) }

// notText: what by its name holds no text.
func notText(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".pcap", ".pcapng", ".exe", ".dll", ".so", ".pdf", ".hprof", ".core":
		return true
	}
	return false
}
