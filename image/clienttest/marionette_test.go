package clienttest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// marionette drives a program of Mozilla's from inside: it runs scripts with the rights of the program's own code. The
// protocol is one of JSON arrays with their length in front.
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	last int
}

// scriptTime bounds one script, and what it waits for.
const scriptTime = time.Minute

// newMarionette connects to a program and begins a session.
func newMarionette(t *testing.T, port string) *marionette {
	t.Helper()
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, answerTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	if hello, err := m.packet(); err != nil || !strings.Contains(string(hello), `"marionetteProtocol":3`) {
		t.Fatalf("marionette begins with %q, %v", hello, err)
	}
	for _, c := range []struct {
		name string
		args map[string]any
	}{
		{"WebDriver:NewSession", map[string]any{}},
		{"Marionette:SetContext", map[string]any{"value": "chrome"}},
		{"WebDriver:SetTimeouts", map[string]any{"script": scriptTime.Milliseconds()}},
	} {
		if _, err := m.call(c.name, c.args); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// packet reads one length and what it counts.
func (m *marionette) packet() ([]byte, error) {
	if err := m.conn.SetReadDeadline(time.Now().Add(scriptTime + 10*time.Second)); err != nil {
		return nil, err
	}
	text, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, ":"))
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(m.in, body)
	return body, err
}

// call is one command and its answer.
func (m *marionette) call(name string, args any) (json.RawMessage, error) {
	m.last++
	text, err := json.Marshal([]any{0, m.last, name, args})
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(text), text); err != nil {
		return nil, err
	}
	body, err := m.packet()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var answer [4]json.RawMessage // 1, the number, the error, the result
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w in %.200q", name, err, body)
	}
	if string(answer[2]) != "null" {
		return nil, fmt.Errorf("%s: %s", name, answer[2])
	}
	return answer[3], nil
}

// run runs the body of an async function, whose arguments are in args, and puts what it returns into result, which may
// be nil.
func (m *marionette) run(t *testing.T, result any, script string, args ...any) {
	t.Helper()
	if args == nil {
		args = []any{}
	}
	text, err := m.call("WebDriver:ExecuteScript", map[string]any{
		"script": "const args = [...arguments]; return (async () => {" + script + "\n})();", "args": args,
		"sandbox": "system", "newSandbox": false,
	})
	if err != nil {
		t.Fatalf("%v\nfor: %s", err, lastLines(script, 12))
	}
	var answer struct{ Value json.RawMessage }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer.Value, result); err != nil {
		t.Fatalf("%v in %s", err, answer.Value)
	}
}
