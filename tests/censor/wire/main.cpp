// censorsim: the censor on the wire, between two veth ends.
//
//   censorsim packet CLIENT_SIDE SERVER_SIDE PROFILE [--define NAME=WORD,WORD] [--seed N] [--rtt MS] [--loss P]
//             [--rate KBIT] [--scale X]
//   censorsim check PROFILE [--define ...]
//
// PROFILE is the name of a compiled rule file, or a path with a '/'. Runs until its standard input ends. Lines on
// stdout, one JSON object each: {"ready":true}, then {"event":...} as things happen, and {"counters":...} when asked
// and at the end. Commands on stdin: "counters", "block ADDRESS".
//
// The wires are AF_PACKET sockets, so client and servers share one network and see nothing in between: no forwarding,
// no hop. Offloads must be off at both far ends, or a "packet" is 64 KB with half a checksum; tests/lab sees to that.
#include "base/encoding.hpp"
#include "tests/censor/packet_censor.hpp"
#include "tests/censor/wire/path.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

using namespace landfall;
using namespace landfall::censor;

constexpr std::size_t ethernet_header = 14, largest_frame = 65536 + 64;
constexpr int most_in_a_row = 256; ///< frames of one wire before the other has its turn

struct arguments {
  std::string command, wires[2], profile;
  definitions defined;
  engine_options engine;
  path_options path;
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "censorsim: %s\n", why.c_str());
  std::exit(2);
}

template <class Number> Number number(std::string_view name, const std::string& text) {
  Number out{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size() || out < 0)
    give_up(fmt::format("{} {}: no number", name, text));
  return out;
}

void define(const std::string& text, definitions& out) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) give_up("--define NAME=WORD,WORD");
  auto& words = out[text.substr(0, equals)];
  words.clear();
  for (std::size_t at = equals + 1; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
}

arguments read(std::vector<std::string> words) {
  arguments out;
  std::vector<std::string> plain;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const auto& word = words[at];
    if (!word.starts_with("--")) {
      plain.push_back(word);
      continue;
    }
    if (++at == words.size()) give_up(word + " needs a value");
    const auto& value = words[at];
    if (word == "--define")
      define(value, out.defined);
    else if (word == "--seed")
      out.engine.seed = out.path.seed = number<std::uint64_t>(word, value);
    else if (word == "--scale")
      out.engine.time_scale = number<double>(word, value);
    else if (word == "--loss")
      out.path.loss = number<double>(word, value);
    else if (word == "--rate")
      out.path.rate = number<std::uint64_t>(word, value) * 125;
    else if (word == "--rtt")
      out.path.round_trip = std::chrono::milliseconds(number<std::int64_t>(word, value));
    else
      give_up("there is no " + word);
  }
  const bool check = plain.size() == 2 && plain[0] == "check", packet = plain.size() == 4 && plain[0] == "packet";
  if (!check && !packet) give_up("packet CLIENT_SIDE SERVER_SIDE PROFILE [OPTIONS], or check PROFILE");
  out.command = plain[0];
  out.profile = plain.back();
  if (packet) out.wires[0] = plain[1], out.wires[1] = plain[2];
  return out;
}

std::optional<std::string> read_file(std::string_view name) {
  if (name.find('/') == std::string_view::npos) return compiled_rules(name);
  std::ifstream file{std::string(name)};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

int open_wire(const std::string& name) {
  const int out = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
  if (out < 0) give_up(fmt::format("AF_PACKET: {}", std::strerror(errno)));
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
  const int on = 1, buffer = 8 << 20;
  (void)::setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  (void)::setsockopt(out, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (where.sll_ifindex == 0 || ::setsockopt(out, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      ::bind(out, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
    give_up(fmt::format("{}: {}", name, std::strerror(errno)));
  return out;
}

void print(const char* name, boost::json::object what) {
  std::puts(boost::json::serialize(boost::json::object{{name, std::move(what)}}).c_str());
  std::fflush(stdout);
}

class simulator {
public:
  simulator(const arguments& given, rule_set rules)
      : censor_(std::move(rules), given.engine), path_(given.path),
        wires_{open_wire(given.wires[0]), open_wire(given.wires[1])}, frame_(largest_frame, '\0') {}

  void run() {
    std::puts("{\"ready\":true}");
    std::fflush(stdout);
    while (!over_) {
      pollfd waiting[3] = {{wires_[0], POLLIN, 0}, {wires_[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
      const auto wait = time_to_wait();
      if (::ppoll(waiting, 3, wait ? &*wait : nullptr, nullptr) < 0 && errno != EINTR) give_up(std::strerror(errno));
      if (waiting[0].revents != 0) receive(true);
      if (waiting[1].revents != 0) receive(false);
      if (waiting[2].revents != 0) obey();
      deliver();
      tell();
    }
    count();
  }

private:
  [[nodiscard]] nanoseconds now() const { return std::chrono::steady_clock::now() - begun_; }

  [[nodiscard]] std::optional<timespec> time_to_wait() const {
    const auto next = path_.next();
    if (!next) return std::nullopt;
    const auto left = std::max(*next - now(), nanoseconds(0)).count();
    return timespec{left / 1'000'000'000, left % 1'000'000'000};
  }

  /// The censor is near its clients: what comes from them is judged before its way, what goes to them after it.
  void receive(bool up) {
    for (int n = 0; n < most_in_a_row; ++n) {
      const auto size = ::recv(wires_[up ? 0 : 1], frame_.data(), frame_.size(), MSG_TRUNC);
      if (size < 0) return;
      if (static_cast<std::size_t>(size) > frame_.size()) continue;
      auto frame = frame_.substr(0, static_cast<std::size_t>(size));
      if (!is_ip(frame))
        send(up, frame); // ARP: the two sides are one network
      else if (up)
        judge(true, std::move(frame));
      else
        path_.enter(false, false, std::move(frame), now());
    }
  }

  static bool is_ip(std::string_view frame) {
    if (frame.size() < ethernet_header) return false;
    const auto type = frame.substr(12, 2);
    return type == std::string_view("\x08\x00", 2) || type == "\x86\xdd";
  }

  void judge(bool up, std::string frame) {
    const auto at = now();
    const auto decided = censor_.judge(std::string_view(frame).substr(ethernet_header), up, at);
    const auto header = frame.substr(0, ethernet_header);
    const auto back = header.substr(6, 6) + header.substr(0, 6) + header.substr(12);
    if (decided.forward && up)
      path_.enter(true, true, std::move(frame), at, decided.depart);
    else if (decided.forward)
      path_.arrange(false, true, std::move(frame), std::max(at, decided.depart));
    for (const auto& one : decided.injected) {
      const bool to_client = one.to_client;
      path_.arrange(!to_client, true, (to_client == up ? back : header) + one.bytes,
                    at + one.after + (to_client ? nanoseconds(0) : path_.one_way()));
    }
  }

  void deliver() {
    for (auto due = path_.leave(now()); due; due = path_.leave(now())) {
      if (due->judged)
        send(due->up, due->frame);
      else
        judge(due->up, std::move(due->frame));
    }
  }

  void send(bool up, std::string_view frame) {
    if (::send(wires_[up ? 1 : 0], frame.data(), frame.size(), 0) < 0) ++unsent_;
  }

  void obey() {
    char buffer[256];
    const auto size = ::read(STDIN_FILENO, buffer, sizeof buffer);
    over_ = size <= 0;
    if (size > 0) said_.append(buffer, static_cast<std::size_t>(size));
    for (auto end = said_.find('\n'); end != std::string::npos; end = said_.find('\n')) {
      const auto line = said_.substr(0, end);
      said_.erase(0, end + 1);
      const auto blocked = line.starts_with("block ") ? address::parse(line.substr(6)) : std::nullopt;
      if (blocked)
        censor_.mind().block(*blocked);
      else if (line == "counters")
        count();
      else
        give_up("no such command: " + line);
    }
  }

  void tell() {
    for (const auto& one : censor_.mind().take_events())
      print("event", {{"at_ms", std::chrono::duration_cast<std::chrono::milliseconds>(one.at).count()},
                      {"rule", one.rule},
                      {"what", one.what},
                      {"server", one.server.text()},
                      {"about", one.about}});
  }

  void count() {
    auto out = censor_.mind().counters();
    out["lost_up"] = path_.lost(true);
    out["lost_down"] = path_.lost(false);
    out["unsent"] = unsent_;
    print("counters", std::move(out));
  }

  packet_censor censor_;
  path path_;
  int wires_[2];
  std::string frame_, said_;
  std::uint64_t unsent_ = 0;
  bool over_ = false;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

} // namespace

int main(int argc, char** argv) {
  const auto given = read({argv + 1, argv + argc});
  auto rules = parse_rules(given.profile, read_file, given.defined);
  if (!rules) give_up(rules.error().detail);
  if (given.command == "check") return std::printf("%s: %zu rules\n", rules->name.c_str(), rules->rules.size()), 0;
  simulator(given, std::move(*rules)).run();
  return 0;
}
