package powercut

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/textproto"
	"strings"
)

// popDialogue is a POP3 session.
type popDialogue struct{ *textproto.Conn }

// ask sends a command and gives what is behind +OK.
func (d popDialogue) ask(format string, args ...any) (string, error) {
	if err := d.PrintfLine(format, args...); err != nil {
		return "", err
	}
	line, err := d.ReadLine()
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(line, "+OK")
	if !ok {
		return "", fmt.Errorf("%.4s is answered with %q", format, line)
	}
	return text, nil
}

// readPOP reads INBOX as POP3 shows it: the letters in their order.
func readPOP(ctx context.Context, addr, name string) ([]found, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	d := popDialogue{textproto.NewConn(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}))}
	defer d.Close()
	if _, err := d.ReadLine(); err != nil {
		return nil, err
	}
	last, err := prove(d.Conn, "AUTH ", name)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(last, "+OK") {
		return nil, fmt.Errorf("AUTH is answered with %q", last)
	}
	stat, err := d.ask("STAT")
	if err != nil {
		return nil, err
	}
	var count, bytes int
	if _, err := fmt.Sscan(stat, &count, &bytes); err != nil {
		return nil, fmt.Errorf("STAT is answered with %q", stat)
	}
	if _, err := d.ask("UIDL"); err != nil {
		return nil, err
	}
	lines, err := d.ReadDotLines()
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool)
	for _, line := range lines {
		_, id, _ := strings.Cut(line, " ")
		ids[id] = true
	}
	if len(lines) != count || len(ids) != count {
		return nil, fmt.Errorf("STAT counts %d messages, UIDL has %d with %d different names", count, len(lines), len(ids))
	}
	var all []found
	for i := range count {
		if _, err := d.ask("RETR %d", i+1); err != nil {
			return nil, err
		}
		raw, err := d.readDotted()
		if err != nil {
			return nil, err
		}
		f := found{mailbox: inbox}
		f.name, f.why = whole(raw)
		all = append(all, f)
	}
	_, err = d.ask("QUIT")
	return all, err
}

// readDotted reads a message to the byte; textproto's own reader takes CRs away.
func (d popDialogue) readDotted() ([]byte, error) {
	var raw []byte
	r := d.R
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return raw, nil
		}
		if line[0] == '.' {
			line = line[1:]
		}
		raw = append(raw, line...)
	}
}

// comparePOP says where the views of POP3 and IMAP on an INBOX differ.
func comparePOP(name string, pop, all []found) []problem {
	var problems []problem
	var want []found
	for _, f := range all {
		if f.mailbox == inbox {
			want = append(want, f)
		}
	}
	if len(pop) != len(want) {
		return []problem{{lost, fmt.Sprintf("%s: POP3 shows %d messages, IMAP %d", name, len(pop), len(want))}}
	}
	for i, f := range pop {
		if f.why != "" {
			problems = append(problems, problem{torn, fmt.Sprintf("%s: message %d of POP3 (%s): %s", name, i+1, f.name, f.why)})
		}
		if f.name != want[i].name {
			problems = append(problems, problem{lost, fmt.Sprintf("%s: message %d of POP3 is %s, of IMAP %s", name, i+1, f.name, want[i].name)})
		}
	}
	return problems
}
