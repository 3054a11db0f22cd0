#include "trust/envelope.hpp"

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "trust/limits.hpp"
#include "trust/reader.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace landfall::trust {

namespace json = boost::json;
using base::fail;
using base::outcome;

namespace {

std::optional<document_type> type_of(std::string_view payload_type_text) {
  for (const auto type : {document_type::root, document_type::list, document_type::live})
    if (payload_type(type) == payload_type_text) return type;
  return std::nullopt;
}

std::string decoded(reader& in, const json::object& from, std::string_view name) {
  auto bytes = base::from_base64(in.text(from, name, max_envelope));
  if (bytes) return *std::move(bytes);
  in.complain(fmt::format("member '{}' is not base64 (standard alphabet, padded)", name));
  return {};
}

} // namespace

base::result<envelope> open_envelope(std::string_view bytes) {
  if (bytes.size() > max_envelope)
    return fail(outcome::too_large, fmt::format("an envelope of more than {} bytes", max_envelope));
  json::monotonic_resource memory;
  const auto parsed = base::parse_json(bytes, max_depth, &memory);
  if (!parsed) return parsed.error();
  reader in;
  const auto& top = in.object(*parsed);
  envelope out;
  for (const auto& each : in.array(top, "signatures", max_signatures)) {
    in.at("signatures", out.signatures.size());
    const auto& entry = in.object(each);
    auto keyid = in.text(entry, "keyid");
    out.signatures.push_back({std::move(keyid), decoded(in, entry, "sig")});
  }
  in.at({});
  const auto type = type_of(in.text(top, "payloadType"));
  if (!type) in.complain("member 'payloadType' names no document of ours");
  out.payload = decoded(in, top, "payload");
  if (top.contains("pk")) out.pk = decoded(in, top, "pk");
  if (in.complaint()) return *in.complaint();
  out.type = *type;
  return out;
}

base::result<envelope> open_envelope(std::string_view bytes, document_type wanted) {
  auto out = open_envelope(bytes);
  if (out && out->type != wanted)
    return fail(outcome::malformed, fmt::format("a {} where a {} was asked for", name(out->type), name(wanted)));
  return out;
}

std::string pae(document_type type, std::string_view payload) {
  const auto kind = payload_type(type);
  return fmt::format("DSSEv1 {} {} {} {}", kind.size(), kind, payload.size(), payload);
}

} // namespace landfall::trust
