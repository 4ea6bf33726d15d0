// Package knowledge holds the words: what every finding, remedy, limit, state
// and blind spot is called and what it means, in English and Chinese, as data
// files (data/LANG/…) that are compiled in.
//
// In: an id and the Values that were measured.
// Out: sentences. It decides nothing; tests hold both languages to the same
// entries, the same variables and the same commands.
package knowledge
