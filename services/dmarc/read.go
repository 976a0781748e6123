package dmarc

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Bounds of reports that others send: they come from anybody, packed.
const (
	maxPacked   = 10 << 20
	maxUnpacked = 20 << 20
	maxReadRows = 50_000
	maxDepth    = 20 // of XML elements; a report has seven
	// maxElements of all kinds, since an empty one of seven bytes becomes a struct of
	// fifty and more: a row has about twenty.
	maxElements = 20 * maxReadRows
)

// ErrReport says that bytes are no report that can be read.
var ErrReport = errors.New("not a DMARC report that can be read")

// Received is a report that somebody sent.
type Received struct {
	Organization, Email, ID string
	Begin, End              time.Time
	Report                  Report
}

// ReadReport reads a report: XML, or XML packed with gzip or zip. The error is
// ErrReport.
func ReadReport(data []byte) (*Received, error) {
	if len(data) > maxPacked {
		return nil, fmt.Errorf("%w: it is too large", ErrReport)
	}
	text, err := unpack(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	var f feedback
	if err := decode(text, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	begin := time.Unix(f.Metadata.Range.Begin, 0).UTC()
	r := &Received{Organization: f.Metadata.Organization, Email: f.Metadata.Email, ID: f.Metadata.ID, Begin: begin, End: time.Unix(f.Metadata.Range.End, 0).UTC()}
	r.Report = Report{Day: begin, Published: Published{
		Domain: f.Published.Domain, Policy: Policy(f.Published.Policy), Subdomains: Policy(f.Published.Subdomains),
		StrictDKIM: f.Published.DKIM == "s", StrictSPF: f.Published.SPF == "s", Failures: f.Published.Failures,
	}}
	for _, rec := range f.Records {
		row := Row{HeaderFrom: rec.Identifiers.HeaderFrom, EnvelopeFrom: rec.Identifiers.EnvelopeFrom, DKIM: rec.Results.DKIM}
		row.Source, _ = netip.ParseAddr(rec.Row.Source) // some write none; the row still counts
		e := rec.Row.Evaluated
		row.Disposition, row.DKIMAligned, row.SPFAligned = Policy(e.Disposition), e.DKIM == "pass", e.SPF == "pass"
		if len(e.Reasons) > 0 {
			row.Override, row.Comment = e.Reasons[0].Type, e.Reasons[0].Comment
		}
		if len(rec.Results.SPF) > 0 {
			row.SPF = rec.Results.SPF[0]
		}
		r.Report.Rows = append(r.Report.Rows, Counted{row, max(0, rec.Row.Count)})
	}
	return r, nil
}

// unpack gives a reader of the XML that knows its bound.
func unpack(data []byte) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return io.LimitReader(z, maxUnpacked), nil
	case bytes.HasPrefix(data, []byte("PK")):
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, err
		}
		if len(z.File) != 1 {
			return nil, errors.New("it must hold one file")
		}
		f, err := z.File[0].Open()
		if err != nil {
			return nil, err
		}
		return io.LimitReader(f, maxUnpacked), nil
	}
	return bytes.NewReader(data), nil
}

// decode reads the XML, after a look at how deep it is and how much there is in it:
// encoding/xml goes as deep as it is told to, and a small packed file can hold more
// elements than the box has memory for.
func decode(r io.Reader, f *feedback) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	depth, elements, rows := 0, 0, 0
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			elements++
			if e.Name.Local == "record" {
				rows++
			}
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return errors.New("its elements are too deep")
		}
		if rows > maxReadRows || elements > maxElements {
			return fmt.Errorf("it has more than %d rows or %d elements", maxReadRows, maxElements)
		}
	}
	return xml.Unmarshal(text, f)
}
