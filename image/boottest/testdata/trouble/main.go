// Command trouble makes trouble in a test image. On its socket it takes one command from each connection, a verb and
// the name of a program, and answers "done" or what went wrong:
//
//	stop maild     the program hangs: SIGSTOP
//	kill maild     the program ends at once: SIGKILL
//	confine maild  forbidden acts are tried with the rights of that service; what came of each stands before "done"
//	look maild     how the program is held, likewise
//	look kernel    what is closed to everybody, likewise
//	freeze init    PID 1 hangs. It cannot be stopped by a signal, but a control group can be frozen with it inside.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// firstSocket is where sockets from outside begin (sd_listen_fds(3)).
const firstSocket = 3

func main() {
	if supervise.IsShim(os.Args) {
		os.Exit(supervise.RunShim(os.Args))
	}
	if len(os.Args) == 3 && os.Args[1] == forbiddenMode {
		tryForbidden(os.Args[2])
		return
	}
	l, err := net.FileListener(os.NewFile(firstSocket, "trouble"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "trouble:", err)
		os.Exit(1)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "trouble:", err)
			os.Exit(1)
		}
		answer := "done"
		if err := obey(conn); err != nil {
			answer = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Fprintln(conn, answer)
		conn.Close()
	}
}

func obey(conn io.ReadWriter) error {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	report := map[string]func(string) (string, error){"confine": confine, "look": look}[verb]
	if verb == "look" && name == "kernel" {
		report = lookAtKernel
	}
	if report != nil {
		text, err := report(name)
		fmt.Fprint(conn, text)
		return err
	}
	pid, err := find(name)
	if err != nil {
		return err
	}
	switch verb {
	case "stop":
		return syscall.Kill(pid, syscall.SIGSTOP)
	case "kill":
		return syscall.Kill(pid, syscall.SIGKILL)
	case "freeze":
		return freeze(pid)
	}
	return fmt.Errorf("no such trouble: %q", verb)
}

// find returns the process of a program, the oldest of several.
func find(program string) (int, error) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(comm)) != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && (found == 0 || pid < found) {
			found = pid
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("no process is called %q", program)
	}
	return found, nil
}

func freeze(pid int) error {
	group := "/sys/fs/cgroup/trouble"
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	for _, step := range []struct{ file, text string }{{"cgroup.procs", strconv.Itoa(pid)}, {"cgroup.freeze", "1"}} {
		if err := os.WriteFile(filepath.Join(group, step.file), []byte(step.text), 0); err != nil {
			return err
		}
	}
	return nil
}
