package svg

import (
	"encoding/xml"
	"math"
	"testing"
)

// Catches text that becomes an element or an attribute, and a length that is no number.
func TestNodesAreEscaped(t *testing.T) {
	n := Element("g", "class", `a" onload="x`).Add(TextNode("title", "</title><script>"), nil, Line(0, math.NaN(), math.Inf(1), 1.25, "rule"))
	text, err := xml.Marshal(n)
	want := `<g class="a&#34; onload=&#34;x"><title>&lt;/title&gt;&lt;script&gt;</title><path d="M0 0L0 1.2" class="rule"></path></g>`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v\nwant %s", text, err, want)
	}
}
