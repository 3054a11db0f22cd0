#include "sidecar/probe_output.hpp"

#include "sidecar/api_bodies.hpp"
#include "sidecar/publishing.hpp"
#include "sidecar/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

namespace json = boost::json;

namespace {

std::string_view name(fallback::verdict value) noexcept {
  switch (value) {
  case fallback::verdict::open: return "open";
  case fallback::verdict::offline: return "offline";
  case fallback::verdict::captive_portal: return "captive_portal";
  }
  return "";
}

std::string_view explain(fallback::verdict value) noexcept {
  switch (value) {
  case fallback::verdict::open: return {};
  case fallback::verdict::offline: return "this computer has no way out: no route is to blame";
  case fallback::verdict::captive_portal: return "this network wants a login first: no route is to blame";
  }
  return {};
}

/// The name in the ClientHello: whose.
std::string_view sni_of(const probed& row) {
  if (row.shown.ja4.empty()) return {};
  if (!row.shown.has_name) return "none";
  return row.kind == "fronted" ? "front" : "own";
}

std::string result_of(const probed& row) {
  if (row.ended) return std::string(base::name(row.ended->outcome));
  return row.waits ? "penalised" : "skipped";
}

std::string bytes_of(const probed& row) { return row.connections == 0 ? "-" : fmt::format("{}", row.received); }

std::vector<std::string> cells_of(const probed& row) {
  if (!row.ended) return {row.route, row.kind, result_of(row), "-", "-", "-", "-"};
  const auto& lane = *row.ended;
  const auto likely = looks_like(lane.outcome, lane.stage);
  return {row.route,
          row.kind,
          result_of(row),
          std::string(base::name(lane.stage)),
          duration_text(lane.elapsed.count()),
          bytes_of(row),
          likely.empty() ? "-" : std::string(likely)};
}

std::string remark_of(const probed& row) {
  if (!row.ended && row.waits)
    return fmt::format("penalised until {}: {}", utc(row.waits->until), base::explain(row.waits->why));
  if (!row.ended) return row.skipped;
  const auto& lane = *row.ended;
  if (lane.outcome == base::outcome::won) return {};
  std::string out(base::explain(lane.outcome));
  if (!lane.error.empty() && lane.error != out) out += fmt::format(" ({})", lane.error);
  const auto hint = base::hint(lane.outcome);
  return hint.empty() ? out : fmt::format("{}: {}", out, hint);
}

void add_table(std::vector<std::string>& to, std::vector<std::vector<std::string>> rows) {
  for (auto& line : aligned(rows)) to.push_back(std::move(line));
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object row_json(const probed& row) {
  json::object out{{"route", row.route},
                   {"kind", row.kind},
                   {"outcome", nullptr},
                   {"stage", nullptr},
                   {"ms", nullptr},
                   {"bytes", nullptr},
                   {"connections", row.connections},
                   {"looks_like", nullptr},
                   {"error", nullptr},
                   {"explain", nullptr},
                   {"hint", nullptr},
                   {"skipped", nullptr},
                   {"penalised_until", nullptr}};
  if (row.ended) {
    const auto lane = to_json(*row.ended);
    for (const auto* key : {"outcome", "stage", "ms", "error", "explain", "hint"}) out[key] = lane.at(key);
    out["looks_like"] = text_or_null(looks_like(row.ended->outcome, row.ended->stage));
  } else if (row.waits) {
    out["penalised_until"] = row.waits->until;
    out["explain"] = base::explain(row.waits->why);
    out["hint"] = base::hint(row.waits->why);
  } else {
    out["skipped"] = row.skipped;
  }
  if (row.connections > 0) out["bytes"] = row.received;
  out["observer"] = json::object{
      {"ja4", text_or_null(row.shown.ja4)}, {"sni", text_or_null(sni_of(row))}, {"dns", name(row.shown.asks)}};
  return out;
}

} // namespace

std::string_view looks_like(base::outcome what, base::stage at) noexcept {
  using enum base::outcome;
  switch (what) {
  case won:
  case verified_same:
  case verified_but_older:
  case not_modified:
  case cancelled: return {};
  case dns_poisoned: return "DNS forged";
  case timed_out:
    return at == base::stage::connect ? "address dropped" : at == base::stage::resolve ? "DNS silent" : "too slow";
  case refused: return "server down, or port blocked";
  case unreachable: return at == base::stage::resolve ? "no such name" : "address unreachable";
  case reset_before_hello: return "address or port reset";
  case reset_after_hello: return "name or fingerprint reset";
  case stalled_after_hello: return "name or fingerprint dropped";
  case stalled_after_bytes: return "volume limited";
  case tls_certificate: return "someone in the middle";
  case clock_suspect: return "our clock is wrong";
  case front_refused: return "front refuses";
  case http_status: return "server answers otherwise";
  case captive_portal: return "login page";
  case bridge_silent: return "bridge blocked or gone";
  case bridge_bad_auth: return "wrong bridge line";
  case proxy_failed: return "proxy fails";
  case tor_bootstrap: return "tor blocked";
  case below_threshold:
  case bad_root:
  case wrong_network:
  case wrong_channel: return "forged, or not ours";
  case rolled_back: return "old list replayed";
  case root_needed:
  case expired: return "route out of date";
  case equivocation: return "publisher says two things";
  case too_large:
  case malformed: return "no document of ours";
  case offline: return "no network";
  case local_error: return "this computer";
  }
  return {};
}

std::vector<std::string> probe_lines(const probe_result& result) {
  std::vector<std::string> out;
  std::vector<std::vector<std::string>> rows{{"ROUTE", "KIND", "RESULT", "STAGE", "TIME", "BYTES", "LOOKS LIKE"}};
  std::vector<std::vector<std::string>> shown{{"ROUTE", "JA4 OF THE CLIENTHELLO", "NAME IN IT", "DNS"}};
  std::vector<std::vector<std::string>> remarks;
  for (const auto& row : result.routes) {
    rows.push_back(cells_of(row));
    const auto sni = sni_of(row);
    const bool hello = !row.shown.ja4.empty();
    shown.push_back(
        {row.route, hello ? row.shown.ja4 : "-", hello ? std::string(sni) : "-", std::string(name(row.shown.asks))});
    if (auto text = remark_of(row); !text.empty()) remarks.push_back({"  " + row.route, std::move(text)});
  }
  add_table(out, std::move(rows));
  if (!remarks.empty()) out.emplace_back();
  add_table(out, std::move(remarks));
  out.emplace_back();
  out.emplace_back("What an observer sees");
  add_table(out, std::move(shown));
  out.emplace_back();
  const auto authentic = std::ranges::count_if(result.routes, &probed::authentic);
  out.push_back(fmt::format("{} of {} routes brought an authentic list", authentic, result.routes.size()));
  if (const auto why = explain(result.verdict); !why.empty()) out.emplace_back(why);
  if (result.moved) out.emplace_back("the network changed meanwhile: what failed says nothing");
  if (result.on_copy) out.emplace_back("a sidecar is running: nothing of this is kept, it fetches for itself");
  for (const auto& warning : result.warnings) out.push_back("warning: " + warning);
  return out;
}

json::object to_json(const probe_result& result) {
  json::array routes, warnings;
  for (const auto& row : result.routes) routes.push_back(row_json(row));
  for (const auto& warning : result.warnings) warnings.emplace_back(warning);
  json::object out{{"network", result.network},
                   {"exposure", config::name(result.exposure)},
                   {"verdict", name(result.verdict)},
                   {"network_changed", result.moved},
                   {"kept", !result.on_copy},
                   {"authentic", std::ranges::count_if(result.routes, &probed::authentic)},
                   {"list", nullptr},
                   {"routes", std::move(routes)},
                   {"warnings", std::move(warnings)}};
  if (result.list)
    out["list"] = json::object{{"epoch", result.list->epoch}, {"version", result.list->version}, {"tier", result.tier}};
  return out;
}

} // namespace landfall::sidecar
