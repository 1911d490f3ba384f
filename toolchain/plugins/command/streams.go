package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"

	"congress-ha/toolchain/plugins/serve"
)

// What may appear as the status of the resource while the command runs.
var loggings = []string{"stdout", "stderr", "stdoutAndStderr", "none"}

// streams keeps what a command writes: each stream for the outputs, both as they came for an error.
type streams struct {
	stdout, stderr *stream
	both           bytes.Buffer
	mutex          sync.Mutex
}

// stream is one of the two; status gets its lines and is nil when they are not logged.
type stream struct {
	owner  *streams
	text   bytes.Buffer
	line   []byte
	status func(string)
}

func newStreams(ctx context.Context, logging *string) *streams {
	var status func(string)
	if logger := p.GetLogger(ctx); serve.Or(logging, "stdoutAndStderr") != "none" {
		status = logger.InfoStatus
	}
	s := &streams{}
	s.stdout, s.stderr = &stream{owner: s, status: status}, &stream{owner: s, status: status}
	switch serve.Or(logging, "") {
	case "stdout":
		s.stderr.status = nil
	case "stderr":
		s.stdout.status = nil
	}
	return s
}

func (s *stream) Write(data []byte) (int, error) {
	s.owner.mutex.Lock()
	defer s.owner.mutex.Unlock()
	s.text.Write(data)
	s.owner.both.Write(data)
	if s.status == nil {
		return len(data), nil
	}
	s.line = append(s.line, data...)
	for {
		line, rest, found := bytes.Cut(s.line, []byte("\n"))
		if !found {
			return len(data), nil
		}
		s.status(shown(line))
		s.line = rest
	}
}

// shown shortens what goes to the terminal as a status: a longer line helps nobody there.
func shown(line []byte) string {
	const limit = 4096
	text := strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "?")
	if len(text) > limit {
		text = fmt.Sprintf("%s ... (%d bytes)", strings.ToValidUTF8(text[:limit], ""), len(line))
	}
	return text
}

// result ends both streams; an error carries the command and all it wrote.
func (s *streams) result(command string, err error) (Output, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range []*stream{s.stdout, s.stderr} {
		if one.status != nil && len(one.line) > 0 {
			one.status(shown(one.line))
		}
	}
	if err != nil {
		return Output{}, fmt.Errorf("%w: running %q:\n%s", err, command, s.both.String())
	}
	return Output{
		Stdout: strings.TrimSuffix(s.stdout.text.String(), "\n"),
		Stderr: strings.TrimSuffix(s.stderr.text.String(), "\n"),
	}, nil
}
