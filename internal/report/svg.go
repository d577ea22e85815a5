package report

import (
	"encoding/xml"
	"fmt"
	"strconv"
)

// svgNode is an element of a picture. Pictures go through encoding/xml, which escapes what a runtime or a user wrote and
// cannot leave an element open; the libraries there are for SVG (ajstarks/svgo the best known) print strings as they are given.
type svgNode struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []*svgNode `xml:",any"`
}

// svgElement makes a node; attributes are names and values by turns.
func svgElement(name string, attributes ...any) *svgNode {
	n := &svgNode{XMLName: xml.Name{Local: name}}
	for i := 0; i+1 < len(attributes); i += 2 {
		n.Attrs = append(n.Attrs, xml.Attr{Name: xml.Name{Local: fmt.Sprint(attributes[i])}, Value: svgValue(attributes[i+1])})
	}
	return n
}

// svgValue keeps lengths to a tenth: what is finer cannot be seen, and differs between processors.
func svgValue(v any) string {
	if x, isFloat := v.(float64); isFloat {
		return strconv.FormatFloat(float64(int64(x*10))/10, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (n *svgNode) add(children ...*svgNode) *svgNode {
	n.Children = append(n.Children, children...)
	return n
}

func textNode(name, content string, attributes ...any) *svgNode {
	n := svgElement(name, attributes...)
	n.Text = content
	return n
}

// label is a line of text with its baseline at y.
func label(x, y float64, class, content string) *svgNode {
	return textNode("text", content, "x", x, "y", y, "class", class)
}

func rectangle(x, y, width, height float64, class string) *svgNode {
	return svgElement("rect", "x", x, "y", y, "width", width, "height", height, "class", class)
}

func moved(x, y float64) *svgNode {
	return svgElement("g", "transform", "translate("+svgValue(x)+" "+svgValue(y)+")")
}

// wrapWords breaks a sentence into lines of at most n characters, the words longer than that apart.
func wrapWords(sentence string, n int) (lines []string) {
	for line := range splitLines(Options{Width: n}.wrapped("", "", sentence)) {
		lines = append(lines, line)
	}
	return lines
}
