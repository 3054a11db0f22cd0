#include "fronting/https_route.hpp"

#include "trust/limits.hpp"

#include <fmt/format.h>

#include <utility>

namespace landfall::fronting {

namespace {

http::request request_for(https_fetch what) {
  http::request out;
  out.url = document_url(what.target.url, what.network, what.channel, what.type, what.root_version);
  if (what.unless) out.if_none_match = '"' + what.unless->hex() + '"';
  out.max_body = trust::max_envelope;
  out.ca_file = std::move(what.target.tls.ca);
  out.pins = std::move(what.target.tls.pins);
  out.sni = what.target.tls.sni;
  if (what.now != 0) out.tls_time = what.now;
  out.ignore_dates = what.ignore_dates;
  out.connect = what.deadlines.connect;
  out.tls = what.deadlines.tls;
  out.first_byte = what.deadlines.first_byte;
  out.whole = what.deadlines.whole;
  out.progress = std::move(what.progress);
  return out;
}

} // namespace

std::string document_url(const config::url& base, std::string_view network, std::string_view channel,
                         trust::document_type type, std::int64_t root_version) {
  auto under = base.reveal() + "v1/" + std::string(network);
  switch (type) {
  case trust::document_type::root: return fmt::format("{}/root/{}", under, root_version);
  case trust::document_type::list: return fmt::format("{}/{}/list", under, channel);
  case trust::document_type::live: return under + "/live";
  }
  return under;
}

awaitable<result<trust::unverified_document>> fetch(http::client& client, https_fetch what) {
  const auto& tls = what.target.tls;
  // Asked for and not there: to go without it would show what the user wanted hidden.
  if (tls.split_hello || !tls.profile.empty()) {
    co_return base::fail(base::outcome::local_error, "this version has neither split_hello nor profile");
  }
  auto got = co_await client.get(request_for(std::move(what)));
  if (!got) co_return std::move(got).error();
  co_return trust::unverified_document{std::move(got->body)};
}

} // namespace landfall::fronting
