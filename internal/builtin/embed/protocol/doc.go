// Package protocol is what initbench and an embedder of libcontainer say to each other: one JSON object a
// line, commands on the embedder's standard input, answers on its standard output.
//
//	> {"verb":"cycle","id":"c1","bundle":"/run/b","systemd":true}
//	< {"verb":"cycle","id":"c1","exit":0}
//
// The embedder speaks first, when it is ready ([Answer.Libcontainer]); after that each line gets one answer, in order, what
// cannot be read included. It ends with its input.
//
// The package has the standard library alone: it is also compiled into embedders that are built against
// other versions of libcontainer, in a module without our dependencies.
package protocol
