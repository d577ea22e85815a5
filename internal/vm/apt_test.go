package vm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeApt makes an /etc/apt of the given files.
func writeApt(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every format that Debian installers have written must give the mirror, and what
// is no mirror of a release must not be taken for one.
func TestDebianMirror(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string // the line for trixie; "" for none
	}{
		{"one line", map[string]string{"sources.list": "deb http://mirror.example/debian bookworm main contrib\n"},
			"deb http://mirror.example/debian trixie main"},
		{"one line with options", map[string]string{"sources.list": "# comment\ndeb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://mirror.example/debian/ stable main # end\n"},
			"deb [signed-by=/usr/share/keyrings/x.gpg] https://mirror.example/debian/ trixie main"},
		{"options with blanks", map[string]string{"sources.list": "deb\t[ trusted=yes ]\thttp://mirror.example/debian\tsid\tmain\n"},
			"deb http://mirror.example/debian trixie main"},
		{"security and updates come first", map[string]string{"sources.list": "deb http://security.example/debian-security bookworm-security main\n" +
			"deb-src http://mirror.example/src bookworm main\ndeb http://mirror.example/debian bookworm main\n"},
			"deb http://mirror.example/debian trixie main"},
		{"deb822", map[string]string{"sources.list.d/debian.sources": "Types: deb deb-src\n# comment\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"},
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian trixie main"},
		{"deb822, continued lines and a key inside", map[string]string{"sources.list.d/debian.sources": "types: deb\nuris:\n http://mirror.example/debian\nsuites: bookworm\n bookworm-updates\ncomponents: main\n contrib\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"},
			"deb http://mirror.example/debian trixie main"},
		{"deb822, second stanza", map[string]string{"sources.list.d/debian.sources": "Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n\n\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"},
			"deb http://mirror.example/debian trixie main"},
		{"a mirror list", map[string]string{"sources.list.d/debian.sources": "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n"},
			"deb mirror+file:///etc/apt/mirrors/debian.list trixie main"},
		{"sources.list before the directory", map[string]string{"sources.list": "deb http://first.example/debian bookworm main\n", "sources.list.d/a.list": "deb http://second.example/debian bookworm main\n"},
			"deb http://first.example/debian trixie main"},
		{"other files are not apt's", map[string]string{"sources.list.d/a.list.disabled": "deb http://mirror.example/debian bookworm main\n"}, ""},
		{"another distribution", map[string]string{"sources.list": "deb http://archive.example/ubuntu noble main\n"}, ""},
		{"a third party", map[string]string{"sources.list.d/node.sources": "Types: deb\nURIs: https://deb.example/node\nSuites: nodistro\nComponents: main\n"}, ""},
		{"a medium", map[string]string{"sources.list": "deb cdrom:[Debian GNU/Linux 12]/ bookworm main\n"}, ""},
		{"an unclosed bracket", map[string]string{"sources.list": "deb [arch=amd64 http://mirror.example/debian bookworm main\n"}, ""},
		{"nothing", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			mirror, err := debianMirror(writeApt(t, test.files))
			if test.want == "" {
				var env *EnvError
				if !errors.As(err, &env) || env.Remedy == "" {
					t.Fatalf("%v, %v; want an error with a remedy", mirror, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, mirror.line(Trixie)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Sources are files that anything on a machine may have written: none may crash
// the parsers or yield a line that means something else.
func FuzzSources(f *testing.F) {
	f.Add("deb [signed-by=/k] http://m/d bookworm main")
	f.Add("Types: deb\nURIs: http://m/d\nSuites: bookworm\nComponents: main\nSigned-By:\n .\n")
	f.Add(" continuation without a field\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range append(parseOneLine(text), parseDeb822(text)...) {
			again := parseOneLine(s.line(Bookworm))
			if len(again) != 1 || again[0].uri != s.uri || again[0].signedBy != s.signedBy {
				t.Errorf("source %+v reads back as %+v", s, again)
			}
		}
	})
}
