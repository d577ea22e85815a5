package main

import (
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	"github.com/initbench/initbench/internal/policy"
	"github.com/initbench/initbench/internal/report"
	"github.com/initbench/initbench/internal/verdict"
	"github.com/initbench/initbench/results"
)

// judging is what runs are judged by: a policy, and what the command line puts in the place of parts of it.
type judging struct {
	file    string
	margins []string
	explain string
	planned bool // the run is made by the policy, less what other flags leave out
}

func (j *judging) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&j.file, "policy", "", "judge by this policy file (see: initbench policy init)")
	fl.StringArrayVar(&j.margins, "margin", nil, "METRIC=MARGIN instead of the policy's, such as start.latency=10% (may be repeated)")
	fl.StringVar(&j.explain, "explain", "", "instead of the tables, say how the rows of this metric came to their ruling, with all numbers")
	completeYAML(cmd, "policy")
	completeBy(cmd, "margin", completeMargins)
	complete(cmd, "explain", verdict.MetricNames()...)
}

// check refuses what is wrong before anything is started or read.
func (j *judging) check() error {
	if _, err := j.ownMargins(); err != nil {
		return err
	}
	if j.explain != "" {
		if err := checkWord("--explain", j.explain, verdict.MetricNames()...); err != nil {
			return err
		}
	}
	_, err := j.policy()
	return err
}

// checkExplain refuses an explanation where a program reads.
func (j *judging) checkExplain(o *outputs) error {
	if j.explain != "" && (len(o.files) > 0 || o.format != report.Table) {
		return usagef("--explain %s is text for a reader: leave out --format and -o", j.explain)
	}
	return nil
}

// refuseFor refuses what a run is to be judged by that is no gate's, and so is judged by nothing.
func (j *judging) refuseFor(run *results.Run) error {
	flag := ""
	switch {
	case run.Header.Gate:
		return nil
	case j.explain != "":
		flag = "--explain " + j.explain
	case len(j.margins) > 0:
		flag = "--margin " + j.margins[0]
	case j.file != "":
		flag = "--policy " + j.file
	default:
		return nil
	}
	return usagef("%s: %s is not a gate's, so nothing of it is judged: leave the flag out, or judge the run against another one with initbench compare", flag, run.Dir)
}

// policy is that of --policy, else the default one.
func (j *judging) policy() (policy.Policy, error) {
	if j.file == "" {
		return policy.Default(), nil
	}
	return policy.Load(j.file)
}

// options judge a run by --policy, else by what it was made by.
func (j *judging) options(h results.Header) (verdict.Options, error) {
	p, err := policy.Stored("run "+h.ID, h.Policy)
	if j.file != "" {
		p, err = policy.Load(j.file)
	}
	if err != nil {
		return verdict.Options{}, err
	}
	own, err := j.ownMargins()
	if err != nil {
		return verdict.Options{}, err
	}
	maps.Copy(p.Margins, own)
	return p.Options(), nil
}

// demands are those of a policy that stored runs are judged by afterwards: they were not made by it, and may lack some of its scenarios.
func (j *judging) demands() ([]verdict.Demand, error) {
	if j.file == "" || j.planned {
		return nil, nil
	}
	p, err := policy.Load(j.file)
	if err != nil {
		return nil, err
	}
	all, err := policyScenarios(p)
	if err != nil {
		return nil, err
	}
	return p.Demands(all), nil
}

// stored is the text that a run keeps of what it is judged by: the policy with the defaults it took and the margins of the command line.
func (j *judging) stored(p policy.Policy) (string, error) {
	own, err := j.ownMargins()
	p.Margins = maps.Clone(p.Margins)
	maps.Copy(p.Margins, own)
	return policy.Render(p), err
}

func (j *judging) ownMargins() (map[string]verdict.Margin, error) {
	own := map[string]verdict.Margin{}
	for _, text := range j.margins {
		name, m, err := verdict.ParseMargin(text)
		if err != nil {
			return nil, usagef("--%w", err)
		}
		own[name] = m
	}
	return own, nil
}

// judge judges a gate, or the first run against the second, by the policy of the first.
func (j *judging) judge(runs ...*results.Run) (verdict.Verdict, error) {
	opts, err := j.options(runs[0].Header)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if opts.Demands, err = j.demands(); err != nil {
		return verdict.Verdict{}, err
	}
	if len(runs) == 1 {
		if !runs[0].Header.Gate {
			return verdict.Verdict{}, &results.InputError{Path: runs[0].Dir, Why: "is not a gate's: it has no baseline and candidate; give two runs to compare"}
		}
		return verdict.Judge(verdict.Stored(runs[0]), opts)
	}
	v, err := verdict.JudgeRuns(verdict.Stored(runs[0]), verdict.Stored(runs[1]), opts)
	if j.file == "" && otherPolicies(runs[0].Header, runs[1].Header) {
		v.Notes = append(v.Notes, fmt.Sprintf("the runs were made by different policies: that of %s judges both (--policy FILE takes the place of it)", runs[0].Dir))
	}
	return v, err
}

// otherPolicies tells whether two runs are judged by policies that say different things.
func otherPolicies(a, b results.Header) bool {
	one, err := policy.Stored("run "+a.ID, a.Policy)
	other, err2 := policy.Stored("run "+b.ID, b.Policy)
	return err != nil || err2 != nil || policy.Render(one) != policy.Render(other)
}

// answer delivers a verdict, or the explanation that was asked for, and makes it the exit code.
func (j *judging) answer(cmd *cobra.Command, out *outputs, v verdict.Verdict, runs []*results.Run) error {
	if j.explain != "" {
		w := cmd.OutOrStdout()
		if err := report.Explain(w, v, j.explain, reportOptions(w)); err != nil {
			return err
		}
		return ruledBy(v)
	}
	var run *results.Run
	if len(runs) == 1 {
		run = runs[0]
	}
	if err := out.deliver(cmd, ofVerdict(v, run)); err != nil {
		return err
	}
	return ruledBy(v)
}

// ruledBy is how a command ends that judged: with the verdict's code, and no message besides what it printed.
func ruledBy(v verdict.Verdict) error {
	if code := v.ExitCode(); code != exitPass {
		return &codeError{code: code}
	}
	return nil
}

// completeMargins offers the metrics; the margin itself is the user's to say.
func completeMargins(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, name := range verdict.MetricNames() {
		words = append(words, name+"=")
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
