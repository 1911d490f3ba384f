package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"

	"congress-ha/toolchain/plugins/serve"
)

// Pauses between dials, as the official plugin makes them: each half as long again, up to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// When a host whose command runs is asked whether it is still there, and how long it may take to answer. TCP
// itself waits for a host that died for as long as nothing is sent, and a bastion's connection hides its end.
const (
	askAfter     = 15 * time.Second
	answerWithin = time.Minute
)

// dialer opens a TCP connection: the network's own, or a bastion's.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial logs in to the target, through the proxy if there is one. Both must be closed.
func (c Connection) dial(ctx context.Context) (client *ssh.Client, close func(), err error) {
	if c.Proxy == nil {
		client, err = c.Endpoint.dial(ctx, (&net.Dialer{}).DialContext)
		return client, func() { _ = client.Close() }, err
	}
	bastion, err := c.Proxy.dial(ctx, (&net.Dialer{}).DialContext)
	if err != nil {
		return nil, nil, fmt.Errorf("proxy: %w", err)
	}
	client, err = c.Endpoint.dial(ctx, bastion.DialContext)
	if err != nil {
		_ = bastion.Close()
		return nil, nil, err
	}
	return client, func() {
		_ = client.Close()
		_ = bastion.Close()
	}, nil
}

// dial tries until a handshake succeeds: an error limit of N means N+1 tries.
func (e Endpoint) dial(ctx context.Context, open dialer) (*ssh.Client, error) {
	limit := serve.Or(e.DialErrorLimit, 10)
	shown := strconv.Itoa(limit)
	if limit < 0 {
		shown = "inf"
	}
	pause := firstPause
	for try := 1; ; try++ {
		client, err := e.handshake(ctx, open)
		if err == nil {
			return client, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dialing %s: %w", e.address(), context.Cause(ctx))
		}
		var wrong *inputError
		if errors.As(err, &wrong) || (limit >= 0 && try > limit) {
			return nil, fmt.Errorf("dialing %s, try %d: %w", e.address(), try, err)
		}
		p.GetLogger(ctx).InfoStatusf("Dial %d/%s failed: retrying", try, shown)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*3/2, longestPause)
	}
}

// inputError is one that no further dial can mend.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// handshake dials once. The timeout covers TCP and SSH: a port that accepts and never answers ends too.
func (e Endpoint) handshake(ctx context.Context, open dialer) (*ssh.Client, error) {
	config, close, err := e.config()
	if err != nil {
		return nil, &inputError{err}
	}
	defer close()
	if seconds := serve.Or(e.PerDialTimeout, 15); seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(seconds)*time.Second,
			fmt.Errorf("no SSH connection within %d s", seconds))
		defer cancel()
	}
	connection, err := open(ctx, "tcp", e.address())
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	done := context.AfterFunc(ctx, func() { _ = connection.Close() })
	inner, channels, requests, err := ssh.NewClientConn(connection, e.address(), config)
	if !done() {
		_ = connection.Close()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return ssh.NewClient(inner, channels, requests), nil
}

// watch asks the host again and again, until the context ends or the host does not answer in time: then it
// calls gone. Any answer will do; OpenSSH refuses the request.
func watch(ctx context.Context, client *ssh.Client, after, within time.Duration, gone func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(after):
		}
		answered := make(chan struct{})
		go func() {
			_, _, _ = client.SendRequest("keepalive@openssh.com", true, nil)
			close(answered)
		}()
		select {
		case <-ctx.Done():
			return
		case <-answered:
		case <-time.After(within):
			gone()
			return
		}
	}
}
