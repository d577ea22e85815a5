package options

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/initbench/initbench/cgroupjoin/join"
	"github.com/initbench/initbench/memfdclone"
)

// Command is a command line of the runtime, read.
type Command struct {
	Root      string
	Systemd   bool
	Debug     bool
	Log       string
	LogFormat string
	// Report is the file that create writes a memfdclone.Report to; empty for none.
	Report string
	Options

	Verb    string // "version" for --version
	ID      string
	Bundle  string
	PIDFile string
	Force   bool
	Signal  string
}

// Verbs are what the runtime can be asked to do.
var Verbs = []string{"create", "start", "state", "kill", "delete"}

// DefaultRoot is where state is kept unless --root says otherwise: not where runc keeps its.
const DefaultRoot = "/run/initbench-builtin"

// Parse reads a command line without the program's name. Like runc's, global
// flags come before the verb and the verb's before the container's ID.
func Parse(args []string) (Command, error) {
	c := Command{}
	fl := quiet()
	var version bool
	var clone, strategy, how, when string
	fl.BoolVar(&version, "version", false, "")
	fl.StringVar(&c.Root, "root", DefaultRoot, "")
	fl.BoolVar(&c.Systemd, "systemd-cgroup", false, "")
	fl.BoolVar(&c.Debug, "debug", false, "")
	fl.StringVar(&c.Log, "log", "", "")
	fl.StringVar(&c.LogFormat, "log-format", "text", "")
	fl.StringVar(&clone, "clone", "", "")
	fl.StringVar(&strategy, "strategy", "", "")
	fl.StringVar(&how, "join", "", "")
	fl.StringVar(&when, "cgroup", "", "")
	fl.StringVar(&c.Report, "report", "", "")
	fl.Int64Var(&c.Plant.Anon, "plant-anon", 0, "")
	fl.DurationVar(&c.Plant.Sleep, "plant-sleep", 0, "")
	fl.IntVar(&c.Plant.Syscalls, "plant-syscalls", 0, "")
	if err := fl.Parse(args); err != nil {
		return Command{}, err
	}
	if version {
		return Command{Verb: "version"}, nil
	}
	c.Clone, c.Strategy = memfdclone.Where(clone), memfdclone.Strategy(strategy)
	c.Join, c.Cgroup = join.Mechanism(how), join.When(when)
	if err := c.checkGlobal(); err != nil {
		return Command{}, err
	}
	return c, c.parseVerb(fl.Args())
}

func quiet() *flag.FlagSet {
	fl := flag.NewFlagSet("initbench-builtin", flag.ContinueOnError)
	fl.SetOutput(io.Discard) // the error says it all, in one line
	fl.Usage = func() {}
	return fl
}

func (c *Command) checkGlobal() error {
	if !slices.Contains([]string{"", "text", "json"}, c.LogFormat) {
		return fmt.Errorf("--log-format %q is not one of text, json", c.LogFormat)
	}
	for _, err := range []error{
		oneOf("clone", c.Clone, memfdclone.Wheres()),
		oneOf("strategy", c.Strategy, memfdclone.Strategies()),
		oneOf("join", c.Join, join.Mechanisms()),
		oneOf("cgroup", c.Cgroup, join.Whens()),
		c.Check(),
		c.CheckDriver(c.Systemd),
		absolute("root", &c.Root),
		absolute("log", &c.Log),
		absolute("report", &c.Report),
	} {
		if err != nil {
			return err
		}
	}
	if c.Root == "/" {
		return errors.New("--root must not be /") // delete removes below it
	}
	return nil
}

func oneOf[T ~string](name string, value T, all []T) error {
	if value == "" || slices.Contains(all, value) {
		return nil
	}
	return fmt.Errorf("--%s %q is not one of %s", name, string(value), list(all))
}

// absolute makes a path one: create changes to the bundle's directory.
func absolute(name string, path *string) error {
	if *path == "" {
		return nil
	}
	abs, err := filepath.Abs(*path)
	if err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	*path = abs
	return nil
}

func (c *Command) parseVerb(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no verb: want one of %s", strings.Join(Verbs, ", "))
	}
	c.Verb = args[0]
	if !slices.Contains(Verbs, c.Verb) {
		return fmt.Errorf("verb %q is not one of %s", c.Verb, strings.Join(Verbs, ", "))
	}
	fl := quiet()
	switch c.Verb {
	case "create":
		fl.StringVar(&c.Bundle, "bundle", ".", "")
		fl.StringVar(&c.Bundle, "b", ".", "")
		fl.StringVar(&c.PIDFile, "pid-file", "", "")
	case "delete":
		fl.BoolVar(&c.Force, "force", false, "")
		fl.BoolVar(&c.Force, "f", false, "")
	}
	if err := fl.Parse(args[1:]); err != nil {
		return fmt.Errorf("%s: %w", c.Verb, err)
	}
	if err := c.parseOperands(fl.Args()); err != nil {
		return fmt.Errorf("%s: %w", c.Verb, err)
	}
	return absolute("pid-file", &c.PIDFile)
}

func (c *Command) parseOperands(args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return errors.New("no container ID")
	case c.Verb == "kill" && len(args) == 2:
		c.Signal = args[1]
	case len(args) > 1:
		return fmt.Errorf("one container ID, and no %q after it: flags come before", args[1])
	}
	c.ID = args[0]
	return nil
}
