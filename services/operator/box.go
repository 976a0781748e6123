package operator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// requestTime is for one answer of the box, password hashing included.
	requestTime = 30 * time.Second
	// maxAnswer holds a list of many thousand people.
	maxAnswer = 16 << 20
	// maxFile is far above a token or a bundle of certificates.
	maxFile = 1 << 20
)

// box is a running box, spoken to by its API.
type box struct {
	client *http.Client
	base   string
	token  string
}

func (t *task) openBox() (*box, error) {
	base, err := url.Parse(t.flags.box)
	if err != nil || base.Scheme != "https" || base.Host == "" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("%w: --box takes the box's address, such as https://mail.example.com", errUsage)
	}
	token, err := t.apiToken()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.flags.ca != "" {
		text, err := readFile(t.flags.ca)
		if err != nil {
			return nil, err
		}
		// Only this authority: whoever names one means it.
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", t.flags.ca)
		}
	}
	client := &http.Client{
		Timeout:   requestTime,
		Transport: &http.Transport{TLSClientConfig: config, DialContext: (&net.Dialer{Timeout: requestTime / 3}).DialContext, ForceAttemptHTTP2: true},
		// A token follows no redirection to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &box{client: client, base: "https://" + base.Host, token: token}, nil
}

// apiToken finds the token; "" when there is none.
func (t *task) apiToken() (string, error) {
	switch {
	case t.flags.token != "":
		return t.flags.token, nil
	case t.flags.tokenFile != "":
		text, err := readFile(t.flags.tokenFile)
		return strings.TrimSpace(string(text)), err
	}
	return t.Getenv("SANDUK_TOKEN"), nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func (b *box) close() error {
	b.client.CloseIdleConnections()
	return nil
}

// person is an account as the API shows it.
type person struct {
	Address string           `json:"address"`
	Name    string           `json:"name"`
	Role    mail.AccountRole `json:"role"`
	Domains []string         `json:"domains"`
	Created time.Time        `json:"created"`
	// Disabled: nobody can log in.
	Disabled bool `json:"disabled"`
}

func (b *box) people(ctx context.Context) ([]mail.Account, error) {
	var answer struct {
		Accounts []person `json:"accounts"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/accounts", nil, &answer); err != nil {
		return nil, err
	}
	all := make([]mail.Account, len(answer.Accounts))
	for i, p := range answer.Accounts {
		address, err := mail.ParseAddress(p.Address)
		if err != nil {
			return nil, fmt.Errorf("the box shows an address that is none: %q", p.Address)
		}
		all[i] = mail.Account{Address: address, Name: p.Name, Role: p.Role, Domains: p.Domains, Disabled: p.Disabled, Created: p.Created}
	}
	return all, nil
}

func (b *box) add(ctx context.Context, account mail.Account, password string) error {
	if account.Role.Admin() {
		return errors.New("--admin works with --data only: add the person, then boxctl user role ADDRESS admin")
	}
	return b.do(ctx, http.MethodPost, "/api/accounts", map[string]string{"address": account.Address.String(), "name": account.Name, "password": password}, nil)
}

func (b *box) setPassword(ctx context.Context, address mail.Address, password string) error {
	return b.do(ctx, http.MethodPut, "/api/accounts/"+url.PathEscape(address.String())+"/password", map[string]string{"password": password}, nil)
}

func (b *box) disable(ctx context.Context, address mail.Address, disabled bool) error {
	return b.do(ctx, http.MethodPatch, "/api/accounts/"+url.PathEscape(address.String()), map[string]bool{"disabled": disabled}, nil)
}

func (b *box) remove(ctx context.Context, address mail.Address) error {
	return b.do(ctx, http.MethodDelete, "/api/accounts/"+url.PathEscape(address.String()), nil, nil)
}

// addToken makes a token with the one that there is, or signs in with its
// owner's password for as long as it takes.
func (b *box) addToken(ctx context.Context, name, owner string, scopes []string, password func() (string, error)) (string, error) {
	sign := func(*http.Request) {}
	if owner != "" {
		secret, err := password()
		if err != nil {
			return "", err
		}
		cookies, err := b.send(ctx, http.MethodPost, "/api/session", map[string]string{"address": owner, "password": secret}, nil, sign)
		if err != nil {
			return "", err
		}
		sign = func(r *http.Request) {
			r.Header.Del("Authorization")
			for _, c := range cookies {
				r.AddCookie(c)
			}
		}
		// Left alone the session would end by itself; failing to end it harms nobody.
		defer func() { _, _ = b.send(ctx, http.MethodDelete, "/api/session", nil, nil, sign) }()
	} else if b.token == "" {
		return "", fmt.Errorf("%w: --owner is missing: the administrator's address whose password is asked for", errUsage)
	}
	var answer struct {
		Token string `json:"token"`
	}
	_, err := b.send(ctx, http.MethodPost, "/api/tokens", map[string]any{"name": name, "scopes": append([]string{}, scopes...)}, &answer, sign)
	return answer.Token, err
}

// errNoTokenGiven says how to get the first token, for which none is needed.
var errNoTokenGiven = fmt.Errorf("%w: a token is missing: boxctl token add NAME --owner ADDRESS --box … makes one, "+
	"with the password of the administrator at ADDRESS", errUsage)

func (b *box) do(ctx context.Context, method, path string, in, out any) error {
	if b.token == "" {
		return errNoTokenGiven
	}
	_, err := b.send(ctx, method, path, in, out, func(*http.Request) {})
	return err
}

// send makes one request and returns the cookies of the answer. sign may put
// another authorization than the token's.
func (b *box) send(ctx context.Context, method, path string, in, out any, sign func(*http.Request)) ([]*http.Cookie, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	sign(r)
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, unreachable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the box's answer broke off: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return nil, problem(answer.StatusCode, text)
	}
	if out == nil {
		return answer.Cookies(), nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("the box's answer can't be read: %w", err)
	}
	return answer.Cookies(), nil
}

// unreachable says what can be done about the usual reasons.
func unreachable(err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("this computer does not know the box's certificate: give it with --ca FILE (%w)", unknown)
	case errors.As(err, &host):
		return fmt.Errorf("the box has another name: use the one in its certificate (%w)", host)
	}
	address := "the box"
	if u, ok := errors.AsType[*url.Error](err); ok {
		if at, parseErr := url.Parse(u.URL); parseErr == nil {
			address = at.Host
		}
		err = u.Err
	}
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("no computer called %s is known here: is the name right? The box's IP address will do too", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s is there, but nothing answers on that port: is it the box, and has it started?", address)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Errorf("%s does not answer: is the box switched on, and is this computer in its network?", address)
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBroken
	}
	return fmt.Errorf("the box can't be reached: %w", err)
}

// noSuchAddress is what the box says of an alias or group; of people it says
// something else in the same field.
const noSuchAddress = "There is no such address."

// problem is the box's own words; but what it says of something that is not there
// is for somebody in front of a page, and is said as for a data directory.
func problem(status int, text []byte) error {
	var p struct {
		Field    string `json:"field"`
		Message  string `json:"message"`
		WhatToDo string `json:"what_to_do"`
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Message == "" {
		return fmt.Errorf("the box answers with HTTP status %d", status)
	}
	if status == http.StatusNotFound {
		switch p.Field {
		case "address":
			if p.Message == noSuchAddress {
				return mail.ErrNoSuchAddress
			}
			return mail.ErrNoAccount
		case "domain":
			return mail.ErrNoDomain
		case "mailbox":
			return mail.ErrNoMailbox
		case "messages":
			return mail.ErrNoMessage
		}
	}
	if status == http.StatusGone {
		return mail.ErrGone
	}
	if status == http.StatusConflict && p.Field == "password" {
		return mail.ErrPasswordNeeded // boxctl undo account says how to give one
	}
	words := said(p.Message, p.WhatToDo)
	if p.Field != "" && strings.Contains(strings.ToLower(p.Message), "this field") {
		words = p.Field + ": " + words // the words don't name it
	}
	return errors.New(words)
}

// said is what a box says of a problem, without what only helps in front of a page.
func said(message, whatToDo string) string {
	rest, page := strings.CutPrefix(whatToDo, "Reload the page")
	switch reason, told := strings.CutPrefix(rest, ": "); {
	case page && told: // "Reload the page: somebody may have removed it."
		first, size := utf8.DecodeRuneInString(reason)
		whatToDo = string(unicode.ToUpper(first)) + reason[size:]
	case page:
		whatToDo = "List them again and choose from there."
	}
	return strings.TrimSpace(message + " " + whatToDo)
}
