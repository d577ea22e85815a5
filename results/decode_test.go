package results_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/initbench/initbench/cgroupjoin"
	"github.com/initbench/initbench/results"
)

// Catches a field that the fast decoder does not know or reads otherwise than encoding/json, by which every line that has it
// would be read at a third of the speed.
func TestOwnLinesAreReadFast(t *testing.T) {
	var rec results.Record
	fill(reflect.ValueOf(&rec).Elem())
	rec.Kind, rec.Schema, rec.Outcome, rec.Driver = "trial", results.Schema, results.Started, cgroupjoin.Systemd
	rec.Cycles, rec.Census, rec.Attachment, rec.Lived = 20, session().Census, connected().Attachment, lived().Lived
	var timeline results.TrialTimeline
	fill(reflect.ValueOf(&timeline).Elem())
	timeline.Kind, timeline.Schema = "timeline", results.Schema
	for _, line := range []any{rec, records1[0], records1[2], timeline} {
		text := mustMarshal(t, line)
		fast, ok := results.DecodeOwn(text)
		if !ok {
			t.Errorf("the fast decoder does not take %s", text)
		}
		plain, err := results.DecodeAny(text)
		if diff := cmp.Diff(plain, fast); err != nil || diff != "" {
			t.Errorf("%s: %v (-plain +fast):\n%s", text, err, diff)
		}
	}
}

// fill sets every field there is to something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("a \"word\"\n")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 << 40)
	case reflect.Uint64:
		v.SetUint(1 << 63)
	default:
		panic(fmt.Sprint("a field of the kind ", v.Kind()))
	}
}

// Catches a line that the fast decoder reads and encoding/json reads otherwise, or refuses.
func FuzzDecodersAgree(f *testing.F) {
	seeds := []any{records1[0], records1[2], observed(), builtIn()[0], builtIn()[1], session(), connected(),
		results.TrialTimeline{Kind: "timeline", Schema: 1, Trial: 7, Timeline: timeline1}}
	for _, line := range seeds {
		f.Add(mustMarshal(f, line))
	}
	text := string(mustMarshal(f, records1[0]))
	for _, odd := range [][2]string{
		{`"arm"`, `"Arm"`}, {`"arm"`, `"driver"`}, {`"arm"`, `"new"`}, {`"candidate"`, "\"\xff\""}, {`"candidate"`, `"\ud800"`},
		{`"block":0`, `"block":-0`}, {`"block":0`, `"block":1e2`}, {`"block":0`, `"block":null`}, {`"oom":0`, `"oom":-0`},
		{`"payload":{"anon_bytes":1048576}`, `"payload":null`}, {`"exit_code":0`, `"exit_code":null`}, {`"timeout_ns":30000000000`, `"timeout_ns":"30s"`},
	} {
		if !strings.Contains(text, odd[0]) {
			f.Fatalf("no %s in %s", odd[0], text)
		}
		f.Add([]byte(strings.Replace(text, odd[0], odd[1], 1)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fast, ok := results.DecodeOwn(text)
		if !ok {
			return
		}
		plain, err := results.DecodeAny(text)
		if diff := cmp.Diff(plain, fast); err != nil || diff != "" {
			t.Fatalf("%v (-plain +fast):\n%s", err, diff)
		}
	})
}
