package report

func traceChrome(traces []Trace) ([]byte, error) {
	return indented(map[string]any{"traceEvents": []any{}})
}
