package paste

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
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
	// treeSniffed is how many files are opened to see what they begin with.
	treeSniffed = 20_000
)

// ErrArchive is an archive that cannot be read: its compression is not known here,
// or it is damaged. What it wraps says which.
var ErrArchive = errors.New("archive")

// ErrDevice is a device, which may have no end and is not what anybody saved.
var ErrDevice = errors.New("it is a device, not a saved text")

// tree goes through files: visit is called for each, and may keep nothing of it.
// It may be called again, from the beginning.
type tree func(visit func(member) error) error

// member is what stands in a folder or an archive.
type member struct {
	name string // "/"-separated, never leading out
	size int64  // 0: not known
	from io.Reader
	link string // of a symbolic link: where it leads, by the tree's own names
	err  error  // it may not be looked at
}

// regular: it is a file.
func (m *member) regular() bool { return m.from != nil }

// close closes a file that was opened to be read.
func (m *member) close() {
	if closer, ok := m.from.(io.Closer); ok {
		_ = closer.Close() // it was only read
	}
}

// Open reads whatever path is: a text, a folder, or an archive of one (tar,
// compressed with gzip or bzip2, or zip). Errors are the system's, ErrArchive,
// ErrNoText, ErrDevice, or ctx's.
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
	if info.Mode()&fs.ModeDevice != 0 && file != os.DevNull {
		return ErrDevice
	}
	if !info.Mode().IsRegular() {
		f, err := openPipe(ctx, file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		// Whoever waits for a pipe is called back; what is none cannot be, and does
		// not wait.
		defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
		return s.Stream(ctx, f, name, progress)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return s.whole(ctx, f, info.Size(), name, progress)
}

// again is what can be read more than once: a file, or bytes in memory.
type again interface {
	io.ReadSeeker
	io.ReaderAt
}

// whole reads a text or an archive that can be read again.
func (s *Session) whole(ctx context.Context, f again, size int64, name string, progress func(int64)) error {
	head := make([]byte, archiveHead)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	if isZip(head) {
		z, err := zip.NewReader(f, size)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
		return s.tree(ctx, treeOfZip(z), progress)
	}
	begin := func() (io.Reader, error) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return unpacked(head, &interruptible{ctx, f})
	}
	from, err := begin()
	if err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(from, 4096)
	if inner, _ := buffered.Peek(archiveHead); isTar(inner) { // an error comes again
		return s.tree(ctx, treeOfTar(begin), progress)
	}
	if isPacked(head) {
		size = 0
	}
	return s.text(ctx, buffered, name, size, progress)
}

// text reads a text; where its compression is damaged, what came before the damage
// is worth having.
func (s *Session) text(ctx context.Context, from io.Reader, name string, size int64, progress func(int64)) error {
	lines, parts := s.lines, len(s.pass.parts)
	err := s.Read(ctx, from, name, size, progress)
	if !errors.Is(err, ErrArchive) && !errors.Is(err, io.ErrUnexpectedEOF) || s.lines == lines {
		return err
	}
	if all := s.pass.parts; len(all) > parts {
		all[len(all)-1].Cut, all[len(all)-1].broken = true, true
	}
	s.pass.builder.Cannot("paste-damaged", name)
	return nil
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
	return func(visit func(member) error) error {
		return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && name == ".":
				return err
			case err != nil:
				return visit(member{name: name, err: err})
			case d.Type()&fs.ModeSymlink != 0:
				if _, err := fs.Stat(fsys, name); err == nil {
					return nil // it leads to what is in the folder, too
				}
				return visit(member{name: name, link: linkOut})
			case d.IsDir():
				return visit(member{name: name})
			case !d.Type().IsRegular():
				return nil // pipes and devices are nobody's text
			}
			size := int64(0)
			if info, err := d.Info(); err == nil {
				size = info.Size()
			}
			return visit(member{name: name, size: size, from: &lazy{open: func() (io.ReadCloser, error) { return fsys.Open(name) }}})
		})
	}
}

// linkOut is where a link leads that leads out, or nowhere.
const linkOut = ".."

func treeOfZip(z *zip.Reader) tree {
	return func(visit func(member) error) error {
		for _, f := range z.File {
			m := member{name: f.Name}
			switch {
			case f.Mode().IsRegular():
				m.size, m.from = int64(min(f.UncompressedSize64, 1<<62)), &lazy{open: f.Open}
			case f.Mode()&fs.ModeSymlink != 0:
				m.link = linkOut
			}
			if err := visit(m); err != nil {
				return err
			}
		}
		return nil
	}
}

func treeOfTar(begin func() (io.Reader, error)) tree {
	return func(visit func(member) error) error {
		from, err := begin()
		if err != nil {
			return err
		}
		for archive := tar.NewReader(from); ; {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrArchive, err)
			}
			m := member{name: h.Name}
			switch h.Typeflag {
			case tar.TypeReg:
				m.size, m.from = h.Size, archive
			case tar.TypeSymlink:
				m.link = path.Join(path.Dir(h.Name), h.Linkname)
				if path.IsAbs(h.Linkname) {
					m.link = linkOut
				}
			}
			if err := visit(m); err != nil {
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
