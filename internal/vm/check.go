package vm

// CheckSuite names the QEMU of this machine and says why it cannot boot the suite's kernel.
func CheckSuite(s Suite) (qemu string, err error) {
	q, err := findQEMU()
	if err != nil {
		return "", err
	}
	return "QEMU " + q.Version, q.supports(s)
}
