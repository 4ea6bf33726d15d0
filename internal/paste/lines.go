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

	"sockeye/internal/paste/form"
	"sockeye/internal/paste/lsof"
	"sockeye/internal/paste/viewer"
)

const (
	// headMost is how much of a text is looked at to see that it is one.
	headMost = 64 << 10
	// progressStep is how often progress is told, in bytes.
	progressStep = 8 << 20
)

// lines cuts text into lines as people wrote them: UTF-8 whatever it was, without
// line ends, quote marks and terminal colours.
type lines struct {
	from     *bufio.Reader
	progress func(int64)
	number   uint64 // of the line that was returned last, from 1; objects of one line share its
	binary   bool   // it begins as no text does
	read     int64
	told     int64
	retry    int64  // skip does not look before so much is read
	long     []byte // a line that is longer than the reader's buffer
	clean    []byte
	objects  objects // of a long line of JSON
}

func newLines(from io.Reader, progress func(int64)) *lines {
	l := &lines{progress: progress}
	raw := bufio.NewReaderSize(from, 256<<10)
	head, _ := raw.Peek(headMost) // an error comes again with the first line
	if e := wide(head[:min(len(head), 4096)]); e != nil {
		l.from = bufio.NewReaderSize(transform.NewReader(raw, e.NewDecoder()), 256<<10)
		return l
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = raw.Discard(3) // they are there
	}
	l.from, l.binary = raw, isBinary(head)
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

// isBinary: more control characters stand in it than in any text, or more zero bytes;
// of those, lsof -F0 writes one behind each field, and a log that was cut off while
// its writer went on begins with a hole full of them.
func isBinary(head []byte) bool {
	if head = bytes.TrimLeft(head, "\x00"); lsof.FieldsBegin(head) {
		return false
	}
	control, zero := controls(head)
	return control >= 8 && control*20 > len(head) || zero >= 8 && zero*4 > len(head)
}

// unprintable: a line with so many control characters is none that a program printed.
func unprintable(line []byte) bool {
	control, _ := controls(line)
	return control*16 > len(line)
}

// controls counts the characters that no table and no log holds, and the zero bytes.
func controls(text []byte) (control, zero int) {
	for _, c := range text {
		switch {
		case c == 0:
			zero++
		case c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\b' || c == 0x1b: // and these move cursors
		case c < ' ' || c == 0x7f:
			control++
		}
	}
	return control, zero
}

// next returns the next line; it is valid until the call after. io.EOF comes alone.
func (l *lines) next() ([]byte, error) {
	if l.objects.open {
		if object := l.objects.next(l); object != nil {
			return object, nil
		}
	}
	line, err := l.from.ReadSlice('\n')
	l.read += int64(len(line))
	if len(line) > 0 {
		l.number++
	}
	if len(line) > form.LineMax && viewer.JSONBegins(line) {
		l.objects.begin(line, err)
		return l.next()
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	l.tell()
	return l.cleaned(line), nil
}

// tell tells how far reading has come.
func (l *lines) tell() {
	if l.progress != nil && l.read-l.told >= progressStep {
		l.told = l.read
		l.progress(l.read)
	}
}

// rest reads a long line to its end and keeps its beginning.
func (l *lines) rest(begin []byte) ([]byte, error) {
	l.long = append(l.long[:0], begin[:min(len(begin), form.LineMax)]...)
	for {
		more, err := l.from.ReadSlice('\n')
		l.read += int64(len(more))
		l.tell()
		if err == nil || errors.Is(err, io.EOF) {
			return l.long, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

func (l *lines) cleaned(line []byte) []byte {
	line = line[:min(len(line), form.LineMax)]
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
// stamped) and boring says of them, several at once, that nobody wants them. The
// line before the first that it does not skip is kept: it tells when what follows
// happened.
func (l *lines) skip(boring func(block []byte) bool) {
	for l.read >= l.retry {
		ahead, _ := l.from.Peek(min(l.from.Buffered(), skipMost))
		end, last, n := 0, 0, uint64(0)
		for {
			length := bytes.IndexByte(ahead[end:], '\n') + 1
			if length == 0 || !form.Stamped(ahead[end:end+length]) {
				break
			}
			last, end = end, end+length
			n++
		}
		if last < skipLeast || !utf8.Valid(ahead[:last]) || bytes.IndexByte(ahead[:last], 0x1b) >= 0 || !boring(ahead[:last]) {
			l.retry = l.read + int64(max(end, 1)) // asked again behind it: each byte is looked at twice at most
			return
		}
		_, _ = l.from.Discard(last) // they are there
		l.read += int64(last)
		l.number += n - 1 // the last is read again
	}
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
		if err == nil && plausible(e, line, out) {
			return out
		}
	}
	return bytes.ToValidUTF8(line, []byte("\uFFFD"))
}

// plausible: of the three only GB18030 can be told by its result, which is all
// Chinese; of Western text it makes rare characters and refuses much. Common characters
// have two high bytes; where none stand together it is a Western letter between others.
func plausible(e encoding.Encoding, line, out []byte) bool {
	if e != simplifiedchinese.GB18030 {
		return true
	}
	paired := false
	for i := 1; i < len(line) && !paired; i++ {
		paired = line[i] >= utf8.RuneSelf && line[i-1] >= utf8.RuneSelf
	}
	if !paired {
		return false
	}
	for _, r := range string(out) {
		if r >= utf8.RuneSelf && (r < 0x4e00 || r > 0x9fff) && (r < 0x3000 || r > 0x303f) && (r < 0xff00 || r > 0xffef) {
			return false
		}
	}
	return true
}
