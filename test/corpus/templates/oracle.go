// Runs each template of results.txt on document.json with Go's text/template and docker's functions, and prints results.txt anew:
//
//	go run test/corpus/templates/oracle.go test/corpus/templates > results.txt
//
// The test test/unit/template/golden.test.ts does the same where go is installed. Made with Go 1.19.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

type State struct {
	Status   string
	Running  bool
	Paused   bool
	Pid      int
	ExitCode int
	Error    string
}

type Health struct {
	Status string
}

type Config struct {
	Hostname     string
	User         string
	Tty          bool
	Env          []string
	Cmd          []string
	Entrypoint   []string
	OnBuild      []string
	Image        string
	Labels       map[string]string
	Volumes      map[string]struct{}
	ExposedPorts map[string]struct{}
}

type Network struct {
	IPAddress string
	Gateway   string
	Aliases   []string
	Prefix    int
}

type Port struct {
	HostIp   string
	HostPort string
}

type Mount struct {
	Type        string
	Source      string
	Destination string
	RW          bool
}

type Container struct {
	Id           string
	Created      string
	Path         string
	Args         []string
	Name         string
	RestartCount int
	SizeRw       int
	SizeRootFs   int
	Ratio        float64
	State        State
	Health       *Health
	Config       Config
	Networks     map[string]Network
	Ports        map[string][]Port
	Mounts       []Mount
	Sizes        []int
	Raw          interface{}
}

func (c Container) Label(key string) string {
	return c.Config.Labels[key]
}

var functions = template.FuncMap{
	"json": func(v interface{}) string {
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			panic(err)
		}
		return strings.TrimSpace(buffer.String())
	},
	"split": strings.Split,
	"join": func(list interface{}, separator string) (string, error) {
		var texts []string
		switch list := list.(type) {
		case nil:
		case []string:
			texts = list
		case []int:
			for _, item := range list {
				texts = append(texts, fmt.Sprint(item))
			}
		case []interface{}:
			for _, item := range list {
				texts = append(texts, fmt.Sprint(item))
			}
		default:
			return "", fmt.Errorf("expected slice, got %T", list)
		}
		return strings.Join(texts, separator), nil
	},
	"title": strings.Title,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"pad": func(text string, before, after int) string {
		if text == "" {
			return text
		}
		return strings.Repeat(" ", before) + text + strings.Repeat(" ", after)
	},
	"truncate": func(text string, length int) string {
		if len(text) < length {
			return text
		}
		return text[:length]
	},
}

// Numbers of JSON as the numbers of docker's structs: whole ones are int.
func plain(value interface{}) interface{} {
	switch value := value.(type) {
	case json.Number:
		whole, isWhole := new(big.Int).SetString(value.String(), 10)
		if isWhole && whole.IsInt64() {
			return int(whole.Int64())
		}
		number, err := value.Float64()
		check(err)
		return number
	case []interface{}:
		for at, item := range value {
			value[at] = plain(item)
		}
	case map[string]interface{}:
		for key, item := range value {
			value[key] = plain(item)
		}
	}
	return value
}

func run(text string, data Container) (string, error) {
	parsed, err := template.New("").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

func quoted(text string) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(text))
	return strings.TrimSpace(buffer.String())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	document, err := os.Open(filepath.Join(os.Args[1], "document.json"))
	check(err)
	var data Container
	decoder := json.NewDecoder(document)
	decoder.UseNumber()
	check(decoder.Decode(&data))
	data.Raw = plain(data.Raw)
	table, err := os.Open(filepath.Join(os.Args[1], "results.txt"))
	check(err)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			fmt.Println(line)
			continue
		}
		if strings.HasPrefix(line, "  ") {
			continue
		}
		text := line
		if strings.HasPrefix(line, `"`) {
			check(json.Unmarshal([]byte(line), &text))
		}
		result, err := run(text, data)
		fmt.Println(line)
		if err != nil {
			fmt.Printf("  ! %s\n", quoted(err.Error()))
		} else {
			fmt.Printf("  = %s\n", quoted(result))
		}
	}
	check(lines.Err())
}
