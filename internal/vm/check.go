package vm

// Check refuses, before anything is started, options that contradict each other
// or cannot be meant. What it refuses is a *UsageError.
func (o Options) Check() error { return o.filled().validate() }
