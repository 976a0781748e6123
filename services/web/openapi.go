package web

import (
	"encoding"
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// openAPI is the API's description (OpenAPI 3.1), made of the table by which it is served:
// what stands in one and not in the other can't be. Its types are those of the handlers.
type openAPI struct {
	OpenAPI    string                          `json:"openapi"`
	Info       map[string]string               `json:"info"`
	Tags       []map[string]string             `json:"tags"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components components                      `json:"components"`
}

type components struct {
	Schemas         map[string]schema            `json:"schemas"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

type operation struct {
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	OperationID string                `json:"operationId"`
	Security    []map[string][]string `json:"security"`
	Parameters  []parameter           `json:"parameters,omitempty"`
	RequestBody *body                 `json:"requestBody,omitempty"`
	Responses   map[string]body       `json:"responses"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"` // path, query, header
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
	Schema      schema `json:"schema"`
}

type body struct {
	Description string                       `json:"description,omitempty"`
	Headers     map[string]described         `json:"headers,omitempty"`
	Required    bool                         `json:"required,omitempty"`
	Content     map[string]map[string]schema `json:"content,omitempty"`
}

// described is a header of an answer.
type described struct {
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

// schema is a JSON Schema of the few words that are needed.
type schema map[string]any

// describeAPI makes the description; version is the box's.
func (s *Server) describeAPI(version string) openAPI {
	d := openAPI{
		OpenAPI: "3.1.0",
		Info: map[string]string{"title": "Sanduk", "version": version,
			"description": "All that the box's pages do. A token is made on the pages or by POST /api/tokens, and sent as “Authorization: Bearer TOKEN”. Its scopes are names of the tags below, with “:read” behind them where nothing may be changed."},
		Paths: map[string]map[string]operation{},
		Components: components{Schemas: map[string]schema{}, SecuritySchemes: map[string]map[string]string{
			"token":  {"type": "http", "scheme": "bearer"},
			"cookie": {"type": "apiKey", "in": "cookie", "name": cookieName},
			"code":   {"type": "http", "scheme": "claim", "description": "The set-up code that the box's screen shows: “Authorization: Claim CODE”."},
		}},
	}
	types := schemas{d.Components.Schemas, map[reflect.Type]string{}}
	problem := body{Description: "What is the matter, and what to do.", Content: types.content(Problem{})}
	for _, a := range s.api() {
		if !slices.ContainsFunc(d.Tags, func(t map[string]string) bool { return t["name"] == a.name }) {
			d.Tags = append(d.Tags, map[string]string{"name": a.name})
		}
		for _, c := range a.calls {
			method, at, _ := strings.Cut(c.path(), " ")
			if d.Paths[at] == nil {
				d.Paths[at] = map[string]operation{}
			}
			o := c.operation(types, a.name)
			o.Responses["default"] = problem
			if res := s.resources[c.path()]; res != nil {
				o.describeTag(res, method == http.MethodGet, problem)
			}
			d.Paths[at][strings.ToLower(method)] = o
		}
	}
	return d
}

// operation describes a call.
func (c *call) operation(types schemas, tag string) operation {
	o := operation{Tags: []string{tag}, Summary: c.about, OperationID: c.name(), Security: c.security(tag), Responses: map[string]body{}}
	if c.need > forSignedIn {
		o.Description = "For: " + c.need.String() + "."
	}
	if c.need&sure != 0 {
		o.Description += " A browser is asked for the password once more, unless it gave it in the last " + strconv.Itoa(int(sureFor/time.Minute)) + " minutes."
	}
	for _, name := range pathNames.FindAllStringSubmatch(c.path(), -1) {
		o.Parameters = append(o.Parameters, parameter{Name: name[1], In: "path", Required: true, Schema: schema{"type": "string"}})
	}
	for _, name := range c.parameters() {
		o.Parameters = append(o.Parameters, parameter{Name: name, In: "query", Schema: schema{"type": "string"}})
	}
	if c.in != nil {
		o.RequestBody = &body{Required: true, Content: types.content(c.in)}
	}
	if c.out == nil {
		o.Responses["2XX"] = body{Description: "It is done, or begun."}
	} else {
		o.Responses["2XX"] = body{Description: "It is done, or begun.", Content: types.content(c.out)}
	}
	return o
}

// describeTag says of a call that shows or changes a resource how nobody undoes unseen what
// somebody else has changed.
func (o *operation) describeTag(res *resource, shows bool, problem body) {
	if shows {
		done := o.Responses["2XX"]
		done.Headers = map[string]described{"ETag": {"Names how it is: the If-Match of what changes it.", schema{"type": "string"}}}
		o.Responses["2XX"] = done
		return
	}
	o.Parameters = append(o.Parameters, parameter{Name: "If-Match", In: "header", Schema: schema{"type": "string"},
		Description: "The ETag of " + res.get.path() + ". Where somebody has changed that since, this is refused (412). Without it, it is done in any case."})
	problem.Description = "Somebody else has changed it since."
	o.Responses["412"] = problem
}

var pathNames = regexp.MustCompile(`\{(\w+)\}`)

// name is the call's in the description: its method and path as one word.
func (c *call) name() string {
	words := strings.FieldsFunc(strings.Replace(c.path(), "/api/", "", 1), func(r rune) bool { return strings.ContainsRune(" /-.{}", r) })
	for i, w := range words {
		if i == 0 {
			words[i] = strings.ToLower(w)
		} else {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

func (c *call) security(tag string) []map[string][]string {
	switch c.need {
	case forAnybody:
		return []map[string][]string{}
	case forCoded:
		return []map[string][]string{{"code": {}}}
	}
	scope := tag
	if strings.HasPrefix(c.path(), http.MethodGet+" ") && !readsMail(c.path()) {
		scope += readOnly
	}
	return []map[string][]string{{"token": {scope}}, {"cookie": {}}}
}

// schemas gathers the types that have a name.
type schemas struct {
	all   map[string]schema
	names map[reflect.Type]string
}

// content is a body of a type, or of a media.
func (s schemas) content(v any) map[string]map[string]schema {
	if m, ok := v.(media); ok {
		if m == "application/json" {
			return map[string]map[string]schema{string(m): {"schema": {"type": "object"}}}
		}
		return map[string]map[string]schema{string(m): {}}
	}
	return map[string]map[string]schema{"application/json": {"schema": s.of(reflect.TypeOf(v))}}
}

// of is the schema of a type as encoding/json writes it.
func (s schemas) of(t reflect.Type) schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return schema{}
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return schema{"type": "string"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return schema{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Interface:
		return schema{}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return schema{"type": "string", "contentEncoding": "base64"}
		}
		return schema{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.named(t)
	}
	return schema{"type": "integer"}
}

// named keeps a type with a name, and refers to it.
func (s schemas) named(t reflect.Type) schema {
	const at = "#/components/schemas/"
	if name, there := s.names[t]; there {
		return schema{"$ref": at + name}
	}
	name := strings.ToUpper(t.Name()[:1]) + strings.TrimSuffix(t.Name()[1:], "JSON")
	if s.all[name] != nil { // another package's
		name += "Of" + strings.ToUpper(path.Base(t.PkgPath())[:1]) + path.Base(t.PkgPath())[1:]
	}
	shape := schema{"type": "object"}
	s.all[name], s.names[t] = shape, name // before its fields: a type may have itself in it
	properties, required := map[string]schema{}, []string{}
	for f := range fields(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[tag] = s.of(f.Type)
		if !strings.HasPrefix(options, "omit") && f.Type.Kind() != reflect.Pointer {
			required = append(required, tag)
		}
	}
	shape["properties"] = properties
	if !strings.HasSuffix(name, "Body") && len(required) > 0 { // a field that is left out of a request is its zero value
		shape["required"] = required
	}
	return schema{"$ref": at + name}
}

// fields are those that encoding/json writes, with those of embedded types in their place.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && !f.Anonymous && f.Tag.Get("json") != "" && f.Tag.Get("json") != "-" && !yield(f) {
				return
			}
		}
	}
}

// getOpenAPI is GET /api/openapi.json.
func (s *Server) getOpenAPI(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.reply(w, r, http.StatusOK, s.describeAPI(s.opt.Version))
	return nil
}
