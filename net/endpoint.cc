#include "net/endpoint.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "fmt/format.h"

namespace caravan::net {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
constexpr size_t kIpcPathBytesMax = 107;

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host == "::1" || host.starts_with("127.");
}

absl::Status CheckTcp(const std::string& endpoint) {
  const std::string_view address = std::string_view(endpoint).substr(kTcp.size());
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == address.size()) {
    return absl::InvalidArgumentError(
        fmt::format("endpoint {} has no host or no port; tcp://host:port is wanted", endpoint));
  }
  const std::string_view host = address.substr(0, colon);
  if (!IsLoopback(host)) {
    return absl::InvalidArgumentError(
        fmt::format("endpoint {}: without keys only loopback (127.0.0.1, [::1], localhost) is "
                    "allowed, not {}",
                    endpoint, host));
  }
  const std::string_view port = address.substr(colon + 1);
  if (port == "*") return absl::OkStatus();
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos ||
      std::stoul(std::string(port)) > 65535) {
    return absl::InvalidArgumentError(
        fmt::format("endpoint {}: port {} is no number from 0 to 65535", endpoint, port));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEndpoint(const std::string& endpoint) {
  if (endpoint.starts_with(kTcp)) return CheckTcp(endpoint);
  if (!endpoint.starts_with(kIpc)) {
    return absl::InvalidArgumentError(
        fmt::format("endpoint '{}' is neither ipc:///path nor tcp://host:port", endpoint));
  }
  const size_t path_bytes = endpoint.size() - kIpc.size();
  if (path_bytes == 0 || path_bytes > kIpcPathBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("endpoint {}: an ipc path has 1 to {} bytes, this one has {}", endpoint,
                    kIpcPathBytesMax, path_bytes));
  }
  return absl::OkStatus();
}

bool IsIpcTaken(const std::string& endpoint) {
  if (!endpoint.starts_with(kIpc)) return false;
  const std::string_view path = std::string_view(endpoint).substr(kIpc.size());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const int result =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::close(descriptor);
  return result == 0;
}

}  // namespace caravan::net
