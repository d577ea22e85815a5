package report

func traceTable(traces []Trace, opts Options) string { return "" }
