// Package svg builds pictures out of elements.
//
// Pictures go through encoding/xml, which escapes what a runtime or a user wrote and cannot leave an element open; the
// libraries there are for SVG (ajstarks/svgo the best known) print strings as they are given.
//
// It knows nothing of what is drawn, and refuses lengths that are no numbers: they are drawn as 0, for one NaN makes
// browsers drop the whole element, and say so on the console.
//
// It is fed by internal/report and internal/report/html, which share no other code that draws.
package svg

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
)

// Node is an element of a picture.
type Node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []*Node    `xml:",any"`
}

// Element makes a node; attributes are names and values by turns.
func Element(name string, attributes ...any) *Node {
	n := &Node{XMLName: xml.Name{Local: name}}
	return n.With(attributes...)
}

// With adds attributes, names and values by turns.
func (n *Node) With(attributes ...any) *Node {
	for i := 0; i+1 < len(attributes); i += 2 {
		n.Attrs = append(n.Attrs, xml.Attr{Name: xml.Name{Local: fmt.Sprint(attributes[i])}, Value: Value(attributes[i+1])})
	}
	return n
}

// Value keeps lengths to a tenth: what is finer cannot be seen, and differs between processors.
func Value(v any) string {
	x, isFloat := v.(float64)
	switch {
	case !isFloat:
		return fmt.Sprint(v)
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "0"
	}
	return strconv.FormatFloat(float64(int64(x*10))/10, 'f', -1, 64)
}

// Add puts children behind those there are; nil ones are none.
func (n *Node) Add(children ...*Node) *Node {
	for _, c := range children {
		if c != nil {
			n.Children = append(n.Children, c)
		}
	}
	return n
}

// TextNode is an element with text in it.
func TextNode(name, content string, attributes ...any) *Node {
	n := Element(name, attributes...)
	n.Text = content
	return n
}

// Label is a line of text with its baseline at y.
func Label(x, y float64, class, content string) *Node {
	return TextNode("text", content, "x", x, "y", y, "class", class)
}

// Rectangle is one by its upper left corner.
func Rectangle(x, y, width, height float64, class string) *Node {
	return Element("rect", "x", x, "y", y, "width", width, "height", height, "class", class)
}

// Line is a straight one.
func Line(x1, y1, x2, y2 float64, class string) *Node {
	return Element("path", "d", "M"+Value(x1)+" "+Value(y1)+"L"+Value(x2)+" "+Value(y2), "class", class)
}

// Moved is a group whose origin is elsewhere.
func Moved(x, y float64, children ...*Node) *Node {
	return Element("g", "transform", "translate("+Value(x)+" "+Value(y)+")").Add(children...)
}

// Hatches are the marks by which patterns differ where colours cannot be told apart, in a square of 6.
var Hatches = struct{ Rising, Crossed, Level, Upright, Dashed string }{
	"M0 6L6 0M-1 1L1 -1M5 7L7 5", "M0 6L6 0M0 0L6 6", "M0 3H6", "M3 0V6", "M2 3H4",
}

// Pattern is a fill of hatches.
func Pattern(id, hatch, class string) *Node {
	return Element("pattern", "id", id, "width", 6, "height", 6, "patternUnits", "userSpaceOnUse").Add(
		Element("path", "d", "M0 0"+hatch, "class", class))
}
