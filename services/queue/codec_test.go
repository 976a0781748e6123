package queue

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"flag"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

var golden = flag.Bool("golden", false, "write the golden file of the current format")

// full is an item in which nothing is zero.
func full() *Item {
	at := time.Unix(1_700_000_000, 5)
	return &Item{
		ID: mail.ID{1, 15: 2}, Message: mail.ID{3, 15: 4}, From: mail.Address{Local: "al ice", Domain: "box.test"},
		Wishes:   mail.Wishes{Return: mail.ReturnFull, EnvelopeID: "env", RequireTLS: true, Priority: -3, HoldUntil: at, By: at.Add(1), ByNotify: true},
		EightBit: true, UTF8: true, Account: 7, Accepted: at.Add(2), Prefix: []byte("Received: x\r\n"), Body: journal.BodyRef{Segment: 9, Ordinal: 8}, Size: 1234,
		To: []Recipient{
			{Recipient: mail.Recipient{Address: mail.Address{Local: "b", Domain: "c.test"}}, Hop: "c.test"},
			{
				Recipient: mail.Recipient{Address: mail.Address{Local: "d", Domain: "e.test"}, Notify: mail.NotifyDelay, Original: "rfc822;x@y.test"},
				Hop:       "e.test", State: StateFailed, Tries: 3, Next: at.Add(3), owed: report.ActionFailed, delayed: true, late: true,
				Last: mail.Attempt{
					Fate: mail.FateFailed, Reply: mail.Reply{Code: 550, Status: mail.Status5_1_1NoSuchMailbox, Text: "no"}, Status: mail.Status5_1_1NoSuchMailbox, Server: "mx.e.test",
					Addr: netip.MustParseAddrPort("[2001:db8::1]:25"), TLS: "TLS 1.3", Reports: true, At: at.Add(4), Took: time.Second,
				},
			},
		},
	}
}

// tried is full with all attempts so far.
func tried() *Item {
	it := full()
	first := it.To[1].Last
	first.Fate, first.Reply = mail.FateDeferred, mail.Reply{Text: "nobody answers"}
	it.To[1].Past = []mail.Attempt{first, it.To[1].Last}
	return it
}

// valueV1 is full as the first index had it.
const valueV1 = "c37debe3010001000000000000000000000000000002030000000000000000000000000000040f06616c2069636508626f782e746573740103656e76058a80d0e2c6bfce972f8c80d0e2c6bfce972f078e80d0e2c6bfce972f0d52656365697665643a20780d0a0908d20902016206632e74657374000006632e7465737400000000016406652e74657374080f7266633832323b7840792e7465737406652e746573740407019080d0e2c6bfce972f030401a604818214026e6f818214096d782e652e746573741220010db8000000000000000000000001190007544c5320312e339280d0e2c6bfce972f80a8d6b907"

// TestGolden reads the records of version 1, for ever.
func TestGolden(t *testing.T) {
	t.Parallel()
	const name = "testdata/v1.txt"
	c := change{id: mail.ID{1}, changes: []recipientChange{{1, full().To[1]}}}
	want := hex.EncodeToString(encodeItems([]*Item{full()})) + "\n" + hex.EncodeToString(c.encode()) + "\n" + hex.EncodeToString(encodeFloor(77)) + "\n" +
		valueV1 + "\n" + hex.EncodeToString(encodeValue(tried())) + "\n"
	if *golden {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != want {
		t.Error("the format has changed: it needs a new version")
	}
	var lines [][]byte
	for line := range strings.Lines(string(b)) {
		raw, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, raw)
	}
	items, err := decodeItems(lines[0])
	if err != nil || len(items) != 1 || !reflect.DeepEqual(items[0], full()) {
		t.Errorf("item %+v, %v; want %+v", items, err, full())
	}
	if got, err := decodeChange(lines[1]); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("change %+v, %v; want %+v", got, err, c)
	}
	if floor, err := decodeFloor(lines[2]); err != nil || floor != 77 {
		t.Errorf("floor %d, %v", floor, err)
	}
	id := full().ID
	old := full()
	old.To[1].Past = []mail.Attempt{old.To[1].Last}
	if it, err := decodeValue(id[:], lines[3]); err != nil || !reflect.DeepEqual(it, old) {
		t.Errorf("value of version 1: %+v, %v; want %+v", it, err, old)
	}
	if it, err := decodeValue(id[:], lines[4]); err != nil || !reflect.DeepEqual(it, tried()) {
		t.Errorf("value %+v, %v; want %+v", it, err, tried())
	}
	lines[0][0] = askedVersion + 1
	if _, err := decodeItems(lines[0]); !errors.Is(err, mail.ErrNewer) {
		t.Errorf("a later version: %v; want %v", err, mail.ErrNewer)
	}
	for i := range lines[4] {
		lines[4][i] ^= 1
		if _, err := decodeValue(id[:], lines[4]); err == nil {
			t.Errorf("a bit turned in byte %d of a value is not noticed", i)
		}
		lines[4][i] ^= 1
	}
	for _, r := range []journal.Record{{Type: uint8(verbAdd), Payload: encodeItems([]*Item{full()})}, {Type: uint8(verbAttempt), Payload: lines[1]}, {Type: uint8(verbFloor), Payload: lines[2]}} {
		if d, err := Describe(r); err != nil || len(d.String()) < 10 {
			t.Errorf("Describe = %q, %v", d, err)
		}
	}
}

// TestAsked: what was asked for is kept, under a version that programs of before refuse.
func TestAsked(t *testing.T) {
	t.Parallel()
	for _, planned := range []time.Time{{}, time.Unix(1_800_000_000, 1)} {
		it := tried()
		it.To[1].asked, it.To[1].planned = 2, planned
		c := change{id: it.ID, changes: []recipientChange{{1, it.To[1]}}}
		c.changes[0].recipient.Past = nil
		payload := c.encode()
		if got, err := decodeChange(payload); err != nil || payload[0] != askedVersion || !reflect.DeepEqual(got, c) {
			t.Errorf("version %d: change %+v, %v; want %+v", payload[0], got, err, c)
		}
		value := encodeValue(it)
		if got, err := decodeValue(it.ID[:], value); err != nil || value[4] != valueAsked || !reflect.DeepEqual(got, it) {
			t.Errorf("version %d: value %+v, %v; want %+v", value[4], got, err, it)
		}
	}
}

func FuzzDecode(f *testing.F) {
	c := change{id: mail.ID{1}, changes: []recipientChange{{1, full().To[1]}}}
	f.Add(encodeItems([]*Item{full()}))
	f.Add(c.encode())
	f.Add(encodeValue(tried())[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if items, err := decodeItems(b); err == nil {
			again, err := decodeItems(encodeItems(items))
			if err != nil || len(again) != len(items) {
				t.Errorf("what was read can't be read again: %v", err)
			}
		}
		if len(b) > 4 {
			id := mail.ID{1}
			value := binary.BigEndian.AppendUint32(nil, valueSum(id[:], b))
			if it, err := decodeValue(id[:], append(value, b...)); err == nil {
				it.ID = id
				if _, err := decodeValue(id[:], encodeValue(it)); err != nil {
					t.Errorf("a value that was read can't be read again: %v", err)
				}
			}
		}
		if c, err := decodeChange(b); err == nil {
			if _, err := decodeChange(c.encode()); err != nil {
				t.Errorf("what was read can't be read again: %v", err)
			}
		}
	})
}
