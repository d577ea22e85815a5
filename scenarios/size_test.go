package scenarios

import "testing"

// Catches a suffix with another power, and a limit of the range that moved.
func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "64KiB": 1 << 16, "16MiB": 1 << 24, "3GiB": 3 << 30,
		"9007199254740992": MaxSize, "8388608GiB": MaxSize,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", in, got, err, want)
		}
	}
}

// Catches a size that is guessed at instead of refused.
func TestParseSizeRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                    `size "": write digits and KiB, MiB or GiB, such as 16MiB`,
		"MiB":                 `size "MiB": write digits and KiB, MiB or GiB, such as 16MiB`,
		"16 MiB":              `size "16 MiB": write 16MiB (powers of 1024) or plain bytes`,
		"16M":                 `size "16M": write 16MiB (powers of 1024) or plain bytes`,
		"16mb":                `size "16mb": write 16MiB (powers of 1024) or plain bytes`,
		"1kB":                 `size "1kB": write 1KiB (powers of 1024) or plain bytes`,
		"1TiB":                `size "1TiB": write digits and KiB, MiB or GiB, such as 16MiB`,
		"-1":                  `size "-1": a size is not negative`,
		"+1":                  `size "+1": write digits and KiB, MiB or GiB, such as 16MiB`,
		"0x10":                `size "0x10": write digits and KiB, MiB or GiB, such as 16MiB`,
		"010":                 `size "010": write digits and KiB, MiB or GiB, such as 16MiB`,
		"1e6":                 `size "1e6": write digits and KiB, MiB or GiB, such as 16MiB`,
		"0.5GiB":              `size "0.5GiB": write a whole number, such as 1536KiB for 1.5MiB`,
		"12 parsecs":          `size "12 parsecs": write digits and KiB, MiB or GiB, such as 16MiB`,
		"9007199254740993":    `size "9007199254740993": the most is 8388608GiB`,
		"8388609GiB":          `size "8388609GiB": the most is 8388608GiB`,
		"9223372036854775808": `size "9223372036854775808": the most is 8388608GiB`,
	} {
		if n, err := ParseSize(in); err == nil || err.Error() != want {
			t.Errorf("%s: got %d, %v, want %s", in, n, err, want)
		}
	}
}

// Catches a size printed with a suffix that loses its last digits.
func TestFormatSize(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 1<<20 + 1: "1048577", 20 << 20: "20MiB", 1536 << 10: "1536KiB", -4096: "-4KiB",
	} {
		if got := FormatSize(in); got != want {
			t.Errorf("%d: got %s, want %s", in, got, want)
		}
	}
}
