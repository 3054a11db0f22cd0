#include "wire/pt_parent.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::wire {

using base::fail;
using base::outcome;
using base::result;

namespace {

bool is_loopback(std::string_view address) {
  // One spelling each. What else names loopback is not worth a parser: no program says it.
  return address == "127.0.0.1" || address == "::1";
}

} // namespace

base::failure pt_parent::out_of_order(std::string_view what) const {
  return fail(outcome::proxy_failed, fmt::format("it said {}", what), base::stage::proxy);
}

result<pt_parent::event> pt_parent::take(std::string_view line) {
  auto parsed = parse_pt_line(line);
  if (!parsed) {
    if (ready_ && parsed.error().what != outcome::too_large) return event();
    return parsed.error();
  }
  if (auto* log = std::get_if<pt_log>(&*parsed)) return event(std::move(*log));
  if (auto* status = std::get_if<pt_status>(&*parsed)) return event(std::move(*status));
  if (ready_) return event();
  return take_early(std::move(*parsed));
}

result<pt_parent::event> pt_parent::take_early(pt_line line) {
  const auto words = [](const std::string& text) { return base::printable(text, 100); };
  if (const auto* version = std::get_if<pt_version>(&line)) {
    if (version->number != "1") return out_of_order("VERSION of another protocol");
    version_ = true;
    return event();
  }
  if (std::holds_alternative<pt_version_error>(line))
    return out_of_order("VERSION-ERROR: it speaks no version of ours");
  if (const auto* error = std::get_if<pt_env_error>(&line)) return out_of_order("ENV-ERROR: " + words(error->message));
  // Its words may name the proxy, user and password included.
  if (std::holds_alternative<pt_proxy_error>(line))
    return out_of_order("PROXY-ERROR: it cannot use the upstream proxy");
  if (std::holds_alternative<pt_other>(line)) {
    if (++noise_ > max_noise)
      return fail(outcome::malformed, "it speaks no protocol of transports", base::stage::proxy);
    return event();
  }
  if (!version_) return out_of_order("something before VERSION");
  if (std::holds_alternative<pt_proxy_done>(line)) {
    proxy_done_ = true;
    return event();
  }
  if (proxy_ && !proxy_done_) return out_of_order("nothing of the upstream proxy, so it would pass it by");
  if (auto* error = std::get_if<pt_cmethod_error>(&line)) return offered_none(std::move(*error));
  if (const auto* method = std::get_if<pt_cmethod>(&line)) offered(*method);
  if (std::holds_alternative<pt_cmethods_done>(line)) ready_ = true;
  return event();
}

void pt_parent::offered(const pt_cmethod& line) {
  if (!asked_.contains(line.transport)) return; // none of ours: nobody will ever connect there
  if (methods_.contains(line.transport) || refused_.contains(line.transport)) {
    methods_.erase(line.transport);
    refused_[line.transport] = "the program offered it twice";
  } else if (line.protocol != "socks5") {
    refused_[line.transport] = "the program does not offer it by SOCKS5";
  } else if (!is_loopback(line.address)) {
    refused_[line.transport] = "the program offered it at an address that is not loopback";
  } else {
    methods_[line.transport] = {line.address, line.port};
  }
}

result<pt_parent::event> pt_parent::offered_none(pt_cmethod_error line) {
  if (!asked_.contains(line.transport)) return event();
  methods_.erase(line.transport);
  refused_[line.transport] = "the program refused it: " + base::printable(line.message, 100);
  return event(std::move(line));
}

result<pt_method> pt_parent::method(const std::string& transport) const {
  if (const auto at = methods_.find(transport); at != methods_.end()) return at->second;
  const auto why = refused_.find(transport);
  return fail(outcome::proxy_failed, why != refused_.end() ? why->second : "the program did not offer it",
              base::stage::proxy);
}

pt_log_limit::verdict pt_log_limit::judge(std::int64_t now_ms) {
  const auto full_at = std::max(full_at_ms_, now_ms) + pace_ms;
  if (full_at - now_ms > burst * pace_ms)
    return std::exchange(dropping_, true) ? verdict::dropped : verdict::first_dropped;
  full_at_ms_ = full_at;
  dropping_ = false;
  return verdict::tell;
}

} // namespace landfall::wire
