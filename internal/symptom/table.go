package symptom

import (
	"bytes"
	_ "embed" // messages.yaml
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"sockeye/internal/host"
)

//go:embed messages.yaml
var messagesYAML []byte

// code is an error that systems number and name.
type code struct {
	Name       string              `yaml:"name"`
	Linux      uint32              `yaml:"linux"`   // errno on Linux; 0: none
	BSD        uint32              `yaml:"bsd"`     // errno on macOS and the BSDs
	Windows    uint32              `yaml:"windows"` // Winsock's number
	UV         uint32              `yaml:"uv"`      // libuv's on Windows, without the sign
	Weight     int                 `yaml:"weight"`
	Needs      string              `yaml:"needs"` // "call": said of files too
	Call       string              `yaml:"call"`  // which fails so where nothing tells another
	Kinds      []string            `yaml:"kinds"` // names in Rust's ErrorKind and .NET's SocketError
	Texts      map[string][]string `yaml:"texts"` // by who says so
	Candidates map[string][]string `yaml:"candidates"`
}

// message is what one program says in its own words.
type message struct {
	ID         string              `yaml:"id"`
	Patterns   []string            `yaml:"patterns"`
	Not        []string            `yaml:"not"` // look-alikes: a line with one of these is none
	OS         string              `yaml:"os"`
	Runtime    host.Runtime        `yaml:"runtime"`
	Code       string              `yaml:"code"`
	Call       string              `yaml:"call"`
	Number     bool                `yaml:"number"` // the error's number follows in brackets
	Event      event               `yaml:"event"`
	Weight     int                 `yaml:"weight"` // 0: the code's
	When       map[string][]string `yaml:"when"`   // candidates by call
	Candidates []string            `yaml:"candidates"`
	Mild       bool                `yaml:"mild"`   // says nothing that a finding would be about
	Effect     bool                `yaml:"effect"` // an error that follows as its cause is what counts

	code *code
}

// event is how an event log of Windows tells a message in a language that is not known.
type event struct {
	ID     uint32 `yaml:"id"`
	Source string `yaml:"source"`
}

// severities stand in the upper bits of the InstanceId that Get-EventLog shows in place
// of an event's number: none, informational, warning, error.
var severities = []uint32{0, 1 << 30, 2 << 30, 3 << 30}

// systems are the keys of code.Texts, and the system that each stands for.
var systems = map[string]string{"posix": "", "linux": "linux", "bsd": "darwin", "windows": "windows"}

// table is messages.yaml made ready.
type table struct {
	codes    []*code
	messages []*message
	byName   map[string]*code
	byErrno  map[uint32]*code // Linux's and, where that is nothing there, BSD's numbers
	byWSA    map[uint32]*code
	byUV     map[uint32]*code

	marks  []mark // by the automaton's numbers
	find   *automaton
	around *automaton // of phrases, then runtimes
}

// markKind says what it means that a mark was found in a line.
type markKind uint8

const (
	ofText    markKind = iota // one of a code's texts
	ofMessage                 // one of a message's patterns
	ofName                    // EADDRINUSE
	ofKind                    // AddrInUse
	ofWSA                     // 10048, or 0x80072740
	ofErrno                   // what stands before an error's number: "errno"
	ofEvent                   // an event's number
	ofSource                  // the source of events
	ofTrace                   // the beginning of a stack trace that comes before its message
)

// mark is a string that the automaton looks for.
type mark struct {
	kind    markKind
	code    *code
	message *message
	os      string
	parts   [][]byte // of the pattern, lower case, in order
	anchor  int      // the part that the mark is the end of
	form    *form    // of ofErrno
	source  string   // of ofSource
	length  int      // of the mark itself
	weight  int      // of all parts together: the longer goes before the shorter
	// encoding that the parts are written in; nil: UTF-8.
	encoding encoding.Encoding
	word     bool // the pattern begins with a word's beginning and must do so in the line
}

// form is a way to write the number of an error.
type form struct {
	before  string // what stands before it, lower case
	runtime host.Runtime
	strong  bool // nothing else is written so
}

var forms = []form{
	{before: "[errno", runtime: host.Python, strong: true},
	{before: "errno"},
	{before: "os error", runtime: host.Rust, strong: true},
	{before: "socketexception (", runtime: host.DotNet, strong: true},
	{before: "code:", runtime: host.Rust},
	{before: "failed (", runtime: host.Nginx},
	{before: "socket error"},
	{before: "connect error"},
	{before: "connection error"},
}

// anchorMost is how long a mark may be: a longer one does not tell more, and each of
// its bytes makes the automaton bigger. The rest of a pattern is compared in the line.
const anchorMost = 14

// ready is read-only once it is made.
var ready = sync.OnceValue(func() *table {
	t, err := load(messagesYAML)
	if err != nil {
		panic("symptom: messages.yaml: " + err.Error()) // the build's own; tests load it
	}
	return t
})

func load(data []byte) (*table, error) {
	var file struct {
		Codes    []*code    `yaml:"codes"`
		Messages []*message `yaml:"messages"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	t := &table{codes: file.Codes, messages: file.Messages, byName: map[string]*code{},
		byErrno: map[uint32]*code{}, byWSA: map[uint32]*code{}, byUV: map[uint32]*code{}}
	if err := t.index(); err != nil {
		return nil, err
	}
	t.mark()
	var words [][]byte
	for i := range t.marks {
		m := &t.marks[i]
		if m.parts != nil {
			part := m.parts[m.anchor]
			words = append(words, part[len(part)-m.length:])
		} else {
			words = append(words, []byte(m.source))
		}
	}
	var err error
	if t.find, err = newAutomaton(words); err != nil {
		return nil, err
	}
	words = nil
	for _, p := range phrases {
		words = append(words, []byte(p.words))
	}
	for _, r := range runtimes {
		words = append(words, []byte(r.word))
	}
	t.around, err = newAutomaton(words)
	return t, err
}

func (t *table) index() error {
	for _, c := range t.codes {
		t.byName[c.Name] = c
		t.byErrno[c.Linux] = c
		if c.Windows != 0 {
			t.byWSA[c.Windows] = c
		}
		t.byUV[c.UV] = c
		for system := range c.Texts {
			if _, ok := systems[system]; !ok {
				return fmt.Errorf("%s: no system %q", c.Name, system)
			}
		}
	}
	for _, c := range t.codes {
		if t.byErrno[c.BSD] == nil {
			t.byErrno[c.BSD] = c
		}
	}
	for _, m := range t.messages {
		if m.Code != "" {
			if m.code = t.byName[m.Code]; m.code == nil {
				return fmt.Errorf("%s: no code %q", m.ID, m.Code)
			}
		}
	}
	return nil
}

// mark makes the list of all strings that are looked for.
func (t *table) mark() {
	for _, c := range t.codes {
		for _, system := range slices.Sorted(maps.Keys(c.Texts)) {
			for _, text := range c.Texts[system] {
				first := text[0]
				m := mark{kind: ofText, code: c, os: systems[system], word: first >= 'A' && first <= 'Z'}
				t.pattern(text, m)
				t.encoded(text, m)
			}
		}
		t.literal(c.Name, mark{kind: ofName, code: c})
		for _, kind := range c.Kinds {
			t.literal(kind, mark{kind: ofKind, code: c})
		}
		if c.Windows != 0 {
			t.literal(fmt.Sprintf("%d", c.Windows), mark{kind: ofWSA, code: c})
			t.literal(fmt.Sprintf("0x8007%04x", c.Windows), mark{kind: ofWSA, code: c})
			t.literal(fmt.Sprintf("(0x%04x)", c.Windows), mark{kind: ofWSA, code: c})
		}
	}
	sources := map[string]bool{}
	for _, m := range t.messages {
		for _, p := range m.Patterns {
			t.pattern(p, mark{kind: ofMessage, message: m, code: m.code, os: m.OS})
		}
		if m.Event.ID != 0 {
			for _, severity := range severities {
				t.literal(fmt.Sprintf("%d", severity|m.Event.ID), mark{kind: ofEvent, message: m, os: m.OS})
			}
			if !sources[m.Event.Source] {
				sources[m.Event.Source] = true
				t.literal(m.Event.Source, mark{kind: ofSource})
			}
		}
	}
	for i := range forms {
		t.literal(forms[i].before, mark{kind: ofErrno, form: &forms[i]})
	}
	t.literal("Traceback (most recent", mark{kind: ofTrace})
}

func (t *table) pattern(text string, m mark) { t.split(strings.Split(text, "…"), m) }

func (t *table) split(parts []string, m mark) {
	for _, part := range parts {
		m.parts = append(m.parts, lowered(nil, []byte(part)))
		m.weight += len(part)
		if len(part) > len(m.parts[m.anchor]) {
			m.anchor = len(m.parts) - 1
		}
	}
	m.length = min(len(m.parts[m.anchor]), anchorMost)
	t.marks = append(t.marks, m)
}

func (t *table) literal(text string, m mark) {
	m.source = string(lowered(nil, []byte(text)))
	m.length = len(m.source)
	t.marks = append(t.marks, m)
}

// encodings that logs of Windows and consoles are written in, for those who give
// bytes that nobody has decoded.
var encodings = []encoding.Encoding{
	charmap.Windows1252, charmap.CodePage850, charmap.Windows1251, charmap.CodePage866,
	simplifiedchinese.GBK, traditionalchinese.Big5, japanese.ShiftJIS, korean.EUCKR,
}

// encoded adds a text as each of the encodings writes it that can.
func (t *table) encoded(text string, m mark) {
	plain := strings.ReplaceAll(text, "…", "\n")
	seen := map[string]bool{plain: true}
	for _, e := range encodings {
		out, err := e.NewEncoder().String(plain)
		if err != nil || seen[out] {
			continue
		}
		seen[out] = true
		m.encoding = e
		t.split(strings.Split(out, "\n"), m)
	}
}
