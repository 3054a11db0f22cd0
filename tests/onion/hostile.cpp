// What a hostile program does on a control port: it is bounded in time, memory and descriptors, and told nothing.
#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "onion/control.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/onion/scripted.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

using namespace landfall;
using namespace fakes;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

const std::string cookie(wire::control_cookie_size, 'c'), server_nonce(wire::control_nonce_size, 's');

std::string asks_for(const std::string& methods, const std::string& file = {}) {
  return "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=" + methods + (file.empty() ? "" : " COOKIEFILE=\"" + file + "\"") +
         "\r\n250 OK\r\n";
}

asio::awaitable<net::result<void>> gets(onion::control& tor) {
  auto asking = tor.get_info("version");
  const auto got = co_await std::move(asking);
  if (!got) co_return got.error();
  CHECK(*got == "0.4");
  co_return net::result<void>{};
}

asio::awaitable<net::result<void>> gets_twice(onion::control& tor) {
  for (int i = 0; i < 2; ++i) {
    auto getting = gets(tor);
    const auto got = co_await std::move(getting);
    if (!got) {
      CHECK(tor.closed());
      co_return got.error();
    }
  }
  co_return net::result<void>{};
}

asio::awaitable<net::result<void>> hears(onion::control& tor) {
  auto waiting = tor.next_event();
  const auto got = co_await std::move(waiting);
  if (!got) {
    CHECK(tor.closed());
    co_return got.error();
  }
  co_return net::result<void>{};
}

/// Of this process, KiB.
long resident_peak() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss;
}

#ifdef __has_feature // clang's way to say it
#define LANDFALL_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define LANDFALL_SANITIZED 1
#else
#define LANDFALL_SANITIZED 0
#endif

/// Not under AddressSanitizer, which keeps what was freed.
bool grew_less(long before, long kib) {
#if LANDFALL_SANITIZED
  return before + kib > 0;
#else
  return resident_peak() - before < kib;
#endif
}

std::size_t descriptors() {
  std::size_t out = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) out += each.exists() ? 1 : 1;
  return out;
}

/// Says `piece` `times` times, then `last`, and holds the connection.
struct endless_tor {
  std::string piece, last;
  std::size_t times;

  asio::awaitable<void> serve(local_socket peer) {
    for (const char* reply : {no_proof, "250 OK\r\n"}) {
      std::array<char, 512> asked;
      const auto [ec, size] = co_await peer.async_read_some(asio::buffer(asked), net::as_result);
      if (ec) co_return;
      const auto [broken, all] =
          co_await asio::async_write(peer, asio::buffer(std::string_view(reply)), net::as_result);
      if (broken) co_return;
    }
    for (std::size_t i = 0; i < times; ++i) {
      const auto [ec, size] = co_await asio::async_write(peer, asio::buffer(piece), net::as_result);
      if (ec) co_return;
    }
    const auto [ec, size] = co_await asio::async_write(peer, asio::buffer(last), net::as_result);
    std::array<char, 512> asked;
    for (bool open = !ec; open;) {
      const auto [gone, some] = co_await peer.async_read_some(asio::buffer(asked), net::as_result);
      open = !gone;
    }
  }
};

struct flooded {
  net::result<void> ended{};
  std::uint64_t lost = 0;
  std::size_t kept = 0;
};

asio::awaitable<flooded> under(endless_tor& tor, bool event) {
  const auto executor = co_await asio::this_coro::executor;
  local_socket ours(executor), theirs(executor);
  asio::local::connect_pair(ours, theirs);
  net::scope children(executor);
  children.spawn(tor.serve(std::move(theirs)));
  auto opening = onion::control::over(net::as_stream(std::move(ours)), nobody());
  auto control = co_await std::move(opening);
  flooded out;
  if (!control) {
    out.ended = control.error();
  } else {
    auto doing = event ? hears(**control) : gets(**control);
    out.ended = co_await std::move(doing);
    out.lost = (*control)->events_lost();
    for (bool more = !event && out.ended; more;) {
      auto waiting = net::with_deadline((*control)->next_event(), out.kept < onion::max_kept_events ? 5s : 0s,
                                        base::stage::request);
      const auto got = co_await std::move(waiting);
      more = got.has_value();
      out.kept += more ? 1 : 0;
    }
  }
  children.cancel();
  co_await children.join();
  co_return out;
}

} // namespace

TEST_CASE("A million events before an answer: it is found, what is kept is bounded, what is lost is counted") {
  std::string piece;
  for (int i = 0; i < 1000; ++i) piece += "650 CIRC 1 BUILT\r\n";
  endless_tor tor{piece, "250-version=0.4\r\n250 OK\r\n", 1000};
  const auto before = resident_peak();
  const auto got = run(under(tor, false));
  CHECK(said(got.ended) == "good");
  CHECK(got.kept == onion::max_kept_events);
  CHECK(got.lost == 1'000'000 - onion::max_kept_events);
  CHECK_MESSAGE(grew_less(before, 4 * 1024), "18 MB were said");
}

TEST_CASE("What never ends, ends") {
  struct row {
    std::string name, piece;
    bool event;
    std::string expected;
  };
  const row rows[] = {
      {"a line of an answer", std::string(4096, 'x'), false, "too_large"},
      {"a line of an event", "650 " + std::string(4096, 'x'), true, "too_large"},
      {"the lines of an answer", "250-x=" + std::string(1000, 'x') + "\r\n", false, "too_large"},
      {"the lines of an event", "650-" + std::string(1000, 'x') + "\r\n", true, "too_large"},
      {"empty lines of an answer", "250-\r\n", false, "too_large"},
      {"line ends", "\r\n", false, "malformed"},
      {"carriage returns", std::string(4096, '\r'), false, "too_large"},
      {"zeros", std::string(4096, '\0'), false, "too_large"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    endless_tor tor{row.piece, "", 1'000'000};
    const auto before = resident_peak();
    CHECK(said(run(under(tor, row.event)).ended) == row.expected);
    // An empty line costs more here than there: two strings' worth for each six bytes of one reply, 1 MiB of them.
    CHECK(grew_less(before, 32 * 1024));
  }
  endless_tor data{"....\r\n", "", 1'000'000};
  data.piece.insert(0, "250+version=\r\n");
  CHECK(said(run(under(data, false)).ended) == "too_large");
}

TEST_CASE("Silence is a time-out, and the connection is then of no more use") {
  scripted_tor tor{{no_proof, "250 OK\r\n", ""}, {}};
  tor.replies.emplace_back("");
  const auto began = std::chrono::steady_clock::now();
  CHECK(said(run(with_script(tor, nobody(), gets_twice))) == "timed_out");
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took >= onion::control_answer_time);
  CHECK(took < onion::control_answer_time + 8s); // not twice
}

TEST_CASE("Answers out of order are never taken for others") {
  struct row {
    std::string name;
    std::vector<std::string> replies;
    verb then;
    std::string expected;
  };
  const std::string answer = "250-version=0.4\r\n250 OK\r\n";
  const row rows[] = {
      {"in order", {answer, answer}, gets_twice, "good"},
      {"two at once", {answer + answer, answer}, gets_twice, "malformed"},
      {"the second before it was asked, in one line", {answer + "250 OK\r\n", answer}, gets_twice, "malformed"},
      {"with an event between", {answer + "650 CIRC 1\r\n" + answer}, gets_twice, "malformed"},
      {"half of one too many", {answer + "250-version=0.4\r\n", "650 CIRC 1\r\n"}, gets_twice, "malformed"},
      {"an event in the middle of an answer", {"250-version=0.4\r\n650 CIRC 1\r\n250 OK\r\n"}, gets, "malformed"},
      {"an answer in the middle of an event", {"650-CIRC 1\r\n250 OK\r\n"}, gets, "malformed"},
      {"another status at its end", {"250-version=0.4\r\n551 no\r\n"}, gets, "malformed"},
      {"where an event is waited for", {answer + answer}, hears, "malformed"},
      {"nothing but its end", {"250 OK\r\n"}, gets, "malformed"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    std::vector<std::string> replies{no_proof,
                                     row.name == "where an event is waited for" ? "250 OK\r\n" + answer : "250 OK\r\n"};
    replies.insert(replies.end(), row.replies.begin(), row.replies.end());
    scripted_tor tor{std::move(replies), {}};
    CHECK(said(run(with_script(tor, nobody(), row.then))) == row.expected);
  }
}

TEST_CASE("Proofs: which is given, and to whom") {
  const scratch folder;
  const auto file = folder.put("cookie", cookie), other = folder.put("other", std::string(32, 'o'));
  const auto hash =
      crypto::hmac_sha256("Tor safe cookie authentication server-to-controller hash", "").hex(); // of none
  struct row {
    std::string name, methods, named, configured, password, challenge, expected;
    std::vector<std::string> heard; ///< the beginnings
  };
  const std::string ask = "AUTHCHALLENGE SAFECOOKIE ", wrong = "250 AUTHCHALLENGE SERVERHASH=" + hash +
                                                               " SERVERNONCE=" + base::to_hex(server_nonce) + "\r\n";
  const row rows[] = {
      {"a hash of somebody who does not know it", "COOKIE,SAFECOOKIE", file, "", "", wrong, "proxy_failed", {ask}},
      {"no hash", "SAFECOOKIE", file, "", "", "250 AUTHCHALLENGE\r\n", "malformed", {ask}},
      {"a nonce of another size",
       "SAFECOOKIE",
       file,
       "",
       "",
       "250 AUTHCHALLENGE SERVERHASH=" + hash + " SERVERNONCE=00\r\n",
       "malformed",
       {ask}},
      {"a hash that is refused, though a password is there",
       "SAFECOOKIE,HASHEDPASSWORD",
       file,
       "",
       "pass",
       wrong,
       "good",
       {ask, "AUTHENTICATE \"pass\""}},
      {"COOKIE of a file that it names itself: any 32 bytes of ours", "COOKIE", file, "", "", "", "proxy_failed", {}},
      {"COOKIE of the file that we know",
       "COOKIE",
       other,
       file,
       "",
       "",
       "good",
       {"AUTHENTICATE " + base::to_hex(cookie)}},
      {"a password", "COOKIE,HASHEDPASSWORD", "", "", "a\"b", "", "good", {"AUTHENTICATE \"a\\\"b\""}},
      {"a password with a line end", "HASHEDPASSWORD", "", "", "a\r\nQUIT", "", "malformed", {}},
      {"a way that nobody knows", "MAGIC", "", "", "pass", "", "proxy_failed", {}},
      {"none", "", "", "", "pass", "", "proxy_failed", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    scripted_tor tor{{asks_for(row.methods, row.named)}, {}};
    if (!row.challenge.empty()) tor.replies.push_back(row.challenge);
    tor.replies.emplace_back("250 OK\r\n");
    onion::control_options options{asio::ip::tcp::endpoint(), base::secret(row.password), row.configured};
    CHECK(said(run(with_script(tor, std::move(options), {}))) == row.expected);
    REQUIRE(tor.heard.size() == row.heard.size() + 1);
    for (std::size_t i = 0; i < row.heard.size(); ++i) CHECK(tor.heard[i + 1].starts_with(row.heard[i]));
  }
}

TEST_CASE("A cookie of others, one that cannot be read, and no descriptor is left behind") {
  const scratch folder;
  const auto theirs = folder.put("theirs", cookie), closed = folder.put("closed", cookie);
  const auto home = folder.put("home/cookie", cookie), away = folder.put("home/away", cookie);
  std::filesystem::create_directory_symlink(folder.path() / "home", folder.path() / "link");
  std::filesystem::create_symlink("/dev/zero", folder.path() / "device");
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  const bool root = ::geteuid() == 0;
  constexpr uid_t nobodys = 65534;
  if (root) {
    for (const auto& one : {theirs, home, (folder.path() / "home").string()})
      REQUIRE(::chown(one.c_str(), nobodys, nobodys) == 0);
  } else {
    MESSAGE("SKIPPED: only root can make files of another user");
  }
  struct row {
    std::string name;
    std::filesystem::path file;
    std::string expected;
    bool as_root;
  };
  const row rows[] = {
      {"another user's in our folder", theirs, "belongs to another user", true},
      {"another user's in his folder", home, "", true},
      {"ours in his folder", away, "", true},
      {"a link to a device", folder.path() / "device", "is a link", false},
      {"a terminal", "/dev/ptmx", "no regular file", false},
      {"a file of the kernel's", "/proc/self/maps", "32 bytes", false},
      {"not a folder on the way", theirs + "/cookie", "cannot be read", false},
  };
  const auto before = descriptors();
  for (const auto& row : rows) {
    CAPTURE(row.name);
    if (row.as_root && !root) continue;
    const auto got = onion::read_cookie(row.file);
    const std::string why = got ? "" : got.error().detail;
    CHECK_MESSAGE(got.has_value() == row.expected.empty(), why);
    CHECK_MESSAGE(why.find(row.expected) != why.npos, why);
    CHECK_MESSAGE(why.find(folder.path().string()) == why.npos, "a path is not for logs");
  }
  if (!root) CHECK(onion::read_cookie(closed).has_error());
  CHECK(descriptors() == before);
}
