package paste

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// lineMax is how much of a line is looked at: tables have no longer ones.
	lineMax = 64 << 10
	// progressStep is how often progress is told, in bytes.
	progressStep = 8 << 20
)

// lines cuts text into lines as people wrote them: UTF-8 whatever it was, without
// line ends, quote marks and terminal colours.
type lines struct {
	from     *bufio.Reader
	progress func(int64)
	read     int64
	told     int64
	retry    int64  // skip does not look before so much is read
	long     []byte // a line that is longer than the reader's buffer
	clean    []byte
}

func newLines(from io.Reader, progress func(int64)) *lines {
	l := &lines{progress: progress}
	raw := bufio.NewReaderSize(from, 256<<10)
	head, _ := raw.Peek(4096) // an error comes again with the first line
	if e := wide(head); e != nil {
		l.from = bufio.NewReaderSize(transform.NewReader(raw, e.NewDecoder()), 256<<10)
		return l
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = raw.Discard(3) // they are there
	}
	l.from = raw
	return l
}

// wide recognises UTF-16, which PowerShell writes, by its mark or by every second
// byte being zero.
func wide(head []byte) encoding.Encoding {
	little, big := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return little
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return big
	}
	var even, odd int
	for i, c := range head {
		if c == 0 {
			if i%2 == 0 {
				even++
			} else {
				odd++
			}
		}
	}
	switch half := len(head) / 2; {
	case half < 8:
		return nil
	case odd > half*6/10 && even < half/10:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case even > half*6/10 && odd < half/10:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// next returns the next line; it is valid until the call after. io.EOF comes alone.
func (l *lines) next() ([]byte, error) {
	line, err := l.from.ReadSlice('\n')
	l.read += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if l.progress != nil && l.read-l.told >= progressStep {
		l.told = l.read
		l.progress(l.read)
	}
	return l.cleaned(line), nil
}

// rest reads a long line to its end and keeps its beginning.
func (l *lines) rest(begin []byte) ([]byte, error) {
	l.long = append(l.long[:0], begin[:min(len(begin), lineMax)]...)
	for {
		more, err := l.from.ReadSlice('\n')
		l.read += int64(len(more))
		if err == nil || errors.Is(err, io.EOF) {
			return l.long, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

func (l *lines) cleaned(line []byte) []byte {
	line = line[:min(len(line), lineMax)]
	line = bytes.TrimRight(line, "\r\n\x00")
	if len(line) > 0 && (line[0] == '>' || line[0] == '|') {
		line = unquoted(line)
	}
	if n := len(line); n > 2 && line[0] == '`' && line[n-1] == '`' && line[1] != '`' { // a line as code, of Markdown
		line = line[1 : n-1]
	}
	if bytes.IndexByte(line, 0x1b) >= 0 {
		l.clean = uncoloured(l.clean[:0], line)
		line = l.clean
	}
	if utf8.Valid(line) {
		return line
	}
	return decoded(line)
}

const (
	// skipMost is how many bytes are skipped at a time, skipLeast what is worth it.
	skipMost  = 32 << 10
	skipLeast = 4 << 10
)

// skip leaves out the lines to come as long as they begin with the time (see
// stamped) and boring says of them, several at once, that nobody wants them; it
// returns how many. The line before the first that it does not skip is kept: it
// tells when what follows happened.
func (l *lines) skip(boring func(block []byte) bool) (skipped uint64) {
	for l.read >= l.retry {
		ahead, _ := l.from.Peek(min(l.from.Buffered(), skipMost))
		end, last, n := 0, 0, uint64(0)
		for {
			length := bytes.IndexByte(ahead[end:], '\n') + 1
			if length == 0 || !stamped(ahead[end:end+length]) {
				break
			}
			last, end = end, end+length
			n++
		}
		if last < skipLeast || !utf8.Valid(ahead[:last]) || bytes.IndexByte(ahead[:last], 0x1b) >= 0 || !boring(ahead[:last]) {
			l.retry = l.read + int64(max(end, 1)) // asked again behind it: each byte is looked at twice at most
			return skipped
		}
		_, _ = l.from.Discard(last) // they are there
		l.read += int64(last)
		skipped += n - 1
	}
	return skipped
}

// unquoted takes off what mail and forums put before a quoted line: "> ", ">> ", "| ".
func unquoted(line []byte) []byte {
	rest := line
	for len(rest) > 0 && (rest[0] == '>' || rest[0] == '|') {
		rest = bytes.TrimPrefix(rest[1:], []byte(" "))
	}
	return rest
}

// uncoloured appends a line without its CSI sequences (ECMA-48 section 5.4).
func uncoloured(to, line []byte) []byte {
	for i := 0; i < len(line); i++ {
		if line[i] != 0x1b {
			to = append(to, line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == '[' {
			for i += 2; i < len(line) && (line[i] < 0x40 || line[i] > 0x7e); i++ {
			}
		}
	}
	return to
}

// decoded makes UTF-8 of a line in one of the code pages that consoles write.
// Which it was is a guess: what matters is found by position and by numbers.
func decoded(line []byte) []byte {
	for _, e := range []encoding.Encoding{simplifiedchinese.GB18030, charmap.CodePage850, charmap.Windows1252} {
		out, err := e.NewDecoder().Bytes(line)
		if err == nil && plausible(e, out) {
			return out
		}
	}
	return bytes.ToValidUTF8(line, []byte("\uFFFD"))
}

// plausible: of the three only GB18030 can be told by its result, which is all
// Chinese; of Western text it makes rare characters and refuses much.
func plausible(e encoding.Encoding, out []byte) bool {
	if e != simplifiedchinese.GB18030 {
		return true
	}
	for _, r := range string(out) {
		if r >= utf8.RuneSelf && (r < 0x4e00 || r > 0x9fff) && (r < 0x3000 || r > 0x303f) && (r < 0xff00 || r > 0xffef) {
			return false
		}
	}
	return true
}
