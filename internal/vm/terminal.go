package vm

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// RunHere runs a command on the standard streams it was given. When all three are
// one user's terminal, the command gets a terminal too, and ours is raw meanwhile:
// every key, Ctrl-C too, is then for the guest.
func RunHere(ctx context.Context, m Machine, cmd Cmd) (int, error) {
	tty := terminal(cmd.Stdin)
	if tty == nil || terminal(cmd.Stdout) == nil || terminal(cmd.Stderr) == nil {
		return m.Run(ctx, cmd)
	}
	fd := int(tty.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return 0, fmt.Errorf("terminal: %w", err)
	}
	// A terminal that cannot be restored is gone.
	defer func() { _ = term.Restore(fd, before) }()
	size := windowOf(fd)
	changes, stop := watchWindow(fd)
	defer stop()
	cmd.TTY, cmd.Resize = &size, changes
	cmd.Env = append([]string{"TERM=" + os.Getenv("TERM")}, cmd.Env...)
	return m.Run(ctx, cmd)
}

// terminal is the file behind a stream if it is a terminal, else nil.
func terminal(stream any) *os.File {
	file, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return file
}

func windowOf(fd int) Window {
	cols, rows, err := term.GetSize(fd)
	if err != nil {
		return Window{Rows: 24, Cols: 80} // a terminal that does not know its size
	}
	return Window{Rows: uint16(rows), Cols: uint16(cols)}
}

// watchWindow reports changes of the terminal's size until stop is called.
func watchWindow(fd int) (changes <-chan Window, stop func()) {
	signals, out := make(chan os.Signal, 1), make(chan Window)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-signals:
			case <-done:
				return
			}
			select {
			case out <- windowOf(fd):
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(done)
	}
}
