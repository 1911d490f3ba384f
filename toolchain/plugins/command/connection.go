package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"congress-ha/toolchain/plugins/serve"
)

// Endpoint is an SSH server and how to log in: key, password and agent are tried in this order.
// HostKey is a line as in authorized_keys; without it any host is accepted. A limit of -1 dials without
// end, a timeout of 0 seconds waits without end.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Connection is the target, reached through the proxy if there is one.
type Connection struct {
	Endpoint
	Proxy *Proxy `pulumi:"proxy,optional"`
}

// Proxy is a bastion.
type Proxy struct{ Endpoint }

// Annotate sets the defaults; as with the official plugin they become part of the inputs.
func (c *Connection) Annotate(a infer.Annotator) { annotate(a, &c.Endpoint) }

// Annotate sets the defaults.
func (x *Proxy) Annotate(a infer.Annotator) { annotate(a, &x.Endpoint) }

func annotate(a infer.Annotator, e *Endpoint) {
	a.SetDefault(&e.User, "root")
	a.SetDefault(&e.Port, 22.0)
	a.SetDefault(&e.DialErrorLimit, 10)
	a.SetDefault(&e.PerDialTimeout, 15)
}

func (e Endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(serve.Or(e.Port, 22))))
}

// config gives the login; close it after the handshake to leave the agent. Its errors never carry a key.
func (e Endpoint) config() (config *ssh.ClientConfig, close func(), err error) {
	close = func() {}
	config = &ssh.ClientConfig{
		User:            serve.Or(e.User, "root"),
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // as documented for a missing hostKey
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, nil, fmt.Errorf("hostKey: not a line like `ssh-ed25519 AAAA...`: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = algorithms(key.Type())
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answer))
	}
	if socket := serve.Or(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK")); socket != "" {
		connection, err := net.DialTimeout("unix", socket, 5*time.Second)
		if err != nil {
			return nil, nil, fmt.Errorf("SSH agent: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
		close = func() { _ = connection.Close() }
	}
	return config, close, nil
}

// algorithms lets an RSA key sign with SHA-2, the only way current servers do.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{keyType}
}

func (e Endpoint) signer() (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if e.PrivateKeyPassword != nil {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	} else {
		signer, err = ssh.ParsePrivateKey([]byte(*e.PrivateKey))
	}
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		return nil, errors.New("privateKey: it is encrypted: set privateKeyPassword")
	}
	if err != nil {
		return nil, fmt.Errorf("privateKey: %w", err)
	}
	return signer, nil
}

func (e Endpoint) answer(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

// connectionProblem says what is wrong with a connection the types refuse, without any of its values:
// the engine prints this.
func connectionProblem(connection property.Value) string {
	known := []string{"proxy"}
	for i := range reflect.TypeFor[Endpoint]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Endpoint]().Field(i).Tag.Get("pulumi"), ",")
		known = append(known, name)
	}
	if !connection.IsMap() {
		return "must be an object with the fields " + strings.Join(known, ", ")
	}
	for name, value := range connection.AsMap().All {
		if !slices.Contains(known, name) {
			return fmt.Sprintf("unknown field %q; known are %s", name, strings.Join(known, ", "))
		}
		if name == "proxy" && value.IsMap() {
			for name := range value.AsMap().All {
				if name == "proxy" || !slices.Contains(known, name) {
					return fmt.Sprintf("unknown field %q in proxy; known are %s", name, strings.Join(known[1:], ", "))
				}
			}
		}
	}
	return "host is missing, or a field has a wrong type (port, dialErrorLimit and perDialTimeout are numbers, " +
		"all others text)"
}
