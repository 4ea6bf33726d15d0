//go:build unix

package act

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
)

// logPaths are where a logging service listens (openlog(3) of the C library, those
// that Go's log/syslog tries, and where journald does, which /dev/log is a link to
// where it exists: systemd-journald.service(8)).
var logPaths = []string{"/dev/log", "/run/systemd/journal/dev-log", "/var/run/syslog", "/var/run/log"}

// journal is there wherever journald runs, whether it takes lines like ours or not.
const journal = "/run/systemd/journal/socket"

// logPatience is how long one line may wait: a service that is stuck itself must
// not keep anybody from first aid. log/syslog knows no such bound.
const logPatience = 500 * time.Millisecond

// SystemLog is the logging service of this machine.
type SystemLog struct{ conn net.Conn }

// OpenLog connects to the logging service; ErrNoLog where this system has none, as in
// a container, another error where there is one that cannot be used.
func OpenLog() (*SystemLog, error) { return openLog(logPaths, journal) }

func openLog(paths []string, journal string) (*SystemLog, error) {
	var errs []error
	isThere := mayBeSocket(journal)
	for _, path := range paths {
		conn, err := net.DialTimeout("unixgram", path, logPatience)
		if err == nil {
			return &SystemLog{conn}, nil
		}
		isThere = isThere || mayBeSocket(path)
		errs = append(errs, err)
	}
	if !isThere {
		return nil, ErrNoLog
	}
	return nil, errors.Join(errs...)
}

// mayBeSocket reports whether a service has been at a path, as far as that may be seen:
// /run/log is a directory of journald's files on some systems, and no service.
func mayBeSocket(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return info.Mode().Type() == fs.ModeSocket
}

// Notice takes down a line: facility authpriv, where sudo writes as well, severity
// notice (RFC 3164).
func (l *SystemLog) Notice(line string) error {
	const priority = 10<<3 | 5
	if err := l.conn.SetWriteDeadline(time.Now().Add(logPatience)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(l.conn, "<%d>%s sockeye[%d]: %s", priority, time.Now().Format(time.Stamp), os.Getpid(), line)
	return err
}

// Close ends the connection.
func (l *SystemLog) Close() error { return l.conn.Close() }
