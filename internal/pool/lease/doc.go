// Package lease remembers on disk which subnets of a pool are taken, and by whom.
//
// A lease is one symbolic link, DIR/POOL/NUMBER -> OWNER: symlink(2) makes it whole or
// not at all, with its owner in it, and fails where there is one. So there is no write
// at which a killed process could leave half a lease, and nothing to repair. Memory and
// disk grow with the leases and not with the pool. Files that hold a bitmap of the pool, as
// libnetwork had them, or a counter beside the leases would be second truths.
//
// There is no fsync: a machine that crashed has none of the networks left that leases are for.
//
// It refuses to say whether an owner still lives: whoever calls [FreeOwner] knows.
// internal/network is who leases.
package lease
