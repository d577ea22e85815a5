package results

// TrialSet has indexes of trials. The zero value is empty.
//
// A plan's indexes are dense, so that a million of them take 128 KiB; a file that somebody made up may have any, and
// takes a page for each.
type TrialSet struct {
	pages map[int]*[pageWords]uint64
	n     int
}

const (
	pageWords  = 16
	pageTrials = pageWords * 64
)

// Add reports whether the trial was not there yet. An index is not negative.
func (s *TrialSet) Add(trial int) bool {
	page := s.pages[trial/pageTrials]
	if page == nil {
		page = new([pageWords]uint64)
		if s.pages == nil {
			s.pages = map[int]*[pageWords]uint64{}
		}
		s.pages[trial/pageTrials] = page
	}
	word, bit := trial%pageTrials/64, uint64(1)<<(trial%64)
	if page[word]&bit != 0 {
		return false
	}
	page[word] |= bit
	s.n++
	return true
}

// Has reports whether the trial is in the set.
func (s *TrialSet) Has(trial int) bool {
	page := s.pages[trial/pageTrials]
	return trial >= 0 && page != nil && page[trial%pageTrials/64]&(1<<(trial%64)) != 0
}

// Len is the number of trials.
func (s *TrialSet) Len() int { return s.n }
