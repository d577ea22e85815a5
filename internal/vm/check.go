package vm

// CheckSuite names the QEMU of this machine, or says why it cannot boot the suite's kernel.
func CheckSuite(s Suite) (qemu string, err error) {
	q, err := findQEMU(s)
	if q.Version == "" {
		return "", err
	}
	return "QEMU " + q.Version, err
}
