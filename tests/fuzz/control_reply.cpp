// A control port's bytes. The first byte says in what pieces they come; the pieces must not matter.
#include "wire/control.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void check(const wire::control_reply& reply, const base::secret& cookie) {
  must(!reply.lines.empty() && reply.status >= 0 && reply.status <= 999);
  (void)wire::protocol_info::parse(reply);
  (void)wire::safecookie_answer(reply, cookie, std::string(wire::control_nonce_size, 'n'));
  (void)reply.value("info");
  for (const auto& line : reply.lines) {
    must(line.text.size() <= wire::max_control_line);
    const auto phase = wire::bootstrap_phase::parse(line.text);
    if (phase && *phase) must((*phase)->progress >= 0 && (*phase)->progress <= 100);
    const auto quoted = wire::control_quoted(line.text);
    if (!quoted) continue;
    const auto words = wire::control_words::parse("X=" + *quoted);
    must(words && words->argument("X") == line.text);
  }
}

std::size_t read(std::string_view bytes, std::size_t piece, const base::secret& cookie) {
  wire::control_parser parser;
  std::size_t replies = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    parser.take(bytes.substr(at, piece));
    for (;;) {
      const auto got = parser.next();
      if (!got) return replies;
      if (!*got) break;
      ++replies;
      check(**got, cookie);
    }
  }
  return replies;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::secret cookie(std::string(wire::control_cookie_size, 'c'));
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  must(read(bytes, 1 + data[0] % 64, cookie) == read(bytes, bytes.size() + 1, cookie));
  return 0;
}
