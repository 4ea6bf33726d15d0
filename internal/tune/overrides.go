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
	File  string `json:"file"` // "/etc/sysctl.d/99-site.conf"
	Line  int    `json:"line"` // from 1
	Value string `json:"value"`
	// Only is the one reader that heeds it, where there is one: OnlyProcps or
	// OnlySystemd. "" is both.
	Only string `json:"only,omitempty"`
	// Unset is a line that makes nobody set it: Value is "".
	Unset bool `json:"unset,omitempty"`
}

// The readers of files of settings.
const (
	OnlyProcps  = "sysctl --system" // of procps, which starts machines without systemd
	OnlySystemd = "systemd-sysctl"
)

// The directories in which a file hides another of its name in those after it, and the
// file that "sysctl --system" applies after them all (sysctl(8), "SYSTEM FILE
// PRECEDENCE"). systemd-sysctl reads that one only where it is linked into a directory
// (sysctl.d(5)).
var confDirs = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}

const (
	confLast = "etc/sysctl.conf"
	confMax  = 1 << 20 // bytes of a file that are read
)

// Overrides finds the lines that decide a setting after Sockeye's file when the
// machine starts, in the order in which they are applied.
func (d *DropIn) Overrides(setting string) (out []Override) {
	var files []string
	for _, file := range d.behind(confDirs, dropInName) {
		if real, ok := d.plain(file); ok {
			files = append(slices.DeleteFunc(files, func(f string) bool { return f == real }), real) // read twice, the last time counts
		}
	}
	for _, file := range files {
		out = append(out, d.decides(file, setting)...)
	}
	if last, ok := d.plain(confLast); ok && !slices.Contains(files, last) {
		for _, o := range d.decides(last, setting) {
			if !o.Unset { // that is a word of systemd's
				o.Only = OnlyProcps
				out = append(out, o)
			}
		}
	}
	return out
}

// decides finds the lines of a file that name a setting. A pattern of names decides
// nothing, since Sockeye's file names it outright (sysctl.d(5): explicit keys are left
// out of any matching; procps 4 does so as well, and 3 knows no patterns). A name
// behind a dash without a value takes back, for systemd-sysctl, what any file before
// set it to (src/sysctl/sysctl.c parse_line, v256).
func (d *DropIn) decides(file, setting string) (out []Override) {
	for n, line := range d.lines(file) {
		line = strings.TrimSpace(line)
		if isComment(line) {
			continue
		}
		rest, dash := strings.CutPrefix(line, "-")
		name, value, isSet := strings.Cut(rest, "=")
		switch {
		case slashed(strings.TrimSpace(name)) != slashed(setting):
		case isSet:
			out = append(out, Override{File: "/" + file, Line: n, Value: strings.TrimSpace(value)})
		case dash:
			out = append(out, Override{File: "/" + file, Line: n, Only: OnlySystemd, Unset: true})
		}
	}
	return out
}

// slashed is the name of a setting as the path below /proc/sys: where the first of its
// separators is a dot, dots and slashes change places (sysctl.d(5)).
func slashed(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		name = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	return strings.TrimPrefix(path.Clean(name), "/")
}

// behind lists the files of directories whose names sort behind a name, in the
// order of their names; one hides others of its name in the directories after it.
func (d *DropIn) behind(dirs []string, name string) (files []string) {
	hidden := map[string]bool{}
	for _, dir := range dirs {
		for _, e := range d.list(dir) {
			if n := e.Name(); strings.HasSuffix(n, ".conf") && n > name && !hidden[n] {
				hidden[n] = true
				files = append(files, path.Join(dir, n))
			}
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	return files
}

// list is what a directory holds, nothing where it is none: to open a FIFO would wait.
func (d *DropIn) list(dir string) []fs.DirEntry {
	real, info := d.behindLinks(dir)
	if info == nil || !info.IsDir() {
		return nil
	}
	entries, err := fs.ReadDir(d.root.FS(), real)
	if err != nil {
		return nil
	}
	return entries
}

// plain is the plain file that a name leads to. False is one that hides others by
// leading to /dev/null, that is no plain file, or that is not there.
func (d *DropIn) plain(file string) (string, bool) {
	real, info := d.behindLinks(file)
	return real, info != nil && info.Mode().IsRegular()
}

// behindLinks is what a name leads to, nil where it is nothing: os.Root follows no
// absolute link, though "/etc/sysctl.conf" is one to below the root.
func (d *DropIn) behindLinks(file string) (string, fs.FileInfo) {
	const hops = 8
	for range hops {
		info, err := d.root.Lstat(file)
		if err != nil {
			return "", nil
		}
		if info.Mode()&os.ModeSymlink == 0 {
			return file, info
		}
		to, err := d.root.Readlink(file)
		if err != nil {
			return "", nil
		}
		if !path.IsAbs(to) {
			to = path.Join("/", path.Dir(file), to)
		}
		file = strings.TrimPrefix(path.Clean(to), "/")
	}
	return "", nil
}

// lines are those of a file, by number from 1.
func (d *DropIn) lines(file string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		f, err := d.root.Open(file)
		if err != nil {
			return
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(io.LimitReader(f, confMax))
		lines.Buffer(nil, confMax+1)
		for n := 1; lines.Scan() && yield(n, lines.Text()); n++ {
		}
	}
}

// isComment reports whether a line without blanks around it says nothing.
func isComment(line string) bool { return line == "" || line[0] == '#' || line[0] == ';' }
