package join

import "fmt"

// Check says in one line why there is no such join under the driver; nil when there is.
func Check(m Mechanism, w When, systemd bool) error {
	if _, err := ParseMechanism(string(m)); err != nil {
		return err
	}
	if _, err := ParseWhen(string(w)); err != nil {
		return err
	}
	switch {
	case !systemd && (m == ByUnit || m == ByAttach):
		return fmt.Errorf("join %s: only the systemd driver has units", m)
	case m == ByUnit && w == Early:
		return fmt.Errorf("join %s: the call that makes the scope is the one that joins it, so it cannot be made early", m)
	}
	return nil
}
