package tune

import (
	"bufio"
	"cmp"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
)

// Override is a line elsewhere that decides a setting after the drop-in.
type Override struct {
	File  string // "/etc/sysctl.d/99-site.conf"
	Line  int    // from 1
	Value string
}

// The directories in which a file hides another of its name in those after it, and
// the file that is applied after them all.
var confDirs = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}

const (
	confLast = "etc/sysctl.conf"
	confMax  = 1 << 20 // bytes of a file that are read
)

// Overrides finds the lines that decide a setting after Sockeye's file when the
// machine starts, in the order in which they are applied.
func (d *DropIn) Overrides(setting string) (out []Override) {
	var read []string
	for _, file := range append(d.behind(confDirs, dropInName), confLast) {
		real, ok := d.behindLinks(file)
		if !ok {
			continue
		}
		if slices.Contains(read, real) { // 99-sysctl.conf is a link to sysctl.conf on Debian: one file, told once
			continue
		}
		read = append(read, real)
		for n, line := range d.lines(real) {
			name, value, ok := strings.Cut(strings.TrimLeft(line, "-"), "=")
			if name = strings.ReplaceAll(strings.TrimSpace(name), "/", "."); ok && matches(name, setting) {
				out = append(out, Override{"/" + real, n, strings.TrimSpace(value)})
			}
		}
	}
	return out
}

// matches: sysctl.d(5) takes patterns of shell(1) as names.
func matches(name, setting string) bool {
	hit, err := path.Match(name, setting)
	return err == nil && hit
}

// behind lists the files of directories whose names sort behind a name, in the
// order of their names; one hides others of its name in the directories after it.
func (d *DropIn) behind(dirs []string, name string) (files []string) {
	hidden := map[string]bool{}
	for _, dir := range dirs {
		entries, err := fs.ReadDir(d.root.FS(), dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if n := e.Name(); strings.HasSuffix(n, ".conf") && n > name && !hidden[n] {
				hidden[n] = true
				files = append(files, path.Join(dir, n))
			}
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	return files
}

// behindLinks is the plain file that a name leads to: os.Root follows no absolute
// link, though "/etc/sysctl.conf" is one to below the root. False is one that hides
// others by leading to /dev/null, that is no plain file (to open a FIFO would wait),
// or that is not there.
func (d *DropIn) behindLinks(file string) (string, bool) {
	const hops = 8
	for range hops {
		info, err := d.root.Lstat(file)
		switch {
		case err != nil:
			return "", false
		case info.Mode().IsRegular():
			return file, true
		case info.Mode()&os.ModeSymlink == 0:
			return "", false
		}
		to, err := d.root.Readlink(file)
		if err != nil {
			return "", false
		}
		if !path.IsAbs(to) {
			to = path.Join("/", path.Dir(file), to)
		}
		file = strings.TrimPrefix(path.Clean(to), "/")
	}
	return "", false
}

// lines are those of a file that say something, by number from 1.
func (d *DropIn) lines(file string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		f, err := d.root.Open(file)
		if err != nil {
			return
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(io.LimitReader(f, confMax))
		lines.Buffer(nil, confMax)
		for n := 1; lines.Scan(); n++ {
			line := strings.TrimSpace(lines.Text())
			if line != "" && line[0] != '#' && line[0] != ';' && !yield(n, line) {
				return
			}
		}
	}
}
