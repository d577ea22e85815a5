package policy

import "fmt"

// didYouMean names the word that a slip of the hand away from got would have been.
func didYouMean(got string, words []string) string {
	best, slips := "", 3 // two letters exchanged are two
	for _, w := range words {
		if n := distance(got, w); n < slips && n < len(w) {
			best, slips = w, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s? else ", best)
}

// distance is Levenshtein's. What is far longer than any word is not measured.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
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
