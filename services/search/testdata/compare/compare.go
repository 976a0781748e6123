// Command compare puts search engines side by side on the same made-up mail: what
// they cost to build, on disk and in memory, and how long words and substrings
// take to find. It is a module of its own, so that the engines that were not
// chosen stay out of the product.
//
//	cd services/search/testdata/compare && go run . [-n 100000] [-limit 10m] [engine...]
//
// Every engine runs in a process of its own and is ended after the limit.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/search/corpus"
)

// engine is one way to search. Texts are added in order, from 0.
type engine interface {
	add(n int, text string) error
	finish() error
	// word gives the texts in which the word stands.
	word(w string) ([]int, error)
	// substring gives the texts that contain s in any case; nil, errNone if the
	// engine has nothing for that.
	substring(s string) ([]int, error)
}

// maker makes an engine with its files in dir; texts is for those that verify.
type maker func(dir string, texts *texts) (engine, error)

func engines() map[string]maker {
	return map[string]maker{
		"fts5-trigram": func(dir string, t *texts) (engine, error) { return openFTS5(dir, t, "trigram", "full") },
		"fts5-trigram-lean": func(dir string, t *texts) (engine, error) {
			return openFTS5(dir, t, "trigram", "none")
		},
		"fts5-unicode61": func(dir string, t *texts) (engine, error) { return openFTS5(dir, t, "unicode61", "full") },
		"bleve":          openBleve,
		"own-trigram":    openTrigram,
		"own-words":      openWords,
		"scan":           openScan,
	}
}

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 100_000, "messages")
	limit := flag.Duration("limit", 10*time.Minute, "time for each engine")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "search-compare"), "directory for the text and the indexes")
	run := flag.String("run", "", "for the program itself: run this engine in this process")
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		log.Fatal(err)
	}
	if *run != "" {
		if err := measure(*run, *dir, *n); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := writeTexts(*dir, *n); err != nil {
		log.Fatal(err)
	}
	names := flag.Args()
	if len(names) == 0 {
		for name := range engines() {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	fmt.Printf("%-18s %8s %7s %7s %9s %9s %9s %9s %7s\n", "engine", "build", "index", "RSS", "word p50", "word p95", "part p50", "part p95", "missed")
	for _, name := range names {
		cmd := exec.Command(os.Args[0], "-run", name, "-dir", *dir, "-n", fmt.Sprint(*n))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		timer := time.AfterFunc(*limit, func() { _ = cmd.Process.Kill() })
		if err := cmd.Run(); err != nil {
			fmt.Printf("%-18s ended after %v: %v\n", name, *limit, err)
		}
		timer.Stop()
	}
}

// measure builds one engine, asks it, and prints its line of the table.
func measure(name, dir string, n int) error {
	t, err := openTexts(dir, n)
	if err != nil {
		return err
	}
	own := filepath.Join(dir, name)
	if err := os.RemoveAll(own); err != nil {
		return err
	}
	if err := os.MkdirAll(own, 0o700); err != nil {
		return err
	}
	e, err := engines()[name](own, t)
	if err != nil {
		return err
	}
	begin := time.Now()
	for i := range n {
		text, err := t.at(i)
		if err != nil {
			return err
		}
		if err := e.add(i, text); err != nil {
			return err
		}
	}
	if err := e.finish(); err != nil {
		return err
	}
	build := time.Since(begin)
	fmt.Fprintf(os.Stderr, "%s: built in %v\n", name, build.Round(time.Second))
	c := corpus.New(1)
	words, _, err := ask(c.Words(200, n), e.word, nil)
	if err != nil {
		return err
	}
	queries := c.Substrings(200, n)
	scanned, err := openScan("", t)
	if err != nil {
		return err
	}
	parts, missed, err := ask(queries, e.substring, func(i int, got []int) (int, error) {
		if i%20 != 0 || name == "scan" {
			return 0, nil // every 20th answer is compared with the scan's
		}
		want, err := scanned.substring(queries[i])
		if err == nil && !slices.Equal(got, want) {
			return 1, nil
		}
		return 0, err
	})
	if err != nil {
		return err
	}
	size, err := sizeOf(own)
	if err != nil {
		return err
	}
	fmt.Printf("%-18s %7.0fs %6.1f%% %5dMB %s %s %7d\n", name, build.Seconds(), 100*float64(size)/float64(t.size), peak(), quantiles(words), quantiles(parts), missed)
	return nil
}

// ask puts each query once before the clock runs, so that all have warm caches.
func ask(queries []string, find func(string) ([]int, error), check func(int, []int) (int, error)) (took []time.Duration, missed int, err error) {
	budget := time.Now().Add(3 * time.Minute)
	for i, q := range queries {
		if time.Now().After(budget) {
			break
		}
		begin := time.Now()
		got, err := find(q)
		if err == errNone {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		took = append(took, time.Since(begin))
		if check != nil {
			m, err := check(i, got)
			if err != nil {
				return nil, 0, err
			}
			missed += m
		}
	}
	return took, missed, nil
}

func quantiles(took []time.Duration) string {
	if len(took) == 0 {
		return fmt.Sprintf("%9s %9s", "-", "-")
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return fmt.Sprintf("%7.2fms %7.2fms", ms(took[len(took)/2]), ms(took[len(took)*95/100]))
}

// peak is the most memory that this process has had, in MB.
func peak() int {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		var kb int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb / 1000
		}
	}
	return 0
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	return size, err
}

// texts are the extracted texts of all messages in one file, and where each
// begins in another.
type texts struct {
	file  *os.File
	start []uint64
	size  int64
}

func (t *texts) at(n int) (string, error) {
	b := make([]byte, t.start[n+1]-t.start[n])
	_, err := t.file.ReadAt(b, int64(t.start[n]))
	return string(b), err
}

func openTexts(dir string, n int) (*texts, error) {
	b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("text-%d.start", n)))
	if err != nil {
		return nil, err
	}
	t := &texts{start: make([]uint64, len(b)/8)}
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, t.start); err != nil {
		return nil, err
	}
	t.size = int64(t.start[n])
	t.file, err = os.Open(filepath.Join(dir, fmt.Sprintf("text-%d", n)))
	return t, err
}

// writeTexts makes the messages and takes their text out: the header fields that
// people look for, and the text parts.
func writeTexts(dir string, n int) error {
	name := filepath.Join(dir, fmt.Sprintf("text-%d", n))
	if _, err := os.Stat(name + ".start"); err == nil {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var start []byte
	total := uint64(0)
	c := corpus.New(1)
	for i := range n {
		start = binary.LittleEndian.AppendUint64(start, total)
		text, err := extract(c.Message(i))
		if err != nil {
			return err
		}
		total += uint64(len(text))
		if _, err := w.WriteString(text); err != nil {
			return err
		}
	}
	start = binary.LittleEndian.AppendUint64(start, total)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d messages, %.0f MB of text\n", n, float64(total)/1e6)
	return os.WriteFile(name+".start", start, 0o600)
}

func extract(raw []byte) (string, error) {
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write(raw)
	d := s.Finish()
	var b strings.Builder
	for f, err := range message.Fields(d.Root.Header(bytes.NewReader(raw)), 1<<20) {
		if err != nil {
			return "", err
		}
		switch strings.ToLower(f.Name) {
		case "from", "to", "cc", "subject":
			b.WriteString(message.DecodeHeader(f.Value()) + "\n")
		}
	}
	for _, p := range d.Root.All() {
		if p.Type != "text" {
			continue
		}
		text, err := message.Text(p, bytes.NewReader(raw), 1<<20)
		if err != nil {
			return "", err
		}
		b.WriteString(text + "\n")
	}
	return b.String(), nil
}
