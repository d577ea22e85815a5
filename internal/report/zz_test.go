package report
import ("testing";"encoding/json";"os";"fmt";"path/filepath";"github.com/initbench/initbench/sequence")
func TestZZ(t *testing.T){
 fs,_ := filepath.Glob("../../sequence/testdata/timelines/*.json")
 for _,f := range fs {
  b,_ := os.ReadFile(f); var tl sequence.Timeline
  if err := json.Unmarshal(b,&tl); err!=nil { t.Fatal(err) }
  fd := tl.Find(); j,_ := json.Marshal(fd)
  fmt.Println("==",filepath.Base(f), len(tl.Events), string(j)); fmt.Println("  ",Sentence(fd))
  if os.Getenv("FULL")!="" {fmt.Println(traceSteps(Trace{Timeline:tl},Options{}))}
 }
}
