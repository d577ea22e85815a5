package ininit

const (
	// Variable has init copy its executable before anything else, if its value is Memfd.
	Variable = "_INITBENCH_CLONE_IN_INIT"
	// Memfd is the only way there is: sendfile(2) into a sealed memfd.
	Memfd = "memfd"
)
