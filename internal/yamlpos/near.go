package yamlpos

import "strings"

// slips of the hand at the most: two letters exchanged are two.
const slips = 2

// longest of the words that anything is near to.
const longest = 64

// Suggest puts a word before what else an error says.
func Suggest(word string) string { return "did you mean " + word + "? else " }

// DidYouMean suggests the nearest of the words that got is only slips away from; empty where none is.
func DidYouMean(got string, words []string) string {
	best, least := "", slips+1
	for _, w := range words {
		if n := distance(got, w); n < least && n < len(w) && len(got) > slips {
			best, least = w, n
		}
	}
	if best == "" {
		return ""
	}
	return Suggest(best)
}

// NotOneOf is the rest of an error that begins with the word got, which is none of words.
func NotOneOf(got string, words []string) string {
	all := strings.Join(words, ", ")
	if hint := DidYouMean(got, words); hint != "" {
		return ": " + hint + "write one of " + all
	}
	return " is not one of " + all
}

// distance is Levenshtein's: letters put in, left out or changed. What nothing
// can be near is not measured: what a user wrote may be long.
func distance(a, b string) int {
	if len(a) > longest {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0] // of the row above
		row[0] = i + 1
		for j := range len(b) {
			change := left
			if a[i] != b[j] {
				change++
			}
			left = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
