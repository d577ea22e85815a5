package verdict

// Bracketed reports whether the search says up to which limit its threshold lies, be the bracket wide. One that lies beyond the
// grid is not found. Of a runtime that cannot take the order it is the natural order's edge that says so, and nothing
// does where that order was not searched.
func (s Sought) Bracketed() bool { return s.Edge.Hi > 0 }
