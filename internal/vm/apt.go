package vm

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// aptSource is one place that this machine takes Debian packages from.
type aptSource struct {
	uri      string
	suites   []string
	signedBy string // a keyring's path, or ""
}

// line is the source in apt's one-line format, for one suite.
func (s aptSource) line(suite Suite) string {
	options := ""
	if s.signedBy != "" {
		options = "[signed-by=" + s.signedBy + "] "
	}
	return fmt.Sprintf("deb %s%s %s main", options, s.uri, suite)
}

// debianSuites are the names under which a Debian archive is found in a source
// list. A mirror that has one of them has the others.
var debianSuites = []string{
	"bullseye", "bookworm", "trixie", "forky", "sid",
	"oldoldstable", "oldstable", "stable", "testing", "unstable",
}

// debianMirror picks the source to build a guest from: the first that offers a
// Debian release itself (not its updates or security suites, which live
// elsewhere) with the main component.
func debianMirror(etcApt string) (aptSource, error) {
	sources, err := readSources(etcApt)
	if err != nil {
		return aptSource{}, err
	}
	for _, s := range sources {
		if slices.ContainsFunc(s.suites, func(name string) bool { return slices.Contains(debianSuites, name) }) {
			return s, nil
		}
	}
	return aptSource{}, &EnvError{
		Problem: "no Debian mirror in " + etcApt + "/sources.list or " + etcApt + "/sources.list.d to build the guest from",
		Remedy:  "add a \"deb URI SUITE main\" line of a Debian mirror",
	}
}

// readSources reads sources.list first and sources.list.d in apt's own order.
func readSources(etcApt string) ([]aptSource, error) {
	names := []string{filepath.Join(etcApt, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob(filepath.Join(etcApt, "sources.list.d", pattern))
		if err != nil {
			return nil, fmt.Errorf("apt sources: %w", err)
		}
		names = append(names, found...)
	}
	slices.Sort(names[1:])
	var all []aptSource
	for _, name := range names {
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("apt sources: %w", err)
		}
		if strings.HasSuffix(name, ".sources") {
			all = append(all, parseDeb822(string(data))...)
		} else {
			all = append(all, parseOneLine(string(data))...)
		}
	}
	return all, nil
}

// parseOneLine reads "deb [options] URI SUITE COMPONENT..." lines. Lines it cannot
// use are passed over: judging them is apt's business.
func parseOneLine(text string) []aptSource {
	var sources []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, found := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !found || strings.TrimLeft(rest, " \t") == rest {
			continue
		}
		options := ""
		if open, after, found := strings.Cut(rest, "["); found && strings.TrimSpace(open) == "" {
			options, rest, found = strings.Cut(after, "]")
			if !found {
				continue
			}
		}
		fields := strings.Fields(rest)
		if len(fields) < 3 || !slices.Contains(fields[2:], "main") || !usableURI(fields[0]) {
			continue
		}
		sources = append(sources, aptSource{uri: fields[0], suites: fields[1:2], signedBy: keyring(option(options, "signed-by"))})
	}
	return sources
}

// option finds one of the blank-separated key=value pairs between brackets.
func option(options, key string) string {
	for _, field := range strings.Fields(options) {
		if value, found := strings.CutPrefix(field, key+"="); found {
			return value
		}
	}
	return ""
}

// parseDeb822 reads stanzas of "Field: value" lines, the .sources format.
func parseDeb822(text string) []aptSource {
	var sources []aptSource
	for _, stanza := range stanzas(text) {
		words := func(field string) []string { return strings.Fields(strings.Join(stanza[field], " ")) }
		if !slices.Contains(words("types"), "deb") || !slices.Contains(words("components"), "main") ||
			slices.Contains(words("enabled"), "no") {
			continue
		}
		for _, uri := range words("uris") {
			if usableURI(uri) {
				sources = append(sources, aptSource{uri: uri, suites: words("suites"), signedBy: keyring(strings.Join(words("signed-by"), " "))})
			}
		}
	}
	return sources
}

// stanzas splits deb822 text into maps from lower-case field names to the field's lines.
func stanzas(text string) []map[string][]string {
	var all []map[string][]string
	current, last := map[string][]string{}, ""
	for line := range strings.Lines(text + "\n\n") {
		field, value, found := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			if len(current) > 0 {
				all = append(all, current)
			}
			current, last = map[string][]string{}, ""
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			current[last] = append(current[last], strings.TrimSpace(line))
		case found:
			last = strings.ToLower(strings.TrimSpace(field))
			current[last] = []string{strings.TrimSpace(value)}
		}
	}
	return all
}

// special are the characters that mean something in a one-line source.
const special = "#[]"

// usableURI refuses what mmdebstrap cannot fetch from unattended, or what could not
// be written down for it.
func usableURI(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme != "" && u.Scheme != "cdrom" && u.Path+u.Opaque != "" && !strings.ContainsAny(uri, special)
}

// keyring keeps a Signed-By value that is the path of one keyring. Others (key
// fingerprints, a key inside the file) only narrow which keys count, and without
// them the keys that apt trusts anyway decide.
func keyring(value string) string {
	value = strings.TrimSpace(value)
	if filepath.IsAbs(value) && !strings.ContainsFunc(value, unicode.IsSpace) && !strings.ContainsAny(value, ","+special) {
		return value
	}
	return ""
}
