// The lanes of the race bench in virtual time: the route set, and what an attempt on one of its routes comes to in a
// censored network (tests/censor/model.hpp). Pure.
//
//                 tier  looked up            reached                                  SNI
//   direct-a      1     DNS over HTTPS       192.0.2.10:443                           a.example.net
//   direct-b      1     DNS over HTTPS       192.0.2.20:443                           b.example.net
//   front-a       1     no: fixed addresses  203.0.113.1:443, then .2, then .3        a1.example.com, a2, a3
//   front-b       1     no: fixed addresses  198.51.100.1:443, then .2, then .3       b1.example.org, b2, b3
//   mirror        2     no: an address       192.31.196.10:8443, in another AS        none
//
// Every lane fetches a list of 40 KB and resumes by ranges; the name of a direct route is asked of three resolvers,
// each next one after 500 ms (1.5 s where it answers the SYN), over the one connection to each that all look-ups of a
// race share; a front that fails is followed by the next of its route (fronting/fronts.hpp): what the program does. The
// lanes are the same whatever the order in which they are tried, so that orders alone are compared.
#pragma once

#include "tests/censor/model.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace landfall::bench {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// One server of a route.
struct target {
  censor::model_route as;
};

struct race_route {
  std::string name, kind; ///< "https" or "fronted"
  int tier = 1;
  bool looked_up = false; ///< by DNS over HTTPS, before
  std::vector<target> targets{};
};

[[nodiscard]] std::vector<race_route> route_set();
/// Every server a route of its own: nothing waits for anything else's failure.
[[nodiscard]] std::vector<race_route> one_by_one(const std::vector<race_route>& routes);

/// A connection, or several where a body was resumed, to one server.
struct leg {
  milliseconds begun{0}, ended{0}; ///< after the lane's start
  base::place where{};             ///< its front only for fronts
  std::string shows{};             ///< the name in the clear
  std::uint64_t bytes = 0;
  std::vector<milliseconds> opened{}; ///< each connection, after the lane's start; none: asked on another look-up's
  base::outcome outcome = base::outcome::won;
  bool resolver = false; ///< not the route's own
};

/// The resolvers over HTTPS as the look-ups of one race share them (http/resolver.hpp): one connection to each, opened
/// by the first question; one that failed is left alone for a while.
class resolvers {
public:
  resolvers(censor::world& world, const censor::model_path& path);

  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  struct asked {
    milliseconds lasts{0};    ///< until the answer, or until it is known that none comes
    milliseconds patience{0}; ///< before the next one is asked, when nothing came
    bool answered = false;
    std::optional<leg> what{}; ///< nothing: it was left alone; begins with the question
  };
  /// Both questions about one name (A and AAAA), at this time after the world's begin.
  asked ask(std::size_t which, nanoseconds at);

private:
  struct connection {
    nanoseconds opened{0};
    milliseconds reached{0}, stood{0}, ends{0}; ///< SYN-ACK, handshake, first answer or failure; after it was opened
    bool failed = false;
  };
  struct resolver {
    censor::model_route at;
    std::optional<connection> open{};
  };
  asked open(resolver& at, nanoseconds when);
  censor::world& world_;
  const censor::model_path& path_;
  std::vector<resolver> all_;
};

/// What a lane comes to when nobody stops it.
struct lane_course {
  std::vector<censor::trace::step> steps{};
  std::vector<leg> legs{};
  milliseconds ends{0};
  base::outcome outcome = base::outcome::cancelled; ///< cancelled: there was no place that may be contacted
  base::stage stage = base::stage::none;
  std::optional<base::place> where{};
};

using avoid_fn = std::function<bool(const base::place&)>;

/// The lane that starts at `at` (after the world's begin). `avoid` may be empty; `names` is the race's.
[[nodiscard]] lane_course course_of(const race_route& route, censor::world& world, const censor::model_path& path,
                                    nanoseconds at, const avoid_fn& avoid, resolvers& names);

/// What an observer has counted of a lane until `until` after its start: bytes in proportion to time within a leg.
struct seen_of_lane {
  double bytes = 0;
  unsigned connections = 0;
  std::vector<std::string> names{}, addresses{};
};
[[nodiscard]] seen_of_lane seen_until(const lane_course& lane, milliseconds until);

} // namespace landfall::bench
