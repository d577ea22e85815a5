// Package pool knows address pools as Docker writes them: a base, which is a
// prefix, and the size of the subnets that are cut from it. It reads and checks
// them before anything is made by them, and computes any of their subnets.
//
// A pool is three numbers however many subnets it has: none is ever listed.
// [Pool.At] computes the one that is asked for. libnetwork before Docker 27 made
// a list of them all when the daemon started, of 2^32 for
// {"base":"fd0d:0ce5::/48","size":80}.
//
// It refuses what cannot be a pool (syntax, host bits, a size that is shorter
// than the base) and, in [Pool.Check], what is one but is against the advice: more
// than 2^24 subnets, IPv6 subnets of more than 2^64 addresses, subnets without room for a
// container. It touches no disk and no network: which subnets are taken is known to
// internal/pool/lease.
//
// Its input comes from scenario files and the command line.
package pool
