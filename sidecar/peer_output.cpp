#include "sidecar/peer_output.hpp"

#include "base/log.hpp"
#include "base/outcome.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/table.hpp"

#include <fmt/format.h>

#include <vector>

namespace landfall::sidecar {

namespace json = boost::json;

namespace {

const json::array& array_in(const json::object& object, std::string_view name) {
  static const json::array none;
  const auto* value = object.if_contains(name);
  return value && value->is_array() ? value->get_array() : none;
}

std::string joined(const json::array& texts) {
  std::string out;
  for (const auto& text : texts)
    if (text.is_string()) out += (out.empty() ? "" : ",") + std::string(text.get_string());
  return out;
}

bool is_true(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

std::string together(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

bool concerns_trust(base::outcome what) {
  using enum base::outcome;
  return what == below_threshold || what == bad_root || what == root_needed || what == rolled_back ||
         what == wrong_network || what == wrong_channel;
}

} // namespace

std::string peers_text(const json::object& answer, bool head) {
  std::string out;
  if (head) out += fmt::format("{:<44}  {:<4}  {:<6}  {}\n", "ID", "TIER", "SOURCE", "ENDPOINTS");
  for (const auto& item : array_in(answer, "peers")) {
    if (!item.is_object()) continue;
    const auto& peer = item.get_object();
    out += base::printable(fmt::format("{:<44}  {:<4}  {:<6}  {}", text_in(peer, "id"), text_in(peer, "tier"),
                                       text_in(peer, "source"), joined(array_in(peer, "endpoints"))),
                           1000) +
           "\n";
  }
  return out;
}

std::string remarks_text(const json::object& answer) {
  std::vector<std::string> lines;
  const auto& peers = array_in(answer, "peers");
  std::string oldest = "A";
  for (const auto& peer : peers)
    if (peer.is_object() && text_in(peer.get_object(), "source") != "manual") {
      const auto tier = text_in(peer.get_object(), "tier");
      if (tier != "A" && (oldest == "A" || tier == "C" || (tier == "B" && oldest == "A-"))) oldest = tier;
    }
  if (oldest != "A") lines.push_back(fmt::format("landfall: these are of tier {}: not of a fresh list", oldest));
  if (is_true(answer, "short")) lines.push_back(fmt::format("landfall: {} peers, fewer than asked for", peers.size()));
  if (const auto relaxed = joined(array_in(answer, "degraded")); !relaxed.empty())
    lines.push_back(base::printable("landfall: not spread by " + relaxed));
  return together(lines);
}

std::string failure_text(const json::object& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : array_in(answer, "lanes")) {
    if (!item.is_object()) continue;
    const auto& lane = item.get_object();
    const auto error = text_in(lane, "error"), hint = text_in(lane, "hint");
    rows.push_back({"  " + text_in(lane, "route"), text_in(lane, "outcome"), text_in(lane, "stage"),
                    hint.empty() ? error : error + "; " + hint});
  }
  const bool explained = !rows.empty();
  std::string out = explained ? "landfall: no peers in time:\n"
                              : fmt::format("landfall: {}\n", base::printable(text_in(answer, "message"), 400));
  return out + together(aligned(rows));
}

int status_of_failure(const json::object& answer) {
  for (const auto& item : array_in(answer, "lanes")) {
    if (!item.is_object()) continue;
    const auto what = base::outcome_of(text_in(item.get_object(), "outcome"));
    if (what && concerns_trust(*what)) return untrusted;
  }
  return no_peers;
}

} // namespace landfall::sidecar
