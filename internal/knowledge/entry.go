package knowledge

import "encoding/json"

// Kind is what sort of thing an entry tells about; also the folder of its file.
type Kind string

// The kinds, in the order of the catalogue. Where two entries answer to one
// word, the earlier kind does.
const (
	KindState    Kind = "state"
	KindError    Kind = "error"
	KindSetting  Kind = "setting"
	KindFinding  Kind = "finding"
	KindFolklore Kind = "folklore"
	KindTerm     Kind = "term" // a word of the trade: backlog, Recv-Q, netstat
)

// Kinds returns all of them in their order.
func Kinds() []Kind {
	return []Kind{KindState, KindError, KindSetting, KindFinding, KindFolklore, KindTerm}
}

// folders are where the files of a kind lie below data/LANG.
var folders = map[Kind]string{
	KindState: "states", KindError: "errors", KindSetting: "settings", KindFinding: "findings", KindFolklore: "folklore",
	KindTerm: "terms",
}

// Entry is one thing that a person may ask about, told in one language. It is
// the file data/LANG/FOLDER/ID.md: front matter, then free Markdown. Exactly
// one of the four groups of facts is set, that of Kind; a term has none, and neither
// has a finding, whose measured words need Values.
type Entry struct {
	Kind    Kind     `json:"kind"`
	ID      string   `json:"id"` // the file's name: TIME_WAIT, EADDRINUSE, tcp_tw_reuse, port-exhaustion
	Title   string   `json:"title"`
	Aliases []string `json:"aliases"` // other spellings: numbers, full names, messages
	OS      []string `json:"os"`      // linux, windows, darwin, freebsd; empty where it does not matter
	See     []string `json:"see"`     // ids of entries of any kind
	Source  []string `json:"source"`  // pages, or files at a commit, that it was checked against
	Body    string   `json:"body"`    // Markdown

	State    *StateFacts    `json:"state"`
	Error    *ErrorFacts    `json:"error"`
	Setting  *SettingFacts  `json:"setting"`
	Folklore *FolkloreFacts `json:"folklore"`

	asked []string // of the aliases, those that only a question means: in a text they mean something else
	book  *Book
}

// Fact is a sentence or a word of Markdown; "" is not known or does not apply,
// and null in JSON.
type Fact string

// MarshalJSON writes what is not known as null.
func (f Fact) MarshalJSON() ([]byte, error) {
	if f == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(f))
}

// StateFacts tell a TCP state from both ends.
type StateFacts struct {
	RFC      Fact `yaml:"rfc" json:"rfc"`           // its name in RFC 9293, "" where a kernel invented it
	Here     Fact `yaml:"here" json:"here"`         // what it means on this side
	There    Fact `yaml:"there" json:"there"`       // what the other side is in or does
	Harmless Fact `yaml:"harmless" json:"harmless"` // when it is no reason to worry
	Act      Fact `yaml:"act" json:"act"`           // who must act, and how
}

// ErrorFacts tell an error code, an event of Windows or a known message.
type ErrorFacts struct {
	Number    map[string]int  `yaml:"number" json:"number"`         // per OS; null for what has no number
	Calls     map[string]Fact `yaml:"calls" json:"calls"`           // what it means from connect, bind, accept…
	Findings  []string        `yaml:"findings" json:"findings"`     // ids, most likely first
	TellApart Fact            `yaml:"tell-apart" json:"tell_apart"` // how to tell those apart
	Next      Fact            `yaml:"next" json:"next"`             // the command to run next
}

// SettingFacts tell a setting of the system, of a process or of a socket.
type SettingFacts struct {
	Default []Default `yaml:"default" json:"default"` // oldest first
	Range   Fact      `yaml:"range" json:"range"`
	Unit    Fact      `yaml:"unit" json:"unit"`
	Scope   Fact      `yaml:"scope" json:"scope"` // namespace, host, socket or process
	Does    Fact      `yaml:"does" json:"does"`
	DoesNot Fact      `yaml:"does-not" json:"does_not"`
	Risk    Fact      `yaml:"risk" json:"risk"`
	Verdict Fact      `yaml:"verdict" json:"verdict"`   // keep, useful, harmful, obsolete or gone
	WayBack Fact      `yaml:"way-back" json:"way_back"` // the command that undoes it
}

// Default is the value that a setting has had since some version.
type Default struct {
	Since Fact `yaml:"since" json:"since"` // "4.19", "Windows Vista"; null: since it exists
	Value Fact `yaml:"value" json:"value"`
}

// FolkloreFacts tell a piece of advice that goes round.
type FolkloreFacts struct {
	Claim   Fact `yaml:"claim" json:"claim"`
	Verdict Fact `yaml:"verdict" json:"verdict"` // false, obsolete, harmful, half-true or true
	Truth   Fact `yaml:"truth" json:"truth"`
	Instead Fact `yaml:"instead" json:"instead"` // what to do
}

// common is the front matter of every kind.
type common struct {
	Title   string   `yaml:"title"`
	Aliases []string `yaml:"aliases"`
	Asked   []string `yaml:"asked"` // further aliases, not to be found in texts: "keep-alive" is HTTP's there
	OS      []string `yaml:"os"`
	See     []string `yaml:"see"`
	Source  []string `yaml:"source"`
}
