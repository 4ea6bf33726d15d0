package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sockeye/internal/knowledge"
)

// plainCause takes the operation and the path off an error: the sentence has them.
func plainCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// finite keeps the end of what it reads: a terminal goes on after Ctrl-D, and whoever
// asked again would need another one.
type finite struct {
	from io.Reader
	err  error
}

func (f *finite) Read(into []byte) (n int, err error) {
	if f.err == nil {
		n, f.err = f.from.Read(into)
	}
	return n, f.err
}

// magicSize is how much of a file is looked at to see that it is no text.
const magicSize = 4096

// notText are files that are often given by mistake, by how they begin. What each is
// called is the word "explain.is.IS".
var notText = []struct{ begins, is string }{
	{"\x89PNG\r\n", "png"}, {"\xff\xd8\xff", "jpeg"}, {"GIF8", "gif"},
	{"BM", "bmp"}, {"RIFF", "riff"}, {"%PDF-", "pdf"},
	{"\x7fELF", "elf"}, {"MZ", "exe"}, {"\xcf\xfa\xed\xfe", "macho"},
	{"\xd4\xc3\xb2\xa1", "pcap"}, {"\xa1\xb2\xc3\xd4", "pcap"},
	{"\x4d\x3c\xb2\xa1", "pcap"}, {"\x0a\x0d\x0d\x0a", "pcapng"},
	{"\xd0\xcf\x11\xe0", "office"}, {"ElfFile\x00", "evtx"},
	{"SQLite format 3\x00", "sqlite"}, {"JAVA PROFILE", "heap"},
}

// noText refuses what is no text by how it begins. Two letters may begin a text as
// well: then its zero bytes decide.
func noText(book *knowledge.Book, name string, head []byte) error {
	for _, m := range notText {
		if bytes.HasPrefix(head, []byte(m.begins)) && (len(m.begins) > 3 || bytes.IndexByte(head, 0) >= 0 || head[0] >= 0x80) {
			return refusal(exitFailed, book, "no-text", struct{ Name, Is string }{name, sentence(book, "explain.is."+m.is, nil)})
		}
	}
	return nil
}

// folderSmall is how many files a folder may have for those that are no text to be
// named. It was made for this, so that all of them were meant; of a whole machine's
// report nobody expects the pictures to be read.
const folderSmall = 64

// noTexts are the files of a small folder that are no text.
func noTexts(book *knowledge.Book, folder string) (found []left) {
	files := 0
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || name == folder {
			return nil // whoever reads it tells
		}
		if files++; files > folderSmall {
			return fs.SkipAll
		}
		head, _ := headOf(name)
		if err := noText(book, name, head); err != nil {
			found = append(found, left{name, err})
		}
		return nil
	})
	if err != nil || files > folderSmall {
		return nil
	}
	return found
}

// headOf reads the beginning of a regular file; nil for what is none and can be
// read once only.
func headOf(name string) (head []byte, size int64) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0 // whoever reads it will tell
	}
	defer func() { _ = f.Close() }()
	head = make([]byte, magicSize)
	n, _ := io.ReadFull(f, head) // a short file is one, too
	return head[:n], info.Size()
}

// progressAfter is how long reading may last in silence.
const progressAfter = time.Second

// progressLine tells on a terminal how far reading has come; nil where none is.
func progressLine(app App, book *knowledge.Book, size int64) (told func(read int64), end func()) {
	if !app.StderrTTY {
		return nil, func() {}
	}
	began, shown := time.Now(), int64(-1) // megabytes
	told = func(read int64) {
		if time.Since(began) < progressAfter || read>>20 == shown {
			return
		}
		shown = read >> 20
		fmt.Fprint(app.Stderr, "\r\x1b[K", sentence(book, "explain.reading", struct{ Read, Size int64 }{shown, size >> 20}))
	}
	return told, func() {
		if shown >= 0 {
			fmt.Fprint(app.Stderr, "\r\x1b[K")
		}
	}
}
