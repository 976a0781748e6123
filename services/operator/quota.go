package operator

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// userQuota shows what a person's mail may take up, after it has changed what the
// flags say.
func userQuota(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	bytes, err := bound(t.flags.bytes)
	if err != nil {
		return err
	}
	messages, err := bound(t.flags.messages)
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		quota, used, err := p.quota(ctx, address, bytes, messages)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s: %s in %s\n", address, share(space(used.Bytes), used.Bytes, space(quota.Bytes), quota.Bytes),
			share(messagesOf(used.Messages), used.Messages, number(int(quota.Messages)), quota.Messages))
		if quota.Bytes > 0 && used.Bytes >= quota.Bytes || quota.Messages > 0 && used.Messages >= quota.Messages {
			fmt.Fprintln(t.Out, "→ It is full: new mail is turned away until there is room. Allow more, or have mail deleted.")
		}
		return nil
	})
}

func messagesOf(n int64) string { return messages(int(n)) }

// share says what is used of a bound; 0 is none.
func share(usedText string, used int64, boundText string, bound int64) string {
	if bound == 0 {
		return usedText + " (no bound)"
	}
	return fmt.Sprintf("%s of %s (%d %%)", usedText, boundText, int64(float64(used)/float64(bound)*100))
}

// space writes a number of bytes in the units in which a bound is given.
func space(n int64) string {
	unit, value := "", float64(n)
	for _, next := range []string{"K", "M", "G", "T"} {
		if value < 1024 {
			break
		}
		unit, value = next, value/1024
	}
	if unit == "" {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + unit
}

// bound reads a number, with K, M, G or T behind it for powers of 1024; "none" is 0.
// nil when there is no text.
func bound(text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	if text == "none" {
		text = "0"
	}
	digits := strings.TrimRight(text, "kKmMgGtT")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift := 0
	if suffix := strings.ToUpper(text[len(digits):]); suffix != "" {
		shift = 10 * (1 + strings.Index("KMGT", suffix))
	}
	if err != nil || n < 0 || len(text)-len(digits) > 1 || n > math.MaxInt64>>shift {
		return nil, fmt.Errorf("%w: %q is not a number such as 5000, 500M or 20G, nor none", errUsage, text)
	}
	n <<= shift
	return &n, nil
}

func (d *data) quota(ctx context.Context, address mail.Address, bytes, messages *int64) (mail.Quota, mail.Usage, error) {
	account, err := d.find(ctx, address)
	if err != nil {
		return mail.Quota{}, mail.Usage{}, err
	}
	q := account.Quota
	if bytes != nil {
		q.Bytes = *bytes
	}
	if messages != nil {
		q.Messages = *messages
	}
	if q != account.Quota {
		if err := d.directory.SetQuota(ctx, account.ID, q); err != nil {
			return mail.Quota{}, mail.Usage{}, err
		}
	}
	used, err := d.store.Usage(ctx, account.ID)
	return q, used, err
}

func (b *box) quota(ctx context.Context, address mail.Address, bytes, messages *int64) (mail.Quota, mail.Usage, error) {
	in := map[string]int64{}
	if bytes != nil {
		in["quota_bytes"] = *bytes
	}
	if messages != nil {
		in["quota_messages"] = *messages
	}
	var p struct {
		QuotaBytes    int64 `json:"quota_bytes"`
		QuotaMessages int64 `json:"quota_messages"`
		UsedBytes     int64 `json:"used_bytes"`
		UsedMessages  int64 `json:"used_messages"`
	}
	err := b.do(ctx, http.MethodPatch, "/api/accounts/"+url.PathEscape(address.String()), in, &p)
	return mail.Quota{Bytes: p.QuotaBytes, Messages: p.QuotaMessages}, mail.Usage{Bytes: p.UsedBytes, Messages: p.UsedMessages}, err
}
