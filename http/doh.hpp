// DNS over HTTPS (RFC 8484): one question to one resolver, as a GET, connected by address, so that nothing is looked up
// to look something up.
#pragma once

#include "http/client.hpp"
#include "http/dns_message.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace landfall::http {

struct doh_server {
  std::string url; ///< https://NAME/PATH; the certificate must be for NAME, which may be an address (then without SNI)
  asio::ip::address address;
  /// https://NAME/PATH@ADDRESS[:PORT]. The port is the URL's too. Errors: malformed.
  [[nodiscard]] static result<doh_server> parse(std::string_view text);
};

/// Pure: the URL of a question.
[[nodiscard]] std::string doh_url(const doh_server& server, std::string_view question);

struct doh_question {
  std::string name;
  record_type type = record_type::a;
  doh_server server;
  std::string ca_file; ///< PEM; empty: the system's
  std::chrono::milliseconds timeout{4000};
  std::function<void()> heard{}; ///< called when the resolver answers the SYN; not on a connection that stands already
};

/// Dates of certificates alone are no reason to refuse: a clock that is years off must not leave a machine without
/// names for ever, and what an answer leads to is judged again, by the certificate there and by the list's signatures.
///
/// Errors: timed_out, unreachable (with what the resolver's connection came to), malformed (not a name), cancelled,
/// local_error. Stage resolve, and never the class of the connection's own end: that it was reset, or its certificate
/// wrong, says nothing of the route whose name was asked for.
[[nodiscard]] awaitable<result<dns_answer>> ask_doh(client& https, doh_question what);

} // namespace landfall::http
