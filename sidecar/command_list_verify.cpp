// landfall list verify: roots from files, a floor from --state, and one word about the list. The conformance suite in
// tests/conformance/ drives it, and any other implementation may.
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "seeds/compiled.hpp"
#include "sidecar/command_list.hpp"
#include "trust/limits.hpp"
#include "trust/store.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <utility>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }
json::value number_or_null(std::optional<std::int64_t> number) {
  return number ? json::value(*number) : json::value(nullptr);
}

json::object as_json(const judgement& said) {
  json::array signers;
  for (const auto& id : said.signers) signers.emplace_back(id);
  return {{"verdict", said.accepted ? "accepted" : "refused"},
          {"error", said.accepted ? json::value(nullptr) : json::value(base::name(said.refused.what))},
          {"type", text_or_null(said.type)},
          {"network", text_or_null(said.network)},
          {"channel", text_or_null(said.channel)},
          {"epoch", number_or_null(said.epoch)},
          {"version", number_or_null(said.version)},
          {"tier", text_or_null(said.tier)},
          {"payload_sha256", text_or_null(said.payload_sha256)},
          {"signers", std::move(signers)}};
}

judgement refusal(base::failure why) {
  judgement out;
  out.refused = std::move(why);
  return out;
}

template <class T> void describe(judgement& out, const trust::verified<T>& document, trust::document_type type) {
  out.type = trust::name(type);
  out.network = document->network;
  out.payload_sha256 = document.id().hex();
  out.signers = document.signers();
}

/// What this run believes before it looks at the list, and where that is kept.
struct believer {
  trust::state state;
  std::optional<trust::store> store;
  std::optional<base::folder_lock> lock; ///< a running sidecar holds it too
};

/// An error with local_error is of this machine; others are refusals.
base::result<believer> believe(const verify_options& how, base::unix_time now) {
  const auto roots = read_roots(how.roots);
  if (!roots) return roots.error();
  // --now stands for every clock: with it the answer is the same whenever this program was built.
  const bool demo = seeds::is_demo(roots->front().network);
  if (demo) base::log(base::level::warning, "network demo: its secret keys are public, anyone may have signed this");
  trust::identity who{{}, how.channel, how.lab || demo, how.now ? 0 : seeds::compiled().built};
  auto begun = begin_trust(std::move(who), *roots);
  if (!begun) return begun.error();
  believer out{std::move(*begun), std::nullopt, std::nullopt};
  if (!how.state.empty()) {
    if (auto folder = base::private_folder(how.state); !folder) return folder.error();
    auto lock = base::folder_lock::take(how.state);
    if (!lock) return lock.error();
    out.lock.emplace(std::move(*lock));
    out.store.emplace(how.state);
    for (const auto& line : out.store->load(out.state, now)) base::log(base::level::warning, "{}", line);
  }
  if (auto followed = follow_roots(out.state, *roots, now); !followed) return followed.error();
  const auto& seeds = seeds::compiled();
  if (seeds.network == out.state.who().network && !seeds.list.empty())
    (void)out.state.offer_seed({std::string(seeds.list)}); // the compiled floor, where the chain is the same
  return out;
}

/// Every tier of an authentic list is accepted; what stands below the floor is rolled_back, however fresh it still is:
/// here no race asks whether a route merely lags.
judgement judge_offer(const trust::verified<trust::peer_list>& list, const trust::verdict& said) {
  judgement out;
  describe(out, list, trust::document_type::list);
  out.channel = list->channel;
  out.epoch = list->order.epoch;
  out.version = list->order.version;
  if (said.tier) out.tier = trust::name(*said.tier);
  out.accepted = said.adopted || said.what == base::outcome::verified_same;
  const bool lagging = said.what == base::outcome::verified_but_older;
  if (!out.accepted) out.refused = base::fail(lagging ? base::outcome::rolled_back : said.what, said.detail);
  return out;
}

judgement judge_live(const verify_options& how, const believer& who, base::unix_time now, const std::string& document) {
  const auto bytes = read_document(how.list);
  if (!bytes) return refusal(bytes.error());
  const auto list = trust::verify_list(who.state.root(), {*bytes}, how.channel, who.state.who().lab);
  if (!list) return refusal(list.error());
  const auto live = trust::verify_live(*list, {document}, who.state.who().lab);
  if (!live) return refusal(live.error());
  judgement out;
  describe(out, *live, trust::document_type::live);
  out.version = (*live)->seq;
  out.tier = trust::name(now <= (*live)->expires ? trust::tier::a : trust::tier::c);
  out.accepted = true;
  return out;
}

void print(const judgement& said) {
  if (!said.accepted) {
    fmt::print("refused {}\n", base::name(said.refused.what));
    return;
  }
  fmt::print("accepted {}\n{} of network {}", said.tier, said.type, base::printable(said.network));
  if (!said.channel.empty()) fmt::print(", channel {}", base::printable(said.channel));
  if (said.epoch) fmt::print(", epoch {}", *said.epoch);
  if (said.version) fmt::print(", version {}", *said.version);
  fmt::print("\nSHA-256 of the payload {}\n", said.payload_sha256);
  for (const auto& id : said.signers) fmt::print("signed by {}\n", id);
}

} // namespace

base::result<judgement> judge_list(const verify_options& how, std::string_view document) {
  const auto now = how.now.value_or(base::system_clock().wall());
  auto who = believe(how, now);
  if (!who && who.error().what == base::outcome::local_error) return who.error();
  if (!who) return refusal(who.error());
  const std::string bytes(document);
  if (!how.list.empty()) return judge_live(how, *who, now, bytes);
  const auto list = trust::verify_list(who->state.root(), {bytes}, how.channel, who->state.who().lab);
  auto out = list ? judge_offer(*list, who->state.offer_list({bytes}, now)) : refusal(list.error());
  // Saved also after a refusal: newer roots and the evidence of an equivocation are kept; the floor rises by acceptance
  // only.
  if (who->store)
    if (auto saved = who->store->save(who->state); !saved) return saved.error();
  return out;
}

int verify_list_file(const verify_options& how) {
  const auto document = read_document(how.file);
  base::result<judgement> said = judgement{};
  if (document)
    said = judge_list(how, *document);
  else if (document.error().what == base::outcome::too_large)
    said = refusal(document.error());
  else
    said = document.error();
  if (!said) return complain(usage, said.error(), {});
  if (how.json)
    fmt::print("{}\n", json::serialize(as_json(*said)));
  else
    print(*said);
  return said->accepted ? static_cast<int>(done) : complain(untrusted, said->refused, how.file);
}

} // namespace landfall::sidecar
