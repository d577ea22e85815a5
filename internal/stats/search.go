package stats

// SearchSpec is what a search looks for, on the grid From, From+Step, ... up to To.
type SearchSpec struct {
	From, To, Step          int64
	Probability, Confidence float64
	// Most starts are spent.
	Most int
}

// Edge is what a search has found so far.
type Edge struct {
	// Threshold is the smallest limit of the grid that was shown to start with the probability asked for, at the
	// confidence asked for; 0: none was.
	Threshold int64
	// The true one lies above Lo and is at most Hi, at the confidence asked for; 0 is an end that was not shown.
	Lo, Hi int64
	// Sharp: every start below Threshold failed and none from it on.
	Sharp bool
	// Done: there is nothing more to spend a start on, or no start left to spend.
	Done   bool
	Starts int
}

// CurvePoint is the estimated probability of a start under one limit, with its pointwise interval.
type CurvePoint struct {
	Limit     int64
	P, Lo, Hi float64
}
