package paste

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"sockeye/internal/paste/settings"
)

// tree reads the files of one machine.
func (s *Session) tree(ctx context.Context, files tree, progress func(int64)) error {
	t := &treeReader{session: s, progress: progress}
	return t.read(ctx, files, "")
}

// namedMost is how many files that could not be read are named one by one.
const namedMost = 8

// treeReader reads the files of one machine.
type treeReader struct {
	session  *Session
	progress func(int64)
	bytes    int64
	inner    int // archives among the files that have been read
	unread   int // files that could not be
	small    bool
}

// innerMost bounds how many archives among the files are read.
const innerMost = 64

// read reads a tree; prefix is put before its names: it is the archive that holds
// it, where that is a file of another tree.
func (t *treeReader) read(ctx context.Context, files tree, prefix string) error {
	c, err := chosen(ctx, files)
	if err != nil {
		return err
	}
	for _, name := range c.locked {
		t.cannot("paste-file-unreadable", prefix+name)
	}
	for _, name := range c.links {
		t.cannot("paste-link-not-followed", prefix+name)
	}
	if c.why != nil {
		return c.why
	}
	t.small = c.small
	b, lines := t.session.pass.builder, t.session.lines
	err = files(func(m member) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.Contains(m.name, "ip_netns_exec") {
			b.Cannot("paste-one-namespace", "")
		}
		if !m.regular() || !c.names[m.name] {
			return nil
		}
		if t.bytes >= treeBytes {
			c.cut = true
			return errEnough
		}
		m.name = prefix + m.name
		err := t.file(ctx, &m, prefix != "")
		m.close()
		return err
	})
	if errors.Is(err, ErrArchive) && t.session.lines > lines { // what came before the damage is worth having
		c.cut = true
	} else if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if c.cut {
		b.Cannot("paste-tree-cut", "")
	}
	return nil
}

// cannot notes that a file was not read: the first few by their names.
func (t *treeReader) cannot(code, name string) {
	if t.unread++; t.unread > namedMost {
		name = ""
	}
	t.session.pass.builder.Cannot(code, name)
}

// file reads one. What cannot be read is a blind spot; the rest is worth having.
func (t *treeReader) file(ctx context.Context, m *member, inner bool) error {
	before := t.bytes
	from := bufio.NewReaderSize(&interruptible{ctx, &counting{from: m.from, n: &t.bytes}}, 4096)
	local, p := inMachine(m.name), t.session.pass
	b := p.builder
	p.name = m.name
	b.Heard(nil)
	b.Command("cat /" + local)
	b.Configuration = roleOf(m.name) == roleConf
	switch {
	case roleOf(m.name) == roleValue:
		t.value(local, from)
		return ctx.Err()
	case strings.HasSuffix(local, "/comm"):
		head, err := io.ReadAll(io.LimitReader(from, 64))
		if pid := settings.LeadingPID(strings.TrimPrefix(local, "proc/")); err == nil && pid > 0 {
			b.Process(pid, strings.TrimSpace(string(head)))
		}
		return ctx.Err()
	case local == "proc/uptime":
		p.begin(&settings.Values{Items: []settings.ValueOf{{Kind: settings.ValueUptime}}}, "uptime", 1)
	case path.Base(local) == "hostname":
		p.begin(&settings.Values{Items: []settings.ValueOf{{Kind: settings.ValueHostName}}}, "hostname", 1)
	}
	progress := t.progress
	if progress != nil {
		progress = func(n int64) { t.progress(before + n) }
	}
	err := t.contents(ctx, from, m, inner, progress)
	if p.open != nil {
		p.finish()
	}
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errArchiveInside):
		t.cannot("paste-archive-inside", m.name)
	case !errors.Is(err, ErrNoText):
		t.cannot("paste-file-unreadable", m.name)
	case t.small: // a whole machine's report has logs that are no text, and all know it
		t.cannot("paste-no-text", m.name)
	}
	return nil
}

// errArchiveInside is an archive within an archive within another, or too many or
// too large ones.
var errArchiveInside = errors.New("an archive inside")

// contents reads a file's contents: a text, which may be compressed, or an archive.
func (t *treeReader) contents(ctx context.Context, from *bufio.Reader, m *member, inner bool, progress func(int64)) error {
	head, _ := from.Peek(archiveHead) // an error comes again
	size := m.size
	if !isZip(head) {
		if isPacked(head) {
			size = 0
			plain, err := unpacked(bytes.Clone(head), from)
			if err != nil {
				return err
			}
			from = bufio.NewReaderSize(plain, 4096)
			head, _ = from.Peek(archiveHead)
		} else if _, err := unpacked(head, from); err != nil { // compressed as nobody here can undo
			return err
		}
		if !isTar(head) {
			return t.session.text(ctx, from, m.name, size, progress)
		}
	}
	if t.inner++; inner || t.inner > innerMost {
		return errArchiveInside
	}
	archive, err := io.ReadAll(io.LimitReader(from, pipeMost+1))
	switch {
	case len(archive) > pipeMost:
		return errArchiveInside
	case err != nil && !errors.Is(err, ErrArchive):
		return err
	}
	files := treeOfTar(func() (io.Reader, error) { return bytes.NewReader(archive), nil })
	if isZip(head) {
		z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
		files = treeOfZip(z)
	}
	small := t.small
	err = t.read(ctx, files, m.name+"/")
	t.small = small
	return err
}

// value reads a file under proc/sys: its name is the setting's. All of them are
// one part.
func (t *treeReader) value(local string, from io.Reader) {
	head, err := io.ReadAll(io.LimitReader(from, 4096))
	if err != nil {
		return
	}
	const kind = "proc/sys: system settings"
	t.session.lines++
	p := t.session.pass
	p.builder.KeepSetting(settings.SysctlName([]byte("/"+local)), string(head), false)
	if n := len(p.parts); n > 0 && p.parts[n-1].Kind == kind {
		p.parts[n-1].Rows++
		p.parts[n-1].Last++
		return
	}
	p.parts = append(p.parts, Part{Kind: kind, First: 1, Last: 1, Rows: 1})
}

// counting counts what is read.
type counting struct {
	from io.Reader
	n    *int64
}

func (c *counting) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	*c.n += int64(n)
	return n, err
}
