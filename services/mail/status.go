package mail

import (
	"fmt"
	"strconv"
)

// Status is an enhanced status code (RFC 3463): class 2, 4 or 5, subject and
// detail. SMTP replies, delivery reports and the trace of a message all speak it.
type Status uint32 // class, subject and detail, a byte each from the third

// The statuses that Sanduk gives; each name contains its number.
const (
	Status2_0_0OK               Status = 0x02_00_00
	Status2_3_6Priority         Status = 0x02_03_06
	Status2_7_0Authenticated    Status = 0x02_07_00
	Status4_2_2MailboxFull      Status = 0x04_02_02
	Status4_2_3TooLargeForOne   Status = 0x04_02_03
	Status4_3_0SystemTrouble    Status = 0x04_03_00
	Status4_3_1SystemFull       Status = 0x04_03_01
	Status4_3_2NotAccepting     Status = 0x04_03_02
	Status4_4_2Timeout          Status = 0x04_04_02
	Status4_4_7Delayed          Status = 0x04_04_07
	Status4_5_3TooManyRcpts     Status = 0x04_05_03
	Status4_7_0TryLater         Status = 0x04_07_00
	Status5_1_1NoSuchMailbox    Status = 0x05_01_01
	Status5_1_3BadRecipient     Status = 0x05_01_03
	Status5_1_7BadSender        Status = 0x05_01_07
	Status5_2_2MailboxFull      Status = 0x05_02_02
	Status5_2_3TooLargeForOne   Status = 0x05_02_03
	Status5_3_4TooLarge         Status = 0x05_03_04
	Status5_4_7Expired          Status = 0x05_04_07
	Status5_4_6Loop             Status = 0x05_04_06
	Status5_5_1BadSequence      Status = 0x05_05_01
	Status5_5_2BadSyntax        Status = 0x05_05_02
	Status5_5_4BadParameter     Status = 0x05_05_04
	Status5_5_6AuthLineTooLong  Status = 0x05_05_06
	Status5_6_0BadContent       Status = 0x05_06_00
	Status5_6_7NonASCIIAddress  Status = 0x05_06_07
	Status5_7_0AuthRequired     Status = 0x05_07_00
	Status5_7_1NotPermitted     Status = 0x05_07_01
	Status5_7_8BadCredentials   Status = 0x05_07_08
	Status5_7_11TLSRequired     Status = 0x05_07_0b
	Status5_7_26NotAuthentic    Status = 0x05_07_1a
	Status5_4_0NoRouteToOutside Status = 0x05_04_00
)

// Class is the first digit: 2 success, 4 temporary, 5 permanent.
func (s Status) Class() int { return int(s >> 16) }

// String is the code with its dots.
func (s Status) String() string {
	return string(s.Append(make([]byte, 0, len("5.777.777"))))
}

// Append puts String's form to b.
func (s Status) Append(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(s>>16), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(s>>8&0xff), 10)
	return strconv.AppendUint(append(b, '.'), uint64(s&0xff), 10)
}

// Refusal is an error that may be told to whoever handed the message in: the
// Text is for them, the Cause is for the log.
type Refusal struct {
	Status Status
	Text   string
	Cause  error // may be nil
}

// Error is the whole of it, for the log.
func (r *Refusal) Error() string {
	if r.Cause == nil {
		return r.Status.String() + " " + r.Text
	}
	return fmt.Sprintf("%s %s: %v", r.Status, r.Text, r.Cause)
}

// Unwrap is the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Temporary reports whether the same message may be accepted later.
func (r *Refusal) Temporary() bool { return r.Status.Class() == 4 }
