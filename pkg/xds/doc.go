// Package xds serves configuration to proxies over delta xDS (ADS). It keeps a
// journal instead of snapshots.
//
// # Journal
//
// Every change of a resource takes the next number of one increasing sequence.
// A [Store] has a scope for each Gateway, and one for the addresses, which all
// proxies share. A scope is a list of names ordered by the number of their last
// change: a change moves its name to the end. What a client has not seen is
// therefore the end of the list, and finding it costs what it holds, however
// long the list is.
//
//	number    1          4         7          9
//	name      backend/a  bind/80   route/x    route/y (removed)
//	                        ▲ position of a client: it needs route/x, -route/y
//
// A client is a position in the list. The version that it holds of any name is
// the one that was current at that position; so that this can be told, an entry
// keeps earlier versions, and a removed one its tombstone, until every position
// is past them. From the held version follows what to do: nothing if it is
// current again, an update, an addition, or a replacement.
//
// # Session
//
// A [Session] is the protocol of one stream as a pure state machine: inputs are
// requests, "look at the journal", and timers; outputs are responses. It works
// in rounds. A round takes everything up to the end of the list, is cut into
// responses of a bounded size, and ends when the last of them is answered.
// There is one response of a type in flight; changes wait in the journal
// meanwhile, where those of one name become one. Without a response in flight a
// change is sent at once. A session at rest holds two positions and no maps.
//
// The first round of a stream compares with the versions that the client
// reports, so a client that comes from another replica, or finds a restarted
// one, gets the difference and nothing else. Every stream starts with a response
// for each type, if need be an empty one: a proxy may have lost its connection
// before it was ready, and only a response without errors makes it so.
//
// # What the proxy can't do in place
//
// The part of a version before "-" is its identity: the fields that a proxy
// takes over only with a new name (the socket of a bind, the bind of a
// listener). If it differs from the held one, the resource is removed, the
// answer awaited, for a bind also [SettleDelay], and then it is added. A bind
// takes its listeners with it and gets them again, changed or not, in the same
// response. Listeners without a bind are not sent at all.
//
// Within a round, what is referred to goes before what refers to it, and
// removals go last and the other way round. No response has a name twice.
//
// # Rejections
//
// A NACK names the resources that a client refused, or took with a warning.
// Nothing is ever sent again because of it. A session remembers what its client
// refused, and with it which version the client has instead. For the status of
// objects, [Store.Rejections] has what was complained about and is still
// current; [Options.OnReject] hears of each version once.
//
// # Server
//
// A [Server] runs sessions on gRPC streams. One goroutine owns a session, and a
// second one receives. Resources are encoded once; a response on its way is a
// list of references to these bytes. A client that doesn't answer, or doesn't
// take a message, loses its connection. No stream is accepted before the journal
// is complete ([Store.MarkSynced]), and no refusal ends with OK.
package xds
