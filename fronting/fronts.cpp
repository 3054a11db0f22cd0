#include "fronting/fronts.hpp"

#include "config/endpoint.hpp"

#include <fmt/format.h>

#include <utility>

namespace landfall::fronting {

namespace {

using base::outcome;

bool is_refusal(int status, trust::document_type asked) noexcept {
  if (status == 403) return asked != trust::document_type::root;
  return status == 400 || status == 409 || status == 421 || status == 451 || (status >= 520 && status <= 530) ||
         (status >= 300 && status < 400);
}

} // namespace

base::place place_of(const config::front& front) { return {front.address.value_or(""), front.port, front.name}; }

std::vector<base::place> places_of(const config::url& url, const std::vector<config::front>& fronts) {
  std::vector<base::place> out;
  for (const auto& front : fronts) out.push_back(place_of(front));
  if (fronts.empty() && config::ip_address::parse(url.host)) out.push_back({url.host, url.port, {}});
  return out;
}

std::vector<std::size_t> rotation(const std::vector<config::front>& fronts, std::size_t start, const avoid_fn& avoid) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < fronts.size() && out.size() < max_fronts_per_lane; ++i) {
    const auto index = (start % fronts.size() + i) % fronts.size();
    if (!avoid || !avoid(place_of(fronts[index]))) out.push_back(index);
  }
  return out;
}

base::failure judged(base::failure why, trust::document_type asked) {
  if (why.what != outcome::http_status || !is_refusal(why.code, asked)) return why;
  why.what = outcome::front_refused;
  return why;
}

bool is_own_page(const http::response& answer) {
  if (answer.status != 200) return false;
  const auto first = answer.body.find_first_not_of(" \t\r\n");
  if (first != answer.body.npos) return answer.body[first] != '{';
  return !answer.cut || answer.content_type == "text/html"; // nothing came: then the header alone can tell
}

bool tries_another(outcome what) noexcept {
  using enum outcome;
  switch (what) {
  case timed_out:
  case dns_poisoned:
  case refused:
  case unreachable:
  case reset_before_hello:
  case reset_after_hello:
  case stalled_after_hello:
  case stalled_after_bytes:
  case tls_certificate:
  case front_refused:
  case http_status:
  case too_large:
  case malformed: return true;
  case clock_suspect: // our own clock: all certificates would be
  case captive_portal:
  case proxy_failed:
  case offline:
  case local_error:
  case cancelled:
  case won:
  case verified_same:
  case verified_but_older:
  case not_modified:
  case bridge_silent:
  case bridge_bad_auth:
  case tor_bootstrap:
  case below_threshold:
  case bad_root:
  case root_needed:
  case rolled_back:
  case expired:
  case wrong_network:
  case wrong_channel:
  case equivocation: return false;
  }
  return false; // unreachable: the switch is total
}

} // namespace landfall::fronting
