// Package html draws a verdict or a summary as one page that stands alone: report.html.
//
// It is fed by internal/verdict, and by the stored run for what a verdict does not hold: which record a point is of, and the
// timelines of single starts. Like internal/report it computes no figure: what it shows of the verdict carries the
// raw number (data-key, data-value) under the key that --format json has it by, so that a test holds the two together.
//
// What it refuses: to load anything (its own policy forbids all but the one style and the one script that are in it, by their
// hashes), to need that script for more than comfort, to show what is missing as 0, and to grow with the run: of
// more records than fit some are left out, and the page says how many.
package html
