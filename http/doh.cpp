#include "http/doh.hpp"

#include "base/encoding.hpp"
#include "config/endpoint.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;

base::failure of_the_look_up(const base::failure& failed) {
  switch (failed.what) {
  case outcome::cancelled:
  case outcome::local_error: return fail(failed.what, failed.detail, stage::resolve);
  case outcome::timed_out: return fail(outcome::timed_out, "no answer over HTTPS", stage::resolve);
  default:
    return fail(outcome::unreachable, fmt::format("a resolver over HTTPS ended as {}", base::name(failed.what)),
                stage::resolve);
  }
}

http::request request_for(const doh_question& what, std::string_view question) {
  http::request out;
  out.url = doh_url(what.server, question);
  out.addresses = {what.server.address};
  out.accept = "application/dns-message";
  out.max_body = max_message;
  out.ca_file = what.ca_file;
  out.connect = out.tls = out.first_byte = out.whole = what.timeout;
  out.progress = [heard = what.heard](stage at) {
    if (at == stage::connect && heard) heard();
  };
  return out;
}

} // namespace

result<doh_server> doh_server::parse(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == text.npos) return fail(outcome::malformed, "no address; write https://NAME/PATH@ADDRESS");
  auto url = boost::urls::parse_uri(text.substr(0, at));
  const auto where = config::address_and_port::parse(text.substr(at + 1));
  if (!url || url->scheme() != "https" || !where) return fail(outcome::malformed, "not https://NAME/PATH@ADDRESS");
  boost::urls::url named(*url);
  if (where->port) named.set_port_number(*where->port);
  net::error_code ignored; // what parsed above parses here
  return doh_server{std::string(named.buffer()), asio::ip::make_address(where->address.to_string(), ignored)};
}

std::string doh_url(const doh_server& server, std::string_view question) {
  return fmt::format("{}{}dns={}", server.url, server.url.find('?') == std::string::npos ? '?' : '&',
                     base::to_base64url(question));
}

awaitable<result<dns_answer>> ask_doh(client& https, doh_question what) {
  const auto question = padded_question(what.name, what.type);
  if (!question) co_return question.error();
  auto asked = request_for(what, *question);
  auto got = co_await https.get(asked);
  if (!got && got.error().what == outcome::clock_suspect) {
    asked.ignore_dates = true;
    got = co_await https.get(asked);
  }
  if (!got) co_return of_the_look_up(got.error());
  auto answer = read_answer(*question, got->body);
  if (!answer) co_return of_the_look_up(answer.error());
  co_return answer;
}

} // namespace landfall::http
