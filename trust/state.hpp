// What one sidecar believes about one network and channel: the root chain's end, the list it holds, the floor.
// A value with two ways in, `offer_root` and `offer_list`; does no I/O (store.hpp writes it, after every check).
#pragma once

#include "trust/standing.hpp"

#include <optional>
#include <string>
#include <vector>

namespace landfall::trust {

/// Something that the VPN or the user should hear of. Names as in the API's events.
struct event {
  std::string name; ///< root_adopted, list_adopted, rollback, equivocation, frozen, clock_behind
  std::string detail;
};

/// Why a list was or was not taken.
struct verdict {
  base::outcome what = base::outcome::malformed; ///< won: tier A and adopted; the others as in standing
  std::optional<trust::tier> tier;               ///< set when authentic
  bool adopted = false;                          ///< now ours; `won`, or provisional when its tier is below A
  std::string detail;
  std::vector<event> events;
};

struct identity {
  std::string network, channel = "public-0";
  bool lab = false;
  base::unix_time build = 0; ///< when this program was built: a lower bound of the time
};

class state {
public:
  /// `anchor` is network.root. Compiled roots come through offer_root, as far as they chain to it; then offer_seed.
  state(identity who, verified<root> anchor);

  [[nodiscard]] const identity& who() const noexcept { return who_; }
  [[nodiscard]] const verified<trust::root>& root() const noexcept { return roots_.back(); }
  /// Every root from the anchor on, for store and server.
  [[nodiscard]] const std::vector<verified<trust::root>>& roots() const noexcept { return roots_; }
  [[nodiscard]] const std::optional<verified<peer_list>>& list() const noexcept { return list_; }
  /// True while the list in hand came from the compiled seeds: its tier is C whatever its dates.
  [[nodiscard]] bool list_is_seed() const noexcept { return list_is_seed_; }
  /// The version of the root by whose keys the list in hand was verified: later roots may have changed the keys without
  /// ending their lists, so the store needs it to verify the list again. 0 without a list.
  [[nodiscard]] std::int64_t list_root() const noexcept { return list_root_; }
  [[nodiscard]] std::optional<trust::tier> tier(base::unix_time wall) const;
  [[nodiscard]] known_time time(base::unix_time wall) const noexcept;
  [[nodiscard]] const std::optional<floor>& stored_floor() const noexcept { return floor_; }
  /// Both envelopes of each equivocation (ours only while it is in hand), newest last, at most 4: together they prove
  /// the publisher's fault.
  [[nodiscard]] const std::vector<std::string>& evidence() const noexcept { return evidence_; }

  /// Root N+1. At most max_root_steps per run of the caller's loop. Errors as verify_next_root; nothing changes then.
  /// A list in hand that the new root ends (epoch, min_version) is dropped at once: better nobody than peers that
  /// whoever stole the list keys chose. A higher epoch also ends what those lists taught us of the time.
  [[nodiscard]] base::result<std::vector<event>> offer_root(const unverified_document& document, base::unix_time wall);

  /// A list from a route, of any tier: verifies, judges, and when it stands above what we hold, takes it. The same list
  /// over the compiled seed is taken too, since a route proved it current. `frozen` is told when all that a route
  /// brings expired more than a day ago. below_threshold and root_needed ask the caller to try newer roots first.
  [[nodiscard]] verdict offer_list(const unverified_document& document, base::unix_time wall);

  /// The compiled list: taken over nothing, or over a list older than it (a new release), as tier C; its order becomes
  /// the compiled floor, whether it is taken or not. May be offered before or after the store is loaded, and again when
  /// offer_root dropped the list.
  [[nodiscard]] verdict offer_seed(const unverified_document& document);

  /// What the store read back: the floor and accepted time are raised to these, never lowered. Called before the stored
  /// list is offered, so that an older one put in its place does not count.
  void restore(const floor& stored, base::unix_time accepted_time, std::vector<std::string> evidence);
  [[nodiscard]] base::unix_time accepted_time() const noexcept { return accepted_; }

private:
  void take(verified<peer_list> list, bool is_seed);
  void keep_evidence(const verified<peer_list>& other);
  void learn_time(base::unix_time issued);

  identity who_;
  std::vector<verified<trust::root>> roots_;
  std::optional<verified<peer_list>> list_;
  bool list_is_seed_ = false;
  std::int64_t list_root_ = 0;
  std::optional<floor> floor_, compiled_floor_;
  base::unix_time accepted_ = 0;
  std::vector<std::string> evidence_;
};

} // namespace landfall::trust
