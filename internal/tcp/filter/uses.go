package filter

import "slices"

// Uses reports whether the expression asks for one of the words, spelled as
// String spells them: "src", not "laddr".
func Uses(e Expr, words ...string) bool {
	switch e := e.(type) {
	case and:
		return slices.ContainsFunc(e, func(x Expr) bool { return Uses(x, words...) })
	case or:
		return slices.ContainsFunc(e, func(x Expr) bool { return Uses(x, words...) })
	case not:
		return Uses(e.x, words...)
	}
	return slices.Contains(words, wordOf(e))
}

// Loosen returns what e could select if the answers to the words were not known:
// each of their conditions is taken to hold.
func Loosen(e Expr, words ...string) Expr { return assume(e, true, words) }

func assume(e Expr, holds bool, words []string) Expr {
	each := func(xs []Expr) []Expr {
		out := make([]Expr, len(xs))
		for i, x := range xs {
			out[i] = assume(x, holds, words)
		}
		return out
	}
	switch e := e.(type) {
	case and:
		return and(each(e))
	case or:
		return or(each(e))
	case not:
		return not{assume(e.x, !holds, words)}
	}
	switch {
	case !Uses(e, words...):
		return e
	case holds:
		return all{}
	}
	return not{all{}}
}

// Values lists what the expression compares a name with, in its order: "blue" for
// the word netns of "netns blue".
func Values(e Expr, word string) []string {
	var out []string
	each := func(xs []Expr) {
		for _, x := range xs {
			out = append(out, Values(x, word)...)
		}
	}
	switch e := e.(type) {
	case and:
		each(e)
	case or:
		each(e)
	case not:
		return Values(e.x, word)
	case name:
		if nameNames[e.field] == word {
			return []string{e.value}
		}
	}
	return out
}

// wordOf names what a single term asks for; "" for the filter that asks nothing.
func wordOf(e Expr) string {
	side := func(remote bool, local, other string) string {
		if remote {
			return other
		}
		return local
	}
	switch e := e.(type) {
	case states:
		return "state"
	case host:
		return side(e.remote, "src", "dst")
	case port:
		return side(e.remote, "sport", "dport")
	case name:
		return nameNames[e.field]
	case number:
		return numberNames[e.field]
	case aged:
		return "age"
	case marked:
		return "fwmark"
	case autobound:
		return "autobound"
	}
	return ""
}
