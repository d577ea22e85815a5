package report

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	prometheus "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// exposed is what Prometheus reads of an exposition: values by series, as {name, label, ...} in Prometheus' own order.
type exposed map[string]float64

// openMetrics parses as Prometheus does, and holds besides to what its parser lets pass: families that are not parted, each with its
// type, unit and help before its samples, no series twice, and nothing after # EOF.
func openMetrics(t *testing.T, text []byte) exposed {
	t.Helper()
	if !strings.HasSuffix(string(text), "\n# EOF\n") || strings.Count(string(text), "# EOF") != 1 {
		t.Error("it does not end with the one # EOF")
	}
	out, types, units := exposed{}, map[string]bool{}, map[string]string{}
	p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	current := ""
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("Prometheus does not read it: %v", err)
		}
		switch entry {
		case textparse.EntryType:
			name, kind := p.Type()
			current = string(name)
			if types[current] || kind != prometheus.MetricTypeGauge {
				t.Errorf("family %s of type %s: a second time, or no gauge", current, kind)
			}
			types[current] = true
		case textparse.EntryUnit:
			name, unit := p.Unit()
			units[string(name)] = string(unit)
			if string(name) != current || !strings.HasSuffix(current, "_"+string(unit)) {
				t.Errorf("unit %s of %s within the family %s", unit, name, current)
			}
		case textparse.EntryHelp:
			if name, help := p.Help(); string(name) != current || len(help) == 0 {
				t.Errorf("help %q of %s within the family %s", help, name, current)
			}
		case textparse.EntrySeries:
			_, at, value := p.Series()
			var l labels.Labels
			p.Labels(&l)
			if l.Get(prometheus.MetricNameLabel) != current || at != nil {
				t.Errorf("%s at %v within the family %s", l, at, current)
			}
			if _, twice := out[l.String()]; twice {
				t.Errorf("%s twice", l)
			}
			out[l.String()] = value
		}
	}
}

// Catches text that Prometheus refuses, or that node_exporter, which reads the older format, does: no such file is read in part.
func TestOpenMetricsIsReadByPrometheus(t *testing.T) {
	texts := map[string][]byte{
		"run": summaryIn(t, OpenMetrics, summaryOf(t, "testdata/run"), Options{}), "matrix": summaryIn(t, OpenMetrics, matrixSummary(t, false), Options{}),
		"joins": summaryIn(t, OpenMetrics, joinSummary(t), Options{}),
	}
	for ruling, v := range cases(t) {
		texts[string(ruling)] = drawn(t, OpenMetrics, v, Options{})
	}
	for name, text := range texts {
		read := openMetrics(t, text)
		parser := expfmt.NewTextParser(prometheus.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
		if err != nil {
			t.Errorf("%s: node_exporter does not read it: %v", name, err)
		}
		series := 0
		for _, f := range families {
			series += len(f.Metric)
		}
		if series != len(read) || series < 7 {
			t.Errorf("%s: %d series as OpenMetrics, %d in the older format", name, len(read), series)
		}
	}
}

// Catches a name or a path that ends a label, and with it the file.
func TestOpenMetricsEscapesLabels(t *testing.T) {
	v := cases(t)["pass"]
	v.Candidate.Ref = "./run\"c\\\n} 7"
	read := openMetrics(t, drawn(t, OpenMetrics, v, Options{}))
	found := false
	for series := range read {
		found = found || strings.Contains(series, `candidate="./run\"c\\\n} 7"`)
	}
	if !found {
		t.Errorf("no series has the candidate's reference: %v", read)
	}
}
