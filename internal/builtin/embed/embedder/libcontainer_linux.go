//go:build cgo

package embedder

import (
	_ "github.com/opencontainers/cgroups/devices" // without it, device rules are refused
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // C that sets up init's namespaces
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Init is the whole of a process that was executed as a container's init. It does not return.
func Init() { libcontainer.Init() }

type container = *libcontainer.Container

func createContainer(root, id string, config *configs.Config) (container, error) {
	return libcontainer.Create(root, id, config)
}

func setUser(p *libcontainer.Process, u specs.User) {
	p.UID, p.GID = int(u.UID), int(u.GID)
	for _, gid := range u.AdditionalGids {
		p.AdditionalGroups = append(p.AdditionalGroups, int(gid))
	}
}
