package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"congress-ha/toolchain/plugins/plugintest"
)

func TestWrongHostKey(t *testing.T) {
	command, connection := remote(t)
	_, other := keyPair(t, "")
	err := command.Create(t, map[string]any{
		"connection": with(connection, "hostKey", other, "dialErrorLimit", 1), "create": "true",
	})
	if err == nil || !strings.Contains(err.Error(), "host key mismatch") {
		t.Errorf("error %v", err)
	}
	noLine := with(connection, "hostKey", strings.Fields(other)[1])
	err = command.Create(t, map[string]any{"connection": noLine, "create": "true"})
	if err == nil || !strings.Contains(err.Error(), "hostKey: not a line like") {
		t.Errorf("bare base64: %v", err)
	}
	// As the official plugin: without a host key any host is accepted.
	anyHost := with(connection)
	delete(anyHost, "hostKey")
	must(t, command.Create(t, map[string]any{"connection": anyHost, "create": "true"}))
}

func TestEmptyCreateStillDials(t *testing.T) {
	command, connection := remote(t)
	must(t, command.Create(t, map[string]any{"connection": connection, "create": ""}))
	unreachable := with(connection, "port", 1, "dialErrorLimit", 0)
	if err := command.Create(t, map[string]any{"connection": unreachable, "create": ""}); err == nil {
		t.Error("nothing listens there, and no error")
	}
}

func TestDialErrorLimitAndPauses(t *testing.T) {
	command, connection := remote(t)
	started := time.Now()
	err := command.Create(t, map[string]any{
		"connection": with(connection, "port", 1, "dialErrorLimit", 4), "create": "true",
	})
	if err == nil || !strings.Contains(err.Error(), "try 5") {
		t.Errorf("a limit of 4 means 5 tries: %v", err)
	}
	// 0.1 + 0.15 + 0.225 + 0.3375 s
	if took := time.Since(started); took < 800*time.Millisecond || took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if lines := command.Plugin.Lines(true); len(lines) != 4 || lines[0] != "Dial 1/4 failed: retrying" {
		t.Errorf("status lines %q", lines)
	}
	if lines := command.Plugin.Lines(false); len(lines) != 0 {
		t.Errorf("diagnostics %q", lines)
	}
}

func TestServerThatComesUpLate(t *testing.T) {
	private, public := keyPair(t, "")
	bastion, target := newServer(t, public).start(t), newServer(t, public)
	command := &plugintest.Resource{Plugin: plugintest.Start(t, "SSH_AUTH_SOCK="), Type: "command:remote:Command"}
	for name, connection := range map[string]map[string]any{
		"direct": target.connection(t, private),
		"proxy":  with(target.connection(t, private), "proxy", bastion.connection(t, private)),
	} {
		result := make(chan error, 1)
		go func() {
			result <- command.Create(t, map[string]any{
				"connection": with(connection, "dialErrorLimit", 100), "create": "true",
			})
		}()
		command.Plugin.WaitForLine(t, "Dial 2/100 failed: retrying")
		server := *target
		t.Run(name, func(t *testing.T) {
			server.start(t)
			must(t, <-result)
		})
	}
}

func TestBastion(t *testing.T) {
	private, public := keyPair(t, "")
	bastion, target := newServer(t, public).start(t), newServer(t, public).start(t)
	command := &plugintest.Resource{Plugin: plugintest.Start(t, "SSH_AUTH_SOCK="), Type: "command:remote:Command"}
	through := with(target.connection(t, private), "proxy", bastion.connection(t, private))
	must(t, command.Create(t, map[string]any{"connection": through, "create": "echo $SSH_CONNECTION"}))

	log, err := os.ReadFile(filepath.Join(bastion.folder, "log"))
	must(t, err)
	if !strings.Contains(string(log), "Accepted publickey") {
		t.Errorf("the bastion saw no login: %s", log)
	}
	wrong := with(bastion.connection(t, private), "hostKey", target.hostKey, "dialErrorLimit", 0)
	err = command.Create(t, map[string]any{"connection": with(through, "proxy", wrong), "create": "true"})
	if err == nil || !strings.Contains(err.Error(), "proxy: ") || !strings.Contains(err.Error(), "mismatch") {
		t.Errorf("wrong host key of the bastion: %v", err)
	}
}

func TestPortThatAcceptsAndNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	port := listener.Addr().(*net.TCPAddr).Port
	command, connection := remote(t)
	for name, silent := range map[string]map[string]any{
		"direct": with(connection, "port", port, "perDialTimeout", 1, "dialErrorLimit", 0),
		"proxy":  with(connection, "port", port, "perDialTimeout", 1, "dialErrorLimit", 0, "proxy", connection),
	} {
		err = command.Create(t, map[string]any{"connection": silent, "create": "true"})
		if err == nil || !strings.Contains(err.Error(), "no SSH connection within 1 s") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncryptedKeyAndAgent(t *testing.T) {
	private, public := keyPair(t, "opensesame")
	server := newServer(t, public).start(t)
	socket := filepath.Join(t.TempDir(), "agent")
	serveAgent(t, socket, private, "opensesame")
	create := func(t *testing.T, connection map[string]any, environment ...string) error {
		command := &plugintest.Resource{Plugin: plugintest.Start(t, environment...), Type: "command:remote:Command"}
		return command.Create(t, map[string]any{"connection": with(connection, "dialErrorLimit", 0), "create": "true"})
	}
	connection := server.connection(t, private)
	must(t, create(t, with(connection, "privateKeyPassword", "opensesame"), "SSH_AUTH_SOCK="))
	err := create(t, connection, "SSH_AUTH_SOCK=")
	if err == nil || !strings.Contains(err.Error(), "set privateKeyPassword") {
		t.Errorf("without the password: %v", err)
	}
	delete(connection, "privateKey")
	must(t, create(t, with(connection, "agentSocketPath", socket), "SSH_AUTH_SOCK="))
	must(t, create(t, connection, "SSH_AUTH_SOCK="+socket))
	if err := create(t, connection, "SSH_AUTH_SOCK="); err == nil {
		t.Error("no key, no agent, and no error")
	}
}

func serveAgent(t *testing.T, socket, private, passphrase string) {
	t.Helper()
	key, err := ssh.ParseRawPrivateKeyWithPassphrase([]byte(private), []byte(passphrase))
	must(t, err)
	keyring := agent.NewKeyring()
	must(t, keyring.Add(agent.AddedKey{PrivateKey: key}))
	listener, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, connection) }()
		}
	}()
}

// A root account without a password cannot test passwords with sshd: this server asks in both ways.
func TestPasswordAndKeyboardInteractive(t *testing.T) {
	for method, config := range map[string]*ssh.ServerConfig{
		"password": {PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, compare(string(password))
		}},
		"keyboard-interactive": {KeyboardInteractiveCallback: func(
			_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge,
		) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return nil, compare(answers[0])
		}},
	} {
		private, public := keyPair(t, "")
		signer, err := ssh.ParsePrivateKey([]byte(private))
		must(t, err)
		config.AddHostKey(signer)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer func() { _ = listener.Close() }()
		login := make(chan error, 1)
		go func() {
			connection, err := listener.Accept()
			if err == nil {
				_, _, _, err = ssh.NewServerConn(connection, config)
			}
			login <- err
		}()
		port, password := float64(listener.Addr().(*net.TCPAddr).Port), "correct"
		endpoint := Endpoint{Host: "127.0.0.1", Port: &port, Password: &password, HostKey: &public}
		client, err := endpoint.handshake(context.Background(), (&net.Dialer{}).DialContext)
		must(t, err)
		_ = client.Close()
		if err := <-login; err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func compare(password string) error {
	if password != "correct" {
		return errors.New("wrong password")
	}
	return nil
}

func TestHostThatAnswersNoMoreIsNoticed(t *testing.T) {
	private, public := keyPair(t, "")
	server := newServer(t, public).start(t)
	me, err := user.Current()
	must(t, err)
	port := float64(server.port)
	endpoint := Endpoint{Host: "127.0.0.1", Port: &port, User: &me.Username, PrivateKey: &private, HostKey: &server.hostKey}
	client, err := endpoint.dial(t.Context(), (&net.Dialer{}).DialContext)
	must(t, err)
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	must(t, err)
	// The parent of its shell is the process that answers for this connection.
	printed, err := session.Output("echo $PPID")
	must(t, err)
	process, err := strconv.Atoi(strings.TrimSpace(string(printed)))
	must(t, err)

	gone := make(chan struct{})
	go watch(t.Context(), client, 20*time.Millisecond, 2*time.Second, func() { close(gone) })
	select {
	case <-gone:
		t.Fatal("the host answers")
	case <-time.After(3 * time.Second):
	}
	must(t, syscall.Kill(process, syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(process, syscall.SIGKILL) }()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the host answers no more")
	}
}
