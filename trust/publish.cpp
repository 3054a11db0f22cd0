#include "trust/publish.hpp"

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "trust/envelope.hpp"
#include "trust/limits.hpp"
#include "trust/payload.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace landfall::trust {

namespace json = boost::json;
using base::fail;
using base::outcome;

namespace {

constexpr std::string_view empty_envelope = R"({{"payloadType":"{}","payload":"{}","signatures":[]}})";

/// Base64 of a signature, its keyid, and the JSON around them.
constexpr std::size_t signature_cost = (crypto::composite_signature_size + 2) / 3 * 4 + 128;

template <class Reading> base::result<void> as_check(const base::result<Reading>& reading) {
  if (!reading) return reading.error();
  return {};
}

} // namespace

std::string make_envelope(document_type type, std::string_view payload) {
  return fmt::format(empty_envelope, payload_type(type), base::to_base64(payload));
}

base::result<std::string> add_signature(std::string_view bytes, const crypto::composite_secret_key& key) {
  const auto opened = open_envelope(bytes);
  if (!opened) return opened.error();
  const auto mine = key.public_key();
  // Edited as JSON, so that members which we do not know stay.
  auto document = base::parse_json(bytes, max_depth);
  if (!document) return document.error();
  auto& top = document->get_object();
  if (opened->type == document_type::live) { // one signer, whose key it carries
    top["pk"] = base::to_base64(mine.bytes());
    top["signatures"] = json::array{};
  }
  auto& signatures = top["signatures"].get_array();
  const auto is_mine = [&](const json::value& s) { return s.at("keyid").get_string() == mine.id(); };
  signatures.erase(std::remove_if(signatures.begin(), signatures.end(), is_mine), signatures.end());
  if (signatures.size() == max_signatures)
    return fail(outcome::too_large, fmt::format("it has {} signatures already", max_signatures));
  const auto signature = key.sign(pae(opened->type, opened->payload), context(opened->type));
  signatures.push_back(json::object{{"keyid", mine.id()}, {"sig", base::to_base64(signature)}});
  auto out = json::serialize(*document);
  if (out.size() > max_envelope)
    return fail(outcome::too_large, fmt::format("an envelope of more than {} bytes", max_envelope));
  return out;
}

base::result<peeked> dangerously_peek(std::string_view bytes) {
  auto opened = open_envelope(bytes);
  if (!opened) return opened.error();
  peeked out{.type = opened->type, .payload = std::move(opened->payload), .claimed_signers = {}};
  for (auto& signature : opened->signatures) out.claimed_signers.push_back(std::move(signature.keyid));
  return out;
}

base::result<void> check_payload(document_type type, std::string_view payload, bool lab) {
  const std::size_t enveloped =
      empty_envelope.size() + payload_type(type).size() + (payload.size() + 2) / 3 * 4 + signature_cost;
  if (enveloped > max_envelope)
    return fail(outcome::too_large, fmt::format("its envelope would have more than {} bytes", max_envelope));
  switch (type) {
  case document_type::root: {
    const auto reading = read_root(payload);
    if (reading && !reading->flaw.empty()) return fail(outcome::bad_root, reading->flaw);
    return as_check(reading);
  }
  case document_type::list: return as_check(read_list(payload, lab));
  case document_type::live: return as_check(read_live(payload, lab));
  }
  return fail(outcome::malformed, "no document of ours");
}

} // namespace landfall::trust
