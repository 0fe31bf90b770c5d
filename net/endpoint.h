// Endpoints, checked before ZeroMQ sees them: ipc:///path (same host, at most 107 bytes of path) or
// tcp://host:port. Without keys a tcp endpoint must be loopback.
#ifndef CARAVAN_NET_ENDPOINT_H_
#define CARAVAN_NET_ENDPOINT_H_

#include <string>

#include "absl/status/status.h"

namespace caravan::net {

// INVALID_ARGUMENT says what is wrong: scheme, length of an ipc path, port, a tcp host that is not
// loopback while there are no keys.
absl::Status CheckEndpoint(const std::string& endpoint);

// True when somebody listens at an ipc endpoint: ZeroMQ would take the path away from them without
// a word. False for tcp, where the system refuses by itself.
bool IsIpcTaken(const std::string& endpoint);

}  // namespace caravan::net

#endif  // CARAVAN_NET_ENDPOINT_H_
