package mail

import (
	"errors"
	"io"
	"testing"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[Status]string{
		Status2_0_0OK: "2.0.0", Status2_7_0Authenticated: "2.7.0", Status4_2_2MailboxFull: "4.2.2", Status4_4_2Timeout: "4.4.2", Status5_1_1NoSuchMailbox: "5.1.1", Status5_7_11TLSRequired: "5.7.11", Status5_7_26NotAuthentic: "5.7.26",
		Status5_4_0NoRouteToOutside: "5.4.0", Status4_5_3TooManyRcpts: "4.5.3", Status5_6_7NonASCIIAddress: "5.6.7",
	} {
		if got := status.String(); got != want {
			t.Errorf("got %s; want %s", got, want)
		}
		if got, want := status.Class(), int(want[0]-'0'); got != want {
			t.Errorf("%s: class %d; want %d", status, got, want)
		}
	}
	r := &Refusal{Status4_3_1SystemFull, "full", io.ErrShortWrite}
	if !errors.Is(r, io.ErrShortWrite) || !r.Temporary() || r.Error() != "4.3.1 full: short write" {
		t.Errorf("got %q, temporary %v", r, r.Temporary())
	}
}
