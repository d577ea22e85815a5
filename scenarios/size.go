package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxSize is the largest size in bytes that is accepted: 2^53, 8 PiB. Sizes are
// stored as JSON numbers, and readers that take those for doubles lose digits above it.
const MaxSize = 1 << 53

// suffixes are the IEC suffixes, largest first, so that FormatSize finds the
// shortest exact way to write a size.
var suffixes = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
}

const sizeForm = "write digits and KiB, MiB or GiB, such as 16MiB"

// ParseSize returns the bytes that s stands for: decimal digits, then KiB, MiB,
// GiB or nothing. It refuses MB and M: docker's 16M is 16 MiB, the SI's 16 MB is 4 % less,
// and a threshold is no place to guess between them.
func ParseSize(s string) (int64, error) {
	digits, unit := splitUnit(s)
	if strings.HasPrefix(s, "-") {
		return 0, sizeError(s, "a size is not negative")
	}
	if digits == "" || (digits[0] == '0' && len(digits) > 1) {
		return 0, sizeError(s, sizeForm)
	}
	factor, ok := unitBytes(unit)
	if !ok {
		return 0, sizeError(s, unitHint(digits, unit))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > MaxSize/factor {
		return 0, sizeError(s, fmt.Sprintf("the most is %s", FormatSize(MaxSize)))
	}
	return n * factor, nil
}

// FormatSize writes bytes the shortest way that ParseSize reads back exactly.
func FormatSize(bytes int64) string {
	for _, u := range suffixes {
		if bytes != 0 && bytes%u.bytes == 0 {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

func sizeError(s, right string) *Error {
	return &Error{Wrong: "size " + quoted(s), Right: right}
}

func splitUnit(s string) (digits, unit string) {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

func unitBytes(unit string) (int64, bool) {
	if unit == "" {
		return 1, true
	}
	for _, u := range suffixes {
		if unit == u.name {
			return u.bytes, true
		}
	}
	return 0, false
}

// unitHint names the IEC suffix that an SI or a short one most likely meant.
func unitHint(digits, unit string) string {
	if strings.HasPrefix(unit, ".") {
		return "write a whole number, such as 1536KiB for 1.5MiB"
	}
	u := strings.ToUpper(strings.TrimSpace(unit))
	for _, s := range suffixes {
		letter := s.name[:1]
		if u == letter || u == letter+"B" || u == letter+"IB" {
			return fmt.Sprintf("write %s%s (powers of 1024) or plain bytes", digits, s.name)
		}
	}
	return sizeForm
}
