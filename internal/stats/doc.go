// Package stats turns samples into estimates: a centre with its interval, the
// change between two arms with its interval, a p value. Numbers in, numbers out.
//
// It knows nothing of containers, metrics or margins, and decides nothing: that
// is internal/verdict, which feeds it. It refuses to give a finite interval to
// a sample too small for one: both ends are then infinite, and whoever asks
// whether the interval lies inside a margin gets the honest answer.
//
// The methods, each named again where it is written:
//
//   - the centre of one arm: the median with its order-statistic interval, by
//     golang.org/x/perf/benchmath;
//   - "nothing changed": the exact rank-sum test within the blocks of one run, or
//     between two runs Mann and Whitney's by benchmath;
//   - the change of a distribution: the Hodges-Lehmann estimate on logarithms,
//     over the blocks of one run (signed ranks) or between two runs (rank sums);
//   - the difference of two proportions over a ladder of strata: Newcombe's
//     hybrid score interval, stratified as Yan and Su did, and the exact
//     conditional test;
//   - classes, such as outcomes: the exact test of Freeman and Halton;
//   - many claims at once: Holm;
//   - many looks at growing data: alpha spending by Lan and DeMets, repeated intervals and p values;
//   - signs, at whatever time one looks: a test martingale;
//   - the start threshold: a search that a Bayesian model leads and test martingales prove;
//   - for drawing: the band of Dvoretzky, Kiefer and Wolfowitz, intervals of quantiles by order statistics.
package stats
