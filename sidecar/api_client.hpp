// The other end of the local API: how our own commands ask a sidecar that runs.
#pragma once

#include "net/async.hpp"
#include "sidecar/events.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace landfall::sidecar {

struct api_reply {
  unsigned status = 0;
  std::string body;
};

struct api_question {
  // A constructor, since g++ 12 destroys aggregates twice that are built inside co_await and co_return.
  api_question(std::string verb, std::string path, std::string text = {})
      : method(std::move(verb)), target(std::move(path)), body(std::move(text)) {}
  std::string method, target, body;
};

inline constexpr std::size_t max_reply = 1024 * 1024;

/// One request on a connection of its own. Errors: refused (nobody listens there), timed_out, cancelled, malformed,
/// too_large.
[[nodiscard]] net::awaitable<net::result<api_reply>> ask(std::filesystem::path socket, api_question question,
                                                         std::chrono::milliseconds limit);

/// The same, on a loop of its own: for commands.
[[nodiscard]] net::result<api_reply> ask_now(const std::filesystem::path& socket, api_question question,
                                             std::chrono::milliseconds limit);

/// GET /v1/events: tells each event as it comes, until the sidecar ends, `tell` gives false, or cancelled. Errors: as
/// ask.
[[nodiscard]] net::awaitable<net::result<void>> follow_events(std::filesystem::path socket,
                                                              std::function<bool(const event&)> tell);

/// One server-sent event's text to an event; nullopt for comments and what is none. Pure.
[[nodiscard]] std::optional<event> parse_event(std::string_view text);

} // namespace landfall::sidecar
