package diagnose

import (
	"cmp"
	"slices"
	"strings"

	"sockeye/internal/host"
)

// The ways in which connect() does not get to a destination are told apart by the
// error: a refusal is an answer, and a router's "unreachable" is another one.
const (
	refused    = "-refused"
	unroutable = "-unroutable"
	unsaid     = "-unsaid" // the message does not tell
	unusable   = "-unusable"
)

// explainsNothing reports whether a finding must not be named as another one's cause: a
// mere guess, or attempts that end at once and keep no port that others would lack.
func (f *found) explainsNothing() bool {
	return f.rumour != nil && (f.certainty == Possible || f.rumour.manner == refused)
}

// curesByManner are the remedies where the manner asks for others than the finding.
var curesByManner = map[string][]string{
	refused:    {"find-listener", "backoff"},
	unroutable: {"check-destination", "backoff"},
}

// mannerOf is what is put behind a candidate's id to find its words: "" for the usual ones.
func mannerOf(id string, sym *host.Symptom) string {
	switch name := strings.TrimPrefix(sym.Code, "WSA"); {
	case id == "address-not-local" && sym.Call == "connect" && sym.OS == "windows":
		return unusable
	case id != "unreachable-destination":
		return ""
	case name == "ECONNREFUSED":
		return refused
	case name == "EHOSTUNREACH", name == "ENETUNREACH":
		return unroutable
	case name == "" || name == "EADDRNOTAVAIL":
		return unsaid
	}
	return ""
}

// candidateWords is how the keys of the words about a suspect begin.
const candidateWords = "candidate."

// CandidateKey is the key of the words about a finding that may be behind a message
// (".name", ".what" and ".tell" of it).
func CandidateKey(id string, sym *host.Symptom) string {
	return candidateWords + id + mannerOf(id, sym)
}

// joinUnsaid lets messages that do not say why join those of the same finding and
// system that do: of several manners the one that was heard most often.
func joinUnsaid(all []*found) []*found {
	said := map[mannerKey]*found{}
	for _, f := range all {
		if f.rumour == nil || f.rumour.manner == unsaid {
			continue
		}
		k := mannerKey{f.id, f.rumour.os}
		if o := said[k]; o == nil || cmp.Or(cmp.Compare(f.heardTimes(), o.heardTimes()), cmp.Compare(o.rumour.manner, f.rumour.manner)) > 0 {
			said[k] = f
		}
	}
	return slices.DeleteFunc(all, func(f *found) bool {
		if f.rumour == nil || f.rumour.manner != unsaid {
			return false
		}
		to := said[mannerKey{f.id, f.rumour.os}]
		if to == nil {
			return false
		}
		for _, fc := range f.facts {
			if fc.heard != nil {
				to.quote(fc.heard)
			}
		}
		to.severity = graver(to.severity, f.severity)
		return true
	})
}

// mannerKey are the messages that may be of one manner.
type mannerKey struct{ id, os string }

// heardTimes is how often the messages that a finding quotes were logged.
func (f *found) heardTimes() (n uint64) {
	for _, fc := range f.facts {
		if fc.heard != nil {
			n += fc.heard.Count
		}
	}
	return n
}
