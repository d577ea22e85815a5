package phrase

import "strings"

// Failure is what one command shows: a paragraph or several.
type Failure struct {
	Texts   []string
	Command string
}

// Together adds a paragraph to those that the same command shows.
func Together(all []Failure, text, command string) []Failure {
	for i := range all {
		if all[i].Command == command {
			all[i].Texts = append(all[i].Texts, text)
			return all
		}
	}
	return append(all, Failure{[]string{text}, command})
}

// ToSee leads to the command.
func (f Failure) ToSee() string {
	if len(f.Texts) == 1 {
		return "To see a start of it: "
	}
	return "To see a start of these: "
}

// Words are what a line may be broken between: a browser would also break an option behind its first hyphen.
func (f Failure) Words() []string { return strings.Split(f.Command, " ") }
