package network

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// Catches names that the kernel cuts off, that are another network's, or that Clean does not know again.
func TestNewName(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		name := newName()
		if seen[name] || len(name) > 15 || !namePattern.MatchString(name) {
			t.Fatalf("name %q after %d others", name, len(seen))
		}
		seen[name] = true
		if got, container, ours := networkOf(name + "-c-1.x"); !ours || got != name || container != "c-1.x" {
			t.Fatalf("%s-c-1.x is %q's of %q, %v", name, container, got, ours)
		}
	}
}

// Catches a clean that removes what others have named.
func TestNetworkOfOthers(t *testing.T) {
	for _, file := range []string{"", "ib", "ib01234567", "ib01234567-", "ib0123456-c", "ibX1234567-c", "cni-0123-c", "ib01234567-..", "ib01234567_c", "ib01234567-a/b"} {
		if name, container, ours := networkOf(file); ours {
			t.Errorf("%q is %q of %q", file, container, name)
		}
	}
}

// Catches a configuration that forwards, masquerades or keeps addresses where nobody frees them.
func TestConfigs(t *testing.T) {
	got, err := bridgeConfig("/b", "ib01234567", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd0d:ce5::/64")})
	const want = `{"cniVersion":"1.0.0","name":"ib01234567","plugins":[{"type":"bridge","bridge":"ib01234567",` +
		`"ipam":{"type":"host-local","dataDir":"/b/net/ib01234567/ipam","ranges":[[{"subnet":"10.0.0.0/24"}],[{"subnet":"fd0d:ce5::/64"}]]}}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if dir := addressesDir("/b", "ib01234567"); dir != "/b/net/ib01234567/ipam/ib01234567" {
		t.Errorf("host-local keeps addresses in dataDir/network, not in %s", dir)
	}
	got, err = loopbackConfig("ib01234567")
	if err != nil || string(got) != `{"cniVersion":"1.0.0","name":"ib01234567-lo","plugins":[{"type":"loopback"}]}` {
		t.Errorf("%s, %v", got, err)
	}
}

// Catches a file's name that crashes Clean, or that is taken for a namespace of ours and leads out of its directory.
func FuzzNetworkOf(f *testing.F) {
	for _, s := range []string{"ib01234567-c", "ib01234567-../x", "ib", "", "ib01234567-\x00"} {
		f.Add(s)
	}
	ours := regexp.MustCompile(`^ib[0-9a-f]{8}-[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	f.Fuzz(func(t *testing.T, file string) {
		name, container, is := networkOf(file)
		if is != (ours.MatchString(file) && len(file) <= 10+1+128) {
			t.Fatalf("%q: %v", file, is)
		}
		if is && (name+"-"+container != file || strings.Contains(netnsPath(name, container), "..") && !strings.Contains(file, "..")) {
			t.Fatalf("%q is %q and %q", file, name, container)
		}
	})
}
