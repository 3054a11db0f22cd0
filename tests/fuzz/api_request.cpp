// Requests to the local API: method, target, body, one a line (the body is the rest). Whatever comes in, what comes out
// is a call within its limits or an error that can be answered.
#include "sidecar/api_routes.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace landfall;
using namespace landfall::sidecar;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

struct within_limits {
  void operator()(const get_peers& call) const {
    require(call.min >= 1 && call.min <= call.max && call.max <= max_peers_asked);
    require(call.wait.count() >= 0 && call.wait <= max_wait);
  }
  void operator()(const add_peer& call) const {
    require(!call.endpoints.empty() && call.endpoints.size() <= 4);
    for (const auto& endpoint : call.endpoints) {
      const auto again = config::endpoint::parse(endpoint.to_string());
      require(again.has_value() && *again == endpoint);
    }
    require(!call.id || call.id->size() == 43);
  }
  void operator()(const report_outcome& call) const {
    require(call.id.size() == 43 || (call.id.size() == 44 && call.id[0] == '~'));
    require(!call.rtt_ms || (*call.rtt_ms >= 0 && *call.rtt_ms <= max_rtt_ms));
  }
  template <class Simple> void operator()(const Simple&) const {}
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto method = take_line(rest), target = take_line(rest);
  const auto parsed = parse_call(method, target, rest);
  if (const auto* call = std::get_if<api_call>(&parsed)) {
    std::visit(within_limits(), *call);
  } else {
    const auto& error = std::get<api_error>(parsed);
    require(error.status >= 400 && error.status < 500 && !error.name.empty() && !error.message.empty());
  }
  return 0;
}
