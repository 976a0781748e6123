package monitor

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
)

// MediaType is of the figures: Prometheus' text format 0.0.4.
const MediaType = "text/plain; version=0.0.4; charset=utf-8"

// Kind says what a figure does over time.
type Kind string

// The kinds.
const (
	Gauge   Kind = "gauge"
	Counter Kind = "counter"
)

// Figure is a number of the box, with its value for each set of labels.
type Figure struct {
	Name, Help string
	Kind       Kind
	Values     []Value
}

// Value is one value. Labels are pairs of name and value.
type Value struct {
	Labels []string
	Number float64
}

// Simple is a Figure without labels.
func Simple(name, help string, number float64) Figure {
	return Figure{name, help, Gauge, []Value{{Number: number}}}
}

// Flag is 1 for true.
func Flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// Process are the figures of this process.
func Process() []Figure {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return []Figure{
		Simple("sanduk_maild_goroutines", "Goroutines of the mail service.", float64(runtime.NumGoroutine())),
		Simple("sanduk_maild_heap_bytes", "Memory that the mail service has in use.", float64(m.HeapAlloc)),
		{"sanduk_maild_collections_total", "Garbage collections of the mail service since its start.", Counter, []Value{{Number: float64(m.NumGC)}}},
	}
}

// Write writes figures in Prometheus' text format.
func Write(w io.Writer, figures []Figure) error {
	var b strings.Builder
	for _, f := range figures {
		if len(f.Values) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.Name, escape(f.Help, false), f.Name, f.Kind)
		for _, v := range f.Values {
			b.WriteString(f.Name)
			for i := 0; i+1 < len(v.Labels); i += 2 {
				sep := ","
				if i == 0 {
					sep = "{"
				}
				fmt.Fprintf(&b, `%s%s="%s"`, sep, v.Labels[i], escape(v.Labels[i+1], true))
			}
			if len(v.Labels) > 1 {
				b.WriteByte('}')
			}
			b.WriteString(" " + strconv.FormatFloat(v.Number, 'g', -1, 64) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escape is for helps, and for labels' values.
func escape(text string, quotes bool) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(text)
	if quotes {
		text = strings.ReplaceAll(text, `"`, `\"`)
	}
	return text
}
