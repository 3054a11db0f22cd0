// Fronts: which are tried in which order, and what an answer says about the front that gave it. Pure.
//
// How an answer that is not ours is told from one that is (a front terminates TLS, so it can say anything; only the
// signatures prove a document, but they do not say whose fault a wrong answer is):
//   421                         RFC 9110 §15.5.20: this connection is not for that Host. Always the front's own word.
//   403                         what CDNs answer that forbid fronting (Cloudflare, CloudFront; Tor's and Lantern's
//                               experience). To a root it is "no such root here" instead (object stores say 403 for
//                               what is missing, design §5): a front that forbids shows it at the list just as well.
//   400, 409, 451, 520 to 530   no server of documents answers a plain GET so; CDNs do for a Host that they do not know
//                               or whose origin they cannot reach. 404 and 500 to 504 are left out: an origin says
//                               these as well, and a front must not wait a day for a mistyped path or a broken server.
//   a redirect                  a server of documents never redirects; a front's own site does, to its usual name.
//   200 that is no JSON object  every document is one; the front's own page is HTML, or text.
#pragma once

#include "base/place.hpp"
#include "config/route.hpp"
#include "http/client.hpp"
#include "trust/document.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace landfall::fronting {

/// More in one lane would be a burst of like connections to as many places, and no deadline is left for them.
inline constexpr std::size_t max_fronts_per_lane = 3;

/// fallback::avoid_fn, which this layer does not see.
using avoid_fn = std::function<bool(const base::place&)>;

/// What is known of a front without a look-up: its address where that is fixed, port and name.
[[nodiscard]] base::place place_of(const config::front& front);

/// The places of a route that are known without a look-up: its fronts, or its host where that is an address.
[[nodiscard]] std::vector<base::place> places_of(const config::url& url, const std::vector<config::front>& fronts);

/// Indices of the fronts to try: from `start` on, round the list, without those that `avoid` names (it may be empty),
/// at most max_fronts_per_lane.
[[nodiscard]] std::vector<std::size_t> rotation(const std::vector<config::front>& fronts, std::size_t start,
                                                const avoid_fn& avoid);

/// A failed answer through a front: front_refused where it is the front's own, else as it was.
[[nodiscard]] base::failure judged(base::failure why, trust::document_type asked);

/// True: a 200 that is the front's own page. Bytes may be missing at its end.
[[nodiscard]] bool is_own_page(const http::response& answer);

/// True: another front may do better. False where the fault lies before or behind all of them, or nowhere.
[[nodiscard]] bool tries_another(base::outcome what) noexcept;

} // namespace landfall::fronting
