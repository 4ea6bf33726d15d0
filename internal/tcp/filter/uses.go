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
