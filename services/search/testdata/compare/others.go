package main

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/simple"
	"github.com/blevesearch/bleve/v2/mapping"
	_ "modernc.org/sqlite" // its driver
)

// errNone says that the engine can't look for substrings.
var errNone = errors.New("no substrings")

func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// scan reads every text: the truth, and what there is without an index.
type scan struct{ texts *texts }

func openScan(_ string, t *texts) (engine, error) { return scan{t}, nil }
func (scan) add(int, string) error                { return nil }
func (scan) finish() error                        { return nil }

func (s scan) word(w string) ([]int, error) { return s.substring(w) }

func (s scan) substring(part string) (found []int, err error) {
	part = fold(part)
	for i := range len(s.texts.start) - 1 {
		text, err := s.texts.at(i)
		if err != nil {
			return nil, err
		}
		if strings.Contains(fold(text), part) {
			found = append(found, i)
		}
	}
	return found, nil
}

// verified are those of the candidates that contain s.
func (t *texts) verified(candidates []int, s string) (found []int, err error) {
	s = fold(s)
	for _, n := range candidates {
		text, err := t.at(n)
		if err != nil {
			return nil, err
		}
		if strings.Contains(fold(text), s) {
			found = append(found, n)
		}
	}
	return found, nil
}

// fts5 is SQLite's full-text index without the text in it.
type fts5 struct {
	db        *sql.DB
	tx        *sql.Tx
	insert    *sql.Stmt
	query     *sql.Stmt
	texts     *texts
	tokenizer string
	detail    string
}

func openFTS5(dir string, t *texts, tokenizer, detail string) (engine, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "index.db"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
		"CREATE VIRTUAL TABLE f USING fts5(t, content='', tokenize='" + tokenizer + "', detail=" + detail + ")"} {
		if _, err := db.Exec(q); err != nil {
			return nil, err
		}
	}
	return &fts5{db: db, texts: t, tokenizer: tokenizer, detail: detail}, nil
}

func (f *fts5) add(n int, text string) (err error) {
	if n%2000 == 0 { // as many as a box would index at a time
		if f.tx != nil {
			if err := f.tx.Commit(); err != nil {
				return err
			}
		}
		if f.tx, err = f.db.Begin(); err != nil {
			return err
		}
		if f.insert, err = f.tx.Prepare("INSERT INTO f(rowid, t) VALUES(?, ?)"); err != nil {
			return err
		}
	}
	_, err = f.insert.Exec(n+1, text)
	return err
}

func (f *fts5) finish() (err error) {
	if err := f.tx.Commit(); err != nil {
		return err
	}
	if _, err := f.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	f.query, err = f.db.Prepare("SELECT rowid FROM f WHERE f MATCH ?")
	return err
}

func (f *fts5) match(expression string) (found []int, err error) {
	rows, err := f.query.Query(expression)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		found = append(found, n-1)
	}
	return found, rows.Err()
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (f *fts5) word(w string) ([]int, error) {
	if f.tokenizer == "trigram" {
		return f.substring(w) // it knows no words
	}
	return f.match(quote(w))
}

func (f *fts5) substring(s string) ([]int, error) {
	runes := []rune(s)
	switch {
	case f.tokenizer != "trigram":
		return nil, errNone
	case len(runes) < 3:
		return scan{f.texts}.substring(s)
	case f.detail == "full":
		return f.match(quote(s))
	}
	var grams []string
	for i := range len(runes) - 2 {
		grams = append(grams, quote(string(runes[i:i+3])))
	}
	found, err := f.match(strings.Join(grams, " AND "))
	if err != nil {
		return nil, err
	}
	return f.texts.verified(found, s)
}

// bleveEngine is bleve's scorch index of one field, with nothing stored.
type bleveEngine struct {
	index bleve.Index
	batch *bleve.Batch
	texts *texts
}

func openBleve(dir string, t *texts) (engine, error) {
	field := bleve.NewTextFieldMapping()
	field.Store, field.IncludeInAll, field.DocValues, field.IncludeTermVectors = false, false, false, false
	field.Analyzer = simple.Name
	doc := bleve.NewDocumentStaticMapping()
	doc.AddFieldMappingsAt("t", field)
	var m *mapping.IndexMappingImpl = bleve.NewIndexMapping()
	m.DefaultMapping = doc
	index, err := bleve.New(filepath.Join(dir, "bleve"), m)
	if err != nil {
		return nil, err
	}
	return &bleveEngine{index: index, batch: index.NewBatch(), texts: t}, nil
}

func (e *bleveEngine) add(n int, text string) error {
	if err := e.batch.Index(strconv.Itoa(n), map[string]string{"t": text}); err != nil {
		return err
	}
	if n%1000 == 999 {
		return e.finish()
	}
	return nil
}

func (e *bleveEngine) finish() error {
	err := e.index.Batch(e.batch)
	e.batch = e.index.NewBatch()
	return err
}

func (e *bleveEngine) ids(request *bleve.SearchRequest) (found []int, err error) {
	result, err := e.index.Search(request)
	if err != nil {
		return nil, err
	}
	for _, hit := range result.Hits {
		n, err := strconv.Atoi(hit.ID)
		if err != nil {
			return nil, err
		}
		found = append(found, n)
	}
	slices.Sort(found)
	return found, nil
}

// word asks for the best hundred, as its users do.
func (e *bleveEngine) word(w string) ([]int, error) {
	q := bleve.NewTermQuery(strings.ToLower(w))
	q.SetField("t")
	return e.ids(bleve.NewSearchRequestOptions(q, 100, 0, false))
}

func (e *bleveEngine) substring(s string) ([]int, error) {
	var candidates []int
	for i, w := range strings.Fields(strings.ToLower(s)) {
		q := bleve.NewWildcardQuery("*" + w + "*")
		q.SetField("t")
		found, err := e.ids(bleve.NewSearchRequestOptions(q, len(e.texts.start), 0, false))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			found = intersect(candidates, found)
		}
		candidates = found
	}
	if !strings.ContainsAny(s, " ") {
		return candidates, nil
	}
	return e.texts.verified(candidates, s)
}

func intersect(a, b []int) (both []int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both, a, b = append(both, a[0]), a[1:], b[1:]
		}
	}
	return both
}
