// Chaos is a service of a test image. It kills the process called maild without warning, some seconds after it greets on
// port 25, for ever, and says so on the serial port.
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long each maild lives: the first until the box has come up, the others long enough to take mail and too short to
// finish anything.
const (
	firstLife = 15 * time.Second
	lifetime  = 3 * time.Second
)

func main() {
	serial, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	for life := firstLife; ; life = lifetime {
		for !greets() {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(life)
		pid := find("maild")
		if err := syscall.Kill(pid, syscall.SIGKILL); pid == 0 || err != nil {
			fmt.Fprintf(serial, "chaos: kill %d: %v\n", pid, err)
			continue
		}
		fmt.Fprintf(serial, "chaos: killed maild %d\n", pid)
	}
}

// greets connects to port 25 and waits for a byte. The connection may have been waiting for the next maild.
func greets() bool {
	conn, err := net.Dial("tcp", "127.0.0.1:25")
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	return err == nil
}

// find returns the process of a name; 0 when there is none.
func find(name string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is right
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(text)) == name {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))) // the pattern has a number there
			return pid
		}
	}
	return 0
}
