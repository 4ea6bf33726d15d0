package report

// Wrap breaks a text into lines of at most width columns, at blanks and between
// Chinese characters, as reports are broken. Words that are longer, and what stands
// between backticks, stay whole: a broken path or command cannot be copied.
func Wrap(s string, width int) []string { return wrap(s, max(1, width)) }
