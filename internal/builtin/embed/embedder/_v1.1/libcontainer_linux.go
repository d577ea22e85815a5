//go:build cgo

// For libcontainer 1.1, which has factories, and whose init is its caller's to prepare.
package embedder

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // C that sets up init's namespaces
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
)

// Init is the whole of a process that was executed as a container's init: what runc 1.1's init.go does. It does not return.
func Init() {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	fd, err := strconv.Atoi(os.Getenv("_LIBCONTAINER_LOGPIPE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed: init: _LIBCONTAINER_LOGPIPE:", err)
		os.Exit(1)
	}
	if level, err := strconv.Atoi(os.Getenv("_LIBCONTAINER_LOGLEVEL")); err == nil {
		logrus.SetLevel(logrus.Level(level))
	}
	logrus.SetOutput(os.NewFile(uintptr(fd), "logpipe"))
	logrus.SetFormatter(new(logrus.JSONFormatter))
	factory, err := libcontainer.New("")
	if err == nil {
		_ = factory.StartInitialization() // it has told its parent
	}
	os.Exit(1)
}

type container = libcontainer.Container

func createContainer(root, id string, config *configs.Config) (container, error) {
	factory, err := libcontainer.New(root)
	if err != nil {
		return nil, err
	}
	return factory.Create(id, config)
}

func setUser(p *libcontainer.Process, u specs.User) {
	p.User = strconv.Itoa(int(u.UID)) + ":" + strconv.Itoa(int(u.GID))
	for _, gid := range u.AdditionalGids {
		p.AdditionalGroups = append(p.AdditionalGroups, strconv.Itoa(int(gid)))
	}
}
