//go:build unix

package act

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// logPaths are where a logging service listens (openlog(3) of the C library, and
// those that Go's log/syslog tries).
var logPaths = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// logPatience is how long one line may wait: a service that is stuck itself must
// not keep anybody from first aid. log/syslog knows no such bound.
const logPatience = 500 * time.Millisecond

// SystemLog is the logging service of this machine.
type SystemLog struct{ conn net.Conn }

// OpenLog connects to the logging service; an error where there is none.
func OpenLog() (*SystemLog, error) { return openLog(logPaths) }

func openLog(paths []string) (*SystemLog, error) {
	var errs []error
	for _, path := range paths {
		conn, err := net.DialTimeout("unixgram", path, logPatience)
		if err == nil {
			return &SystemLog{conn}, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
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
