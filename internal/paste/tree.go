package paste

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	// treeFiles and treeBytes bound what is read of a folder or an archive.
	treeFiles = 10_000
	treeBytes = 16 << 30
	// treeNames bounds what is listed before files are chosen.
	treeNames = 1 << 20
	// treeSmall is how many files a folder may have for all of them to be read:
	// it was made for this, whatever they are called.
	treeSmall = 64
)

// ErrArchive is an archive that cannot be read: its compression is not known here,
// or it is damaged. What it wraps says which.
var ErrArchive = errors.New("archive")

// tree goes through files: visit is called for each regular one, with its name
// ("/"-separated, never leading out) and its contents, which are valid during the
// call. It may be called again, from the beginning.
type tree func(visit func(name string, size int64, from io.Reader) error) error

// Open reads whatever path is: a text, a folder, or an archive of one (tar,
// compressed with gzip or bzip2, or zip). Errors are the system's, ErrArchive, or
// ctx's.
func Open(ctx context.Context, file string, o Options) (*Pasted, error) {
	s := NewSession(o)
	if err := s.Open(ctx, file, "", o.Progress); err != nil {
		return nil, err
	}
	return s.Done(), nil
}

// Open reads whatever path is (see the function of that name). name is put before
// the kinds of a text's parts unless it is empty; the files of a folder or an
// archive have their own.
func (s *Session) Open(ctx context.Context, file, name string, progress func(int64)) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(file)
		if err != nil {
			return err
		}
		defer func() { _ = root.Close() }()
		return s.tree(ctx, treeOfFS(root.FS()), progress)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	if !info.Mode().IsRegular() { // a pipe cannot be read again
		return s.Read(ctx, io.MultiReader(bytes.NewReader(head), f), name, 0, progress)
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
		return s.tree(ctx, treeOfZip(z), progress)
	}
	again := func() (io.Reader, error) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return unpacked(head, f)
	}
	from, err := again()
	if err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(from, 4096)
	inner, _ := buffered.Peek(512) // an error comes again
	if isTar(inner) {
		return s.tree(ctx, treeOfTar(again), progress)
	}
	size := info.Size()
	if from != io.Reader(f) {
		size = 0
	}
	return s.Read(ctx, buffered, name, size, progress)
}

// unpacked undoes a compression that the first bytes name.
func unpacked(head []byte, from io.Reader) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(from)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		return r, nil
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 10 && bytes.HasPrefix(head[4:], []byte("1AY&SY")):
		return bzip2.NewReader(from), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, fmt.Errorf("%w: it is compressed with xz: unpack it first (xz -d)", ErrArchive)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return nil, fmt.Errorf("%w: it is compressed with zstd: unpack it first (zstd -d)", ErrArchive)
	case bytes.HasPrefix(head, []byte("7z\xbc\xaf\x27\x1c")), bytes.HasPrefix(head, []byte("Rar!")):
		return nil, fmt.Errorf("%w: unpack it first", ErrArchive)
	}
	return from, nil
}

// isTar: the magic of POSIX and GNU tar, at byte 257.
func isTar(head []byte) bool {
	return len(head) >= 263 && bytes.Equal(head[257:262], []byte("ustar"))
}

// ReadTree reads a folder that somebody saved of one machine: a sosreport, a copy
// of /proc, or a handful of files. Files are known by their names, and what is in
// them by itself. Symbolic links are not followed.
func ReadTree(ctx context.Context, fsys fs.FS, o Options) (*Pasted, error) {
	s := NewSession(o)
	if err := s.tree(ctx, treeOfFS(fsys), o.Progress); err != nil {
		return nil, err
	}
	return s.Done(), nil
}

func treeOfFS(fsys fs.FS) tree {
	return func(visit func(string, int64, io.Reader) error) error {
		return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil && name == "." {
				return err
			}
			if err != nil || !d.Type().IsRegular() {
				return nil // what may not be read is not read; the rest is
			}
			size := int64(0)
			if info, err := d.Info(); err == nil {
				size = info.Size()
			}
			return visit(name, size, &lazy{open: func() (io.ReadCloser, error) { return fsys.Open(name) }})
		})
	}
}

func treeOfZip(z *zip.Reader) tree {
	return func(visit func(string, int64, io.Reader) error) error {
		for _, f := range z.File {
			if !f.Mode().IsRegular() {
				continue
			}
			if err := visit(f.Name, int64(min(f.UncompressedSize64, 1<<62)), &lazy{open: f.Open}); err != nil {
				return err
			}
		}
		return nil
	}
}

func treeOfTar(again func() (io.Reader, error)) tree {
	return func(visit func(string, int64, io.Reader) error) error {
		from, err := again()
		if err != nil {
			return err
		}
		for archive := tar.NewReader(from); ; {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrArchive, err)
			}
			if h.Typeflag != tar.TypeReg {
				continue
			}
			if err := visit(h.Name, h.Size, archive); err != nil {
				return err
			}
		}
	}
}

// lazy opens a file when it is first read.
type lazy struct {
	open func() (io.ReadCloser, error)
	file io.ReadCloser
}

func (l *lazy) Read(into []byte) (int, error) {
	if l.file == nil {
		f, err := l.open()
		if err != nil {
			return 0, err
		}
		l.file = f
	}
	return l.file.Read(into)
}

func (l *lazy) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// chosen lists the files that are worth reading, and says whether some were left out.
func chosen(files tree) (names map[string]bool, cut bool, err error) {
	var known, all []string
	err = files(func(name string, _ int64, _ io.Reader) error {
		if len(all) >= treeNames {
			cut = true
			return errEnough
		}
		all = append(all, name)
		if roleOf(name) != roleNone {
			known = append(known, name)
		}
		return nil
	})
	if errors.Is(err, ErrArchive) && len(all) > 0 {
		cut = true
	} else if err != nil && !errors.Is(err, errEnough) {
		return nil, false, err
	}
	if len(all) <= treeSmall {
		known = slices.DeleteFunc(all, func(name string) bool { return roleOf(name) == roleNone && notText(name) })
	}
	if len(known) > treeFiles {
		slices.SortStableFunc(known, func(a, b string) int { return int(roleOf(b)) - int(roleOf(a)) })
		known, cut = known[:treeFiles], true
	}
	names = make(map[string]bool, len(known))
	for _, name := range known {
		names[name] = true
	}
	return names, cut, nil
}

// notText: what by its name holds no text.
func notText(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".zip", ".gz", ".xz", ".bz2", ".tar", ".pcap", ".pcapng", ".exe", ".dll", ".so", ".pdf", ".hprof", ".core":
		return true
	}
	return false
}
