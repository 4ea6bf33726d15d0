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

// notText are files that are often given by mistake, by how they begin.
var notText = []struct{ begins, is string }{
	{"\x89PNG\r\n", "a picture (PNG)"}, {"\xff\xd8\xff", "a picture (JPEG)"}, {"GIF8", "a picture (GIF)"},
	{"BM", "a picture (BMP)"}, {"RIFF", "a picture or a film (RIFF)"}, {"%PDF-", "a PDF document"},
	{"\x7fELF", "a program (ELF)"}, {"MZ", "a Windows program"}, {"\xcf\xfa\xed\xfe", "a macOS program"},
	{"\xd4\xc3\xb2\xa1", "a packet capture (pcap)"}, {"\xa1\xb2\xc3\xd4", "a packet capture (pcap)"},
	{"\x4d\x3c\xb2\xa1", "a packet capture (pcap)"}, {"\x0a\x0d\x0d\x0a", "a packet capture (pcapng)"},
	{"\xd0\xcf\x11\xe0", "an old Office document or a Windows installer"}, {"ElfFile\x00", "a Windows event log (.evtx)"},
	{"SQLite format 3\x00", "an SQLite database"}, {"JAVA PROFILE", "a Java heap dump"},
}

// noText refuses what is no text by how it begins. Two letters may begin a text as
// well: then its zero bytes decide.
func noText(name string, head []byte) error {
	for _, m := range notText {
		if bytes.HasPrefix(head, []byte(m.begins)) && (len(m.begins) > 3 || bytes.IndexByte(head, 0) >= 0 || head[0] >= 0x80) {
			return &exit{code: exitFailed, err: fmt.Errorf("%s looks like %s, not like text", name, m.is),
				hint: "save what the program prints as text: netstat -ano > netstat.txt"}
		}
	}
	return nil
}

// folderSmall is how many files a folder may have for those that are no text to be
// named. It was made for this, so that all of them were meant; of a whole machine's
// report nobody expects the pictures to be read.
const folderSmall = 64

// noTexts are the files of a small folder that are no text.
func noTexts(folder string) (found []left) {
	files := 0
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || name == folder {
			return nil // whoever reads it tells
		}
		if files++; files > folderSmall {
			return fs.SkipAll
		}
		head, _ := headOf(name)
		if err := noText(name, head); err != nil {
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
func progressLine(app App, size int64) (told func(read int64), end func()) {
	if !app.StderrTTY {
		return nil, func() {}
	}
	began, shown := time.Now(), false
	told = func(read int64) {
		if time.Since(began) < progressAfter {
			return
		}
		shown = true
		if size > 0 {
			fmt.Fprintf(app.Stderr, "\r\x1b[Kreading: %d of %d MB", read>>20, size>>20)
		} else {
			fmt.Fprintf(app.Stderr, "\r\x1b[Kreading: %d MB", read>>20)
		}
	}
	return told, func() {
		if shown {
			fmt.Fprint(app.Stderr, "\r\x1b[K")
		}
	}
}
