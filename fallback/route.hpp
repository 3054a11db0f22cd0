// What the race knows of a route: its place in the ranking, and one closure that fetches. Neither curl nor tor is
// visible here; sidecar/ builds these from config::route and the folders of layer 4.
#pragma once

#include "base/place.hpp"
#include "net/race.hpp"
#include "trust/document.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::fallback {

using net::awaitable;
using net::result;

/// True: this place is under a penalty and is not to be contacted. Asked by a fetch before every connection, and with
/// `address` empty before a front's name is looked up. Cheap, pure, and valid as long as the lane runs.
using avoid_fn = std::function<bool(const base::place&)>;

/// Told of a place that a fetch gave up before it went on to another: a front that refused. What the fetch ends with is
/// not told. Valid as long as the lane runs.
using gave_up_fn = std::function<void(const base::failure&)>;

/// Told at the end of each connection what an observer of the wire got of it: our ClientHello, a TLS handshake message
/// (empty: none left), and the bytes that came.
using seen_fn = std::function<void(std::string_view hello, std::uint64_t received)>;

/// What to fetch: the list of our network and channel, or root N.
struct document_request {
  trust::document_type type = trust::document_type::list;
  std::int64_t root_version = 0;
  std::optional<crypto::digest> unless; ///< polls only: If-None-Match our list's id; then not_modified
  base::unix_time now = 0;              ///< known time: TLS validity is judged by it
  bool ignore_dates = false;            ///< the one repeat after clock_suspect; chain, name and pins still hold
  avoid_fn avoid;                       ///< empty: nothing is under a penalty
  gave_up_fn gave_up;                   ///< empty: nobody asks
  seen_fn seen;                         ///< empty: nobody wants to know
};

/// Returns the bytes, or a failure of design §8; a root that the route does not have is http_status with code 404, 403
/// or 410. Ends with `cancelled` soon after it was cancelled, or when `avoid` leaves no place to try; every deadline
/// but the whole one is its own. A failure says `where` when it got as far as a place.
using fetch_fn = std::function<awaitable<result<trust::unverified_document>>(document_request, net::progress_fn)>;

/// What being noticed on this route costs (design: exposure).
enum class cost : std::uint8_t {
  quiet,       ///< looks like what everybody does: a TLS connection to a web server
  conspicuous, ///< stands out to whoever looks: random bytes, tor, the DHT
  telling,     ///< says in plain what it is for: a zone of ours in a query; never under `quiet`
};

/// A route of this kind may have to start a program first, or to wait for one: it runs when its turn in a race comes,
/// is never started to be compared, and polled only where there is no other.
[[nodiscard]] bool may_start_program(std::string_view kind) noexcept;

/// What an observer of the wire gets from a lane of this route. Set by sidecar/, which knows the target.
struct visibility {
  fallback::cost cost = cost::quiet;
  bool shows_name = false;   ///< a name of ours stands in its ClientHello: what an SNI filter looks at
  bool plain_lookup = false; ///< begins with a plaintext DNS query, whose answer may be false
  friend bool operator==(const visibility&, const visibility&) = default;
};

/// What routes of this kind usually show:
///
///   https    quiet        name in the SNI   none: its name is looked up over HTTPS alone
///   fronted  quiet        the front's       plaintext look-up of the front
///   bridge   conspicuous  none              none: lines hold addresses
///   onion    conspicuous  none              none
///   dns      telling      in the query      is one
///   dht      conspicuous  none              none: compiled nodes
[[nodiscard]] visibility usual_visibility(std::string_view kind) noexcept;

struct route {
  std::string name;  ///< unique: the key of the network memory
  std::string kind;  ///< "https", "fronted", "bridge", "onion", "dns", "dht"
  std::string group; ///< what fails together; empty: shares nothing with any other
  int tier = 1;
  fetch_fn fetch;
  std::vector<base::place> places{}; ///< those known without a look-up: fronts, fixed addresses; a route whose every
                                     ///< known place is penalised waits
  std::optional<visibility> seen{};  ///< nothing: usual_visibility(kind)
};

[[nodiscard]] visibility visibility_of(const route& what) noexcept;

} // namespace landfall::fallback
