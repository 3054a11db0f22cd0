// The arguments of a webtunnel bridge line. What is taken makes one well-formed request.
#include "ptclient/webtunnel_target.hpp"

#include "wire/pt_line.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall;
  const auto arguments = wire::parse_pt_arguments({reinterpret_cast<const char*>(data), size});
  if (!arguments) return 0;
  const auto to = ptclient::webtunnel_target_of(*arguments);
  if (!to) return 0;
  const auto request = ptclient::webtunnel_request(*to, "0123456789abcdef");
  if (to->port == 0 || !request.starts_with("GET /") || request.find("\r\n\r\n") != request.size() - 4) std::abort();
  if (std::count(request.begin(), request.end(), '\n') != 14) std::abort();
  if (request.find(' ', 4) != request.find(" HTTP/1.1\r\n")) std::abort();
  return 0;
}
