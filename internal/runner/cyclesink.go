package runner

// Cycle is how far a session is.
type Cycle struct {
	Trial int `json:"trial"`
	// Cycle was counted last, of so many.
	Cycle int `json:"cycle"`
	Of    int `json:"of"`
}

// CycleSink is a Sink that is told of each cycle too. It is progress, and no part of the run: nothing is stored of it.
type CycleSink interface{ Cycle(Cycle) }
