package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"congress-ha/toolchain/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, main) }

// sshd is OpenSSH's server on a loopback port with a host key of its own.
type sshd struct {
	port    int
	hostKey string // as in authorized_keys
	folder  string
}

var must = plugintest.Must

// keyPair gives a private key in OpenSSH's encoding and its public line.
func keyPair(t testing.TB, passphrase string) (private, public string) {
	t.Helper()
	publicKey, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	must(t, err)
	line, err := ssh.NewPublicKey(publicKey)
	must(t, err)
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))
}

// newServer prepares a server that lets the key in; start runs it.
func newServer(t testing.TB, authorized string) *sshd {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &sshd{port: listener.Addr().(*net.TCPAddr).Port, folder: t.TempDir()}
	must(t, listener.Close())
	private, public := keyPair(t, "")
	server.hostKey = public
	server.write(t, "host_key", private)
	server.write(t, "authorized_keys", authorized+"\n")
	server.write(t, "sshd_config", strings.Join([]string{
		"ListenAddress 127.0.0.1:" + strconv.Itoa(server.port),
		"HostKey " + filepath.Join(server.folder, "host_key"),
		"AuthorizedKeysFile " + filepath.Join(server.folder, "authorized_keys"),
		"PidFile none", "LogLevel VERBOSE", "StrictModes no", "UsePAM no", "PasswordAuthentication no",
		"PermitRootLogin prohibit-password", "AcceptEnv GREETING PULUMI_COMMAND_STDOUT", "",
	}, "\n"))
	return server
}

func (s *sshd) write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600))
}

// start runs the server until the test ends and returns when it listens.
func (s *sshd) start(t testing.TB) *sshd {
	t.Helper()
	s.launch(t)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			_ = connection.Close()
			return s
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			t.Fatalf("sshd does not listen: %v\n%s", err, log)
		}
	}
}

func (s *sshd) launch(t testing.TB) {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if os.Geteuid() == 0 {
		must(t, os.MkdirAll("/run/sshd", 0o755)) // sshd's own need; a boot script makes it elsewhere
	}
	process := exec.Command(path, "-D", "-f", filepath.Join(s.folder, "sshd_config"),
		"-E", filepath.Join(s.folder, "log"))
	must(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
}

// connection is how a program connects to the server, checking its host key.
func (s *sshd) connection(t testing.TB, privateKey string) map[string]any {
	t.Helper()
	me, err := user.Current()
	must(t, err)
	return map[string]any{
		"host": "127.0.0.1", "port": s.port, "user": me.Username, "privateKey": privateKey, "hostKey": s.hostKey,
	}
}

// with gives a copy of a map with some values changed.
func with(base map[string]any, changes ...any) map[string]any {
	changed := map[string]any{}
	for name, value := range base {
		changed[name] = value
	}
	for i := 0; i < len(changes); i += 2 {
		changed[changes[i].(string)] = changes[i+1]
	}
	return changed
}
