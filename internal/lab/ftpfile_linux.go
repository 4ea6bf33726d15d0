package lab

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	ftpd "goftp.io/server/v2"
)

// shelf is the FTP server's file system: one file, in memory, to be read only.
type shelf struct{}

const (
	shelfFile = "/welcome.txt"
	shelfText = "The server that sends a file closes the data connection when it is done.\n"
)

var errReadOnly = errors.New("nothing can be changed here")

// shelfInfo is a file or the folder that holds it.
type shelfInfo struct {
	name string
	dir  bool
}

func (i shelfInfo) Name() string     { return i.name }
func (shelfInfo) ModTime() time.Time { return time.Time{} }
func (i shelfInfo) IsDir() bool      { return i.dir }
func (shelfInfo) Sys() any           { return nil }
func (shelfInfo) Owner() string      { return "lab" }
func (shelfInfo) Group() string      { return "lab" }
func (i shelfInfo) Size() int64 {
	if i.dir {
		return 0
	}
	return int64(len(shelfText))
}

func (i shelfInfo) Mode() os.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

func (shelf) Stat(_ *ftpd.Context, name string) (os.FileInfo, error) {
	switch path.Clean("/" + name) {
	case "/":
		return shelfInfo{"/", true}, nil
	case shelfFile:
		return shelfInfo{path.Base(shelfFile), false}, nil
	}
	return nil, fs.ErrNotExist
}

func (shelf) ListDir(_ *ftpd.Context, _ string, each func(os.FileInfo) error) error {
	return each(shelfInfo{path.Base(shelfFile), false})
}

func (shelf) GetFile(_ *ftpd.Context, name string, offset int64) (int64, io.ReadCloser, error) {
	if path.Clean("/"+name) != shelfFile || offset < 0 || offset > int64(len(shelfText)) {
		return 0, nil, fs.ErrNotExist
	}
	rest := []byte(shelfText[offset:])
	return int64(len(rest)), io.NopCloser(bytes.NewReader(rest)), nil
}

func (shelf) DeleteDir(*ftpd.Context, string) error      { return errReadOnly }
func (shelf) DeleteFile(*ftpd.Context, string) error     { return errReadOnly }
func (shelf) Rename(*ftpd.Context, string, string) error { return errReadOnly }
func (shelf) MakeDir(*ftpd.Context, string) error        { return errReadOnly }
func (shelf) PutFile(*ftpd.Context, string, io.Reader, int64) (int64, error) {
	return 0, errReadOnly
}
