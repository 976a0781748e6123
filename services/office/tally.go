package office

import (
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/monitor"
	"github.com/sanduk-mail/sanduk/services/tally"
	"github.com/sanduk-mail/sanduk/services/trace"
)

// countStep counts what a step of the trace tells.
func (o *Office) countStep(s trace.Step) {
	add := func(k tally.Kind, n int64) { o.tally.Add(s.At, k, n) }
	switch s.What {
	case "message delivered", "message that waited delivered":
		size, _ := strconv.ParseInt(s.Get("size"), 10, 64) // 0 where it isn't said
		if s.Get("inside") == "true" {
			add(tally.Inside, 1)
		} else {
			add(tally.Received, 1)
			add(tally.BytesIn, size)
		}
		if outside, err := strconv.ParseInt(s.Get("outside"), 10, 64); err == nil && outside > 0 {
			add(tally.BytesOut, size*outside)
		}
	case "message judged":
		if s.Get("junk") == "true" && s.Get("err") == "" {
			add(tally.Junk, 1)
		}
	case "message tried":
		switch s.Get("state") {
		case "relayed":
			add(tally.Sent, 1)
		case "failed":
			add(tally.Returned, 1)
		}
	case "message refused", "recipient refused", "message not delivered":
		add(refusedAs(s.Get("err")), 1)
	}
}

// refusedAs is why somebody was refused, by the status that he was told.
func refusedAs(err string) tally.Kind {
	status, _, _ := strings.Cut(err, " ")
	switch {
	case strings.HasPrefix(status, "5.7."):
		return tally.RefusedPolicy
	case status == mail.Status5_1_1NoSuchMailbox.String():
		return tally.RefusedUnknown
	case strings.HasPrefix(status, "4."):
		return tally.RefusedLater
	}
	return tally.RefusedOther
}

// counted are the totals since the start, for Prometheus.
func (o *Office) counted() []monitor.Figure {
	totals := o.tally.Totals()
	messages := monitor.Figure{Name: "sanduk_messages_total", Help: "Messages since the start, by what became of them.", Kind: monitor.Counter}
	bytes := monitor.Figure{Name: "sanduk_message_bytes_total", Help: "Bytes of messages since the start.", Kind: monitor.Counter}
	for _, k := range tally.Kinds() {
		v := monitor.Value{Labels: []string{"kind", string(k)}, Number: float64(totals[k])}
		if k == tally.BytesIn || k == tally.BytesOut {
			bytes.Values = append(bytes.Values, v)
		} else {
			messages.Values = append(messages.Values, v)
		}
	}
	return []monitor.Figure{messages, bytes}
}
