package network

import (
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// Catches a plugin's result that crashes the harness, or that gives a container an address which is none.
func FuzzResult(f *testing.F) {
	for _, text := range []string{
		`{"cniVersion":"1.0.0","interfaces":[{"name":"ib01234567","mac":"aa:bb:cc:dd:ee:ff"},{"name":"veth1"},{"name":"eth0","sandbox":"/run/netns/x"}],` +
			`"ips":[{"interface":2,"address":"10.88.0.2/24","gateway":"10.88.0.1"},{"address":"fd0d:ce5::2/64"}]}`,
		`{"cniVersion":"1.0.0","ips":[{"address":""}]}`, `{"cniVersion":"1.0.0","ips":[null]}`, `{"cniVersion":"1.0.0","interfaces":[null]}`, `{}`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		result, err := types100.NewResult(data)
		if err != nil {
			return
		}
		got, err := addresses(result)
		for _, p := range got {
			if err == nil && !p.IsValid() {
				t.Fatalf("%s gives %v", data, got)
			}
		}
		if veth, err := vethOf(result, "ib01234567"); err == nil && veth == "ib01234567" {
			t.Fatalf("%s has the bridge for a veth", data)
		}
	})
}
