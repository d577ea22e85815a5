package scenarios

// Search makes a scenario one that looks for the start threshold: the smallest memory limit at which a container
// starts with a probability of at least Probability. Its trials have no limit of their own in the plan: the next one's
// follows from how those before it ended (internal/design), up to Most starts a cell. Sizes are bytes.
type Search struct {
	// From and To are the ends of the grid that is searched, Step its distance.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Step int64 `json:"step"`
	// Probability and Confidence are more than 0 and less than 1.
	Probability float64 `json:"probability"`
	Confidence  float64 `json:"confidence"`
	// Most is how many starts a cell of one arm may take.
	Most int `json:"most"`
}

// DefaultSearch is what a scenario file that says `search: {}` looks for.
func DefaultSearch() Search {
	return Search{From: 1 << 20, To: 64 << 20, Step: 256 << 10, Probability: 0.9, Confidence: 0.95, Most: 200}
}
