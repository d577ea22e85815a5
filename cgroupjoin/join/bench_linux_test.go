package join_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/cgroupjoin/idle"
	. "github.com/initbench/initbench/cgroupjoin/join"
)

// BenchmarkJoin gives the median of each join alone as ns/op; what is prepared and removed around each is not
// in it. fork is what a birth is to be set beside: the start of the same process without a join. Use -benchtime Nx,
// since go test times the preparation when it looks for N by itself.
func BenchmarkJoin(b *testing.B) {
	for _, d := range cgroupjoin.Drivers() {
		b.Run(string(d), func(b *testing.B) {
			s := newStage(b, d, 1)
			b.Run("fork", func(b *testing.B) { s.bench(b, s.fork) })
			for _, m := range Mechanisms() {
				for _, w := range Whens() {
					if Check(m, w, d == cgroupjoin.Systemd) == nil {
						b.Run(fmt.Sprintf("%s/%s", m, w), func(b *testing.B) { s.bench(b, func() time.Duration { return s.time(m, w, 1) }) })
					}
				}
			}
			for _, threads := range []int{1, 64, 1024} {
				b.Run(fmt.Sprintf("procs/early/threads=%d", threads), func(b *testing.B) {
					s.bench(b, func() time.Duration { return s.time(ByProcs, Early, threads) })
				})
			}
		})
	}
}

func (s *stage) bench(b *testing.B, once func() time.Duration) {
	var took []time.Duration
	for range b.N {
		took = append(took, once())
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns/op")
}

// fork starts a process and ends it.
func (s *stage) fork() time.Duration {
	p, err := s.program.Hold(1)
	must(s.tb, err)
	must(s.tb, s.tree.Settle(context.Background()))
	began := time.Now()
	must(s.tb, p.Cmd.Start())
	took := time.Since(began)
	must(s.tb, p.Ready(context.Background()))
	_, err = p.End()
	check(s.tb, err)
	return took
}

// time makes one join on a machine at rest.
func (s *stage) time(m Mechanism, w When, threads int) time.Duration {
	ctx, target := context.Background(), s.target()
	j := s.joiner(m, w, target)
	p, err := s.program.Hold(threads)
	must(s.tb, err)
	must(s.tb, j.Prepare(ctx))
	var took time.Duration
	if m == ByBirth {
		took = s.birth(j, p)
	} else {
		took = s.join(j, p)
	}
	check(s.tb, j.Close())
	_, err = p.End()
	check(s.tb, err)
	s.remove(target)
	return took
}

func (s *stage) birth(j Joiner, p *idle.Process) time.Duration {
	must(s.tb, s.tree.Settle(context.Background()))
	began := time.Now()
	must(s.tb, j.Start(context.Background(), p.Cmd))
	took := time.Since(began)
	must(s.tb, p.Ready(context.Background()))
	return took
}

func (s *stage) join(j Joiner, p *idle.Process) time.Duration {
	must(s.tb, j.Start(context.Background(), p.Cmd))
	must(s.tb, p.Ready(context.Background()))
	must(s.tb, s.tree.Settle(context.Background()))
	began := time.Now()
	must(s.tb, j.Join(context.Background(), p.Pid()))
	return time.Since(began)
}
