package runner

import (
	"context"

	"github.com/initbench/initbench/cgroupjoin"
)

// runScope is that of the journal's entries about what the whole run shares.
const runScope = "run"

// scopes tell whose a name is that is about to be journalled. Trees are made by several goroutines at once, and
// cgroupjoin says a thing's name, not whom it makes it for; so whoever makes a tree claims its names before. The collector guards it.
type scopes struct{ owner map[string]string } // by name

// of is the scope that has claimed a name.
func (s *scopes) of(name string) string {
	if scope, claimed := s.owner[name]; claimed {
		return scope
	}
	return runScope
}

func (s *scopes) claim(scope string, items []cgroupjoin.Item) {
	if s.owner == nil {
		s.owner = map[string]string{}
	}
	for _, it := range items {
		s.owner[it.Name] = scope
	}
}

// drop forgets a scope whose things are gone.
func (s *scopes) drop(scope string) {
	for name, owner := range s.owner {
		if owner == scope {
			delete(s.owner, name)
		}
	}
}

// makeTree makes a tree of cgroups whose things are scope's in the journal.
func (c *collector) makeTree(ctx context.Context, scope string, d cgroupjoin.Driver, spec cgroupjoin.Spec) (*cgroupjoin.Tree, error) {
	if err := c.claim(scope, d, spec); err != nil {
		return nil, err
	}
	return c.host.Make(ctx, d, spec)
}

func (c *collector) claim(scope string, d cgroupjoin.Driver, spec cgroupjoin.Spec) error {
	items, err := c.host.Names(d, spec)
	if err != nil {
		return err
	}
	c.shared.Lock()
	defer c.shared.Unlock()
	c.scopes.claim(scope, items)
	return nil
}
