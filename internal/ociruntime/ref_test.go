package ociruntime

import (
	"errors"
	"strings"
	"testing"
)

// Catches a reference that is read as another kind or another version than the user wrote.
func TestParseRefReads(t *testing.T) {
	for in, want := range map[string]Ref{
		"runc":                  {Kind: NameRef, Name: "runc"},
		"crun":                  {Kind: NameRef, Name: "crun"},
		"builtin":               {Kind: BuiltinRef, Name: "builtin"},
		"builtins":              {Kind: NameRef, Name: "builtins"},
		"./builtin:clone=init":  {Kind: PathRef, Name: "./builtin:clone=init"},
		"/usr/sbin/runc":        {Kind: PathRef, Name: "/usr/sbin/runc"},
		"./runc":                {Kind: PathRef, Name: "./runc"},
		"./runc@v1.1.15":        {Kind: PathRef, Name: "./runc@v1.1.15"},
		"/opt/mein läufer/runc": {Kind: PathRef, Name: "/opt/mein läufer/runc"},
		"runc@v1.1.15":          {Kind: ModuleRef, Name: "runc", Version: "v1.1.15"},
		"runc@1.1.15":           {Kind: ModuleRef, Name: "runc", Version: "v1.1.15"},
		"runc@v1.2.0-rc.1":      {Kind: ModuleRef, Name: "runc", Version: "v1.2.0-rc.1"},
		"runc@v1.0.0-rc95":      {Kind: ModuleRef, Name: "runc", Version: "v1.0.0-rc95"},
		"builtin@v1.5.1":        {Kind: EmbedderRef, Name: "builtin", Version: "v1.5.1"},
		"builtin@1.1.0":         {Kind: EmbedderRef, Name: "builtin", Version: "v1.1.0"},
		"./builtin@v1.5.1":      {Kind: PathRef, Name: "./builtin@v1.5.1"},
		"runc@v1.1.16-0.20240903152427-0683379250c0": {Kind: ModuleRef, Name: "runc", Version: "v1.1.16-0.20240903152427-0683379250c0"},
	} {
		got, err := ParseRef(in)
		if err != nil || got != want {
			t.Errorf("ParseRef(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
}

// Catches bad input that is let through, or refused without saying what would be right.
func TestParseRefRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "want a path, the name of a command on PATH, runc@vX.Y.Z, builtin[:key=value,...], or builtin@vX.Y.Z",
		" runc":                              "white space",
		"runc\t":                             "white space",
		"run\x00c":                           "control character",
		"/opt/a\nb":                          "control character",
		"-runc":                              "write a path as ./-runc",
		"@v1.1.15":                           "only runc can be installed",
		"crun@1.8.1":                         "only runc can be installed by version (runc@vX.Y.Z); for any other runtime give a path",
		"RUNC@v1.1.15":                       "only runc can be installed",
		"runc@":                              "written in full",
		"runc@v":                             "written in full",
		"runc@latest":                        "written in full, like runc@v1.1.15",
		"runc@v1.1":                          "written in full",
		"runc@vv1.1.15":                      "written in full",
		"runc@v1.1.15+incompatible":          "written in full",
		"runc@v1.01.15":                      "written in full",
		"runc@v1.1.15@v1.1.14":               "written in full",
		"runc@v1.1.15-" + longText(200):      "written in full",
		"builtin@":                           "written in full, like builtin@v1.5.1",
		"builtin@latest":                     "written in full",
		"builtin@v1.5.1:clone=init":          "takes no options",
		"builtin@v1.0.3":                     "v1.1.0 is the oldest that is",
		"builtin@v0.1.1":                     "v1.1.0 is the oldest that is",
		"/" + longText(maxRef):               "longer than any path",
		strings.Repeat("\xff", maxRef) + "/": "longer than any path",
	} {
		ref, err := ParseRef(in)
		var refErr *RefError
		switch {
		case !errors.As(err, &refErr):
			t.Errorf("ParseRef(%q) = %+v, %v; want a RefError", in, ref, err)
		case !strings.Contains(err.Error(), want):
			t.Errorf("ParseRef(%q): %q does not say %q", in, err, want)
		case len(err.Error()) > 400:
			t.Errorf("ParseRef(%q): the message is %d bytes long", in, len(err.Error()))
		}
	}
}

func longText(n int) string { return strings.Repeat("a", n) }

// Catches a canonical form that does not mean what was written, a version that
// leads out of the cache directory, and messages of more than one line.
func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"runc", "/usr/bin/crun", "runc@v1.1.15", "runc@1.2.0-rc.1", "crun@1.8.1", "", "-x", "runc@v1.1.15-../..", "a\nb", "builtin:clone=memfd", "builtin",
		"builtin:clone=init", "builtin:size=16MiB,clone=parent", "builtin:pad=0", "builtin:clone=once,strategy=memfd-thp,join=birth,cgroup=early", "builtin:", "builtin:,",
		"builtin@v1.5.1", "builtin@v1.5.1:clone=init", "builtin@v1.0.0", "builtin@1.2.0-rc.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err != nil {
			var refErr *RefError
			if !errors.As(err, &refErr) || strings.ContainsAny(err.Error(), "\n\r\x1b\x00") || len(err.Error()) > 1000 {
				t.Fatalf("ParseRef(%q): bad message %q", s, err)
			}
			return
		}
		again, err := ParseRef(ref.String())
		if err != nil || again != ref {
			t.Fatalf("ParseRef(%q) = %+v, but its canonical form %q gives %+v, %v", s, ref, ref.String(), again, err)
		}
		versioned := map[Kind]string{ModuleRef: "runc", EmbedderRef: "builtin"}
		if name := versioned[ref.Kind]; name != "" && (strings.ContainsAny(ref.String(), "/\\") || len(ref.String()) > 200 || ref.Name != name) {
			t.Fatalf("ParseRef(%q) = %+v: no safe file name", s, ref)
		}
		if ref.Kind == BuiltinRef {
			if err := ref.Builtin.Check(); err != nil || !strings.HasPrefix(s, "builtin") {
				t.Fatalf("ParseRef(%q) = %+v: %v", s, ref, err)
			}
			return
		}
		if (ref.Kind == PathRef) != strings.Contains(s, "/") {
			t.Fatalf("ParseRef(%q) = %+v: only what contains a slash is a path", s, ref)
		}
	})
}
