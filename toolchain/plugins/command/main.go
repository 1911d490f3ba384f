// Command pulumi-resource-command runs commands here (command:local:Command) and over SSH
// (command:remote:Command) for the types of the pulumi-command SDK.
//
// It behaves like the official plugin, so that a stack can change between the two, except that it mends
// what hangs or leaks there: lines longer than 64 KiB, handshakes that never answer, a proxy that dials
// the target only once, and connections printed whole when a field is wrong. The file resources and
// asset outputs are not served.
package main

import (
	"github.com/pulumi/pulumi-go-provider/infer"

	"congress-ha/toolchain/plugins/serve"
)

var version = "0.0.0" // set by the linker

func main() {
	serve.Run("command", version, infer.Resource(Remote{}), infer.Resource(Local{}))
}
