#include "tests/censor/rules.hpp"

#include "base/cursor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace landfall::censor {

namespace {

using words = std::vector<std::string>;

constexpr int deepest_use = 4;

/// The first thing wrong with a line; thrown and caught within this file.
struct bad_line {
  std::string why;
};

words split(std::string_view line) {
  words out;
  line = line.substr(0, line.find('#'));
  for (std::size_t at = line.find_first_not_of(" \t\r"); at != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(" \t\r", at), line.size());
    out.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t\r", end);
  }
  return out;
}

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

/// A whole number and its unit.
std::uint64_t take_number(std::string_view text, std::initializer_list<unit> units) {
  base::cursor in(text);
  constexpr std::uint64_t most = 1'000'000'000;
  const auto value = in.take_decimal(most);
  if (!in.failed())
    for (const auto& one : units)
      if (one.name == in.rest()) return value * one.factor;
  std::string known;
  for (const auto& one : units)
    known += (known.empty() ? "" : ", ") + (one.name.empty() ? "none" : std::string(one.name));
  throw bad_line{fmt::format("'{}' is no number with a unit of: {}", text, known)};
}

std::uint64_t time_of(std::string_view text) {
  constexpr std::uint64_t ms = 1'000'000;
  return take_number(text, {{"ms", ms}, {"s", 1000 * ms}, {"min", 60'000 * ms}, {"h", 3'600'000 * ms}});
}
std::uint64_t size_of(std::string_view text) { return take_number(text, {{"", 1}, {"k", 1000}, {"KiB", 1024}}); }
std::uint64_t rate_of(std::string_view text) { return take_number(text, {{"kbit", 125}, {"mbit", 125'000}}); }
std::uint64_t count_of(std::string_view text) { return take_number(text, {{"", 1}}); }

template <class Reader> range range_of(std::string_view text, Reader read) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return {read(text), read(text), false};
  const range out{read(text.substr(0, dots)), read(text.substr(dots + 2)), false};
  if (out.low > out.high) throw bad_line{fmt::format("'{}': the first is greater than the second", text)};
  return out;
}

void want(const words& line, std::size_t least, std::size_t most) {
  if (line.size() < least + 1) throw bad_line{fmt::format("'{}' needs a value", line[0])};
  if (line.size() > most + 1) throw bad_line{fmt::format("'{}' is one word too many", line[most + 1])};
}

template <class T, class Parse> std::vector<T> each_word(const words& line, Parse parse, std::string_view what) {
  std::vector<T> out;
  for (std::size_t at = 1; at < line.size(); ++at) {
    const auto value = parse(line[at]);
    if (!value) throw bad_line{fmt::format("'{}' is no {}", line[at], what)};
    out.push_back(*value);
  }
  return out;
}

std::optional<std::string> name_of(std::string_view text) {
  std::string out(text.starts_with("*.") ? text.substr(2) : text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!fine) return std::nullopt;
  }
  return out;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  base::cursor in(text);
  const auto out = in.take_decimal(0xffff);
  if (in.failed() || !in.at_end()) return std::nullopt;
  return static_cast<std::uint16_t>(out);
}

double chance_of(const std::string& text) {
  char* end = nullptr;
  const double out = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(out >= 0 && out <= 1)) throw bad_line{fmt::format("'{}' is not in 0..1", text)};
  return out;
}

void read_drop(const words& line, effect& out) {
  for (std::size_t at = 2; at < line.size(); ++at) {
    if (line[at] == "up")
      out.down = false;
    else if (line[at] == "down")
      out.up = false;
    else if (line[at] == "data")
      out.data_only = true;
    else if (line[at] == "later")
      out.later = true;
    else if (line[at] != "both")
      throw bad_line{fmt::format("drop up, down, both, data, later; not '{}'", line[at])};
  }
  if (!out.up && !out.down) throw bad_line{"'up down' is 'both'"};
}

effect effect_of(const words& line) {
  want(line, 1, line.size());
  const auto& what = line[1];
  const words arguments(line.begin() + 1, line.end());
  effect out;
  if (what == "drop") {
    out.what = act::drop;
    read_drop(line, out);
  } else if (what == "answer") {
    want(arguments, 1, arguments.size());
    out.what = act::answer;
    out.pool = each_word<address>(arguments, address::parse, "address");
  } else if (what == "throttle") {
    want(arguments, 2, 2);
    out.what = act::throttle;
    out.rate = rate_of(line[2]);
    out.burst = size_of(line[3]);
    if (out.rate == 0 || out.burst == 0) throw bad_line{"a rate or burst of 0 is 'drop'"};
  } else {
    want(arguments, 0, 0);
    if (what == "pass")
      out.what = act::pass;
    else if (what == "reset")
      out.what = act::reset;
    else if (what == "probe")
      out.what = act::probe;
    else
      throw bad_line{fmt::format("pass, drop, reset, answer, throttle or probe; not '{}'", what)};
  }
  return out;
}

key key_of(std::string_view text) {
  constexpr std::string_view names[] = {"flow", "tuple", "pair", "server", "all"};
  const auto found = std::ranges::find(names, text);
  if (found == std::end(names)) throw bad_line{fmt::format("flow, tuple, pair, server or all; not '{}'", text)};
  return static_cast<key>(found - std::begin(names));
}

bool read_flag(const words& line, rule& out) {
  const struct {
    std::string_view name;
    bool rule::* member;
  } flags[] = {{"syn", &rule::syn},
               {"first-data", &rule::first_data},
               {"fully-encrypted", &rule::fully_encrypted},
               {"unlisted-protocol", &rule::unlisted_protocol},
               {"quic-initial", &rule::quic_initial},
               {"ech", &rule::ech},
               {"esni", &rule::esni},
               {"tls13", &rule::tls13}};
  for (const auto& flag : flags) {
    if (flag.name != line[0]) continue;
    want(line, 0, 0);
    out.*flag.member = true;
    return true;
  }
  return false;
}

bool read_names(const words& line, rule& out) {
  const struct {
    std::string_view name;
    std::vector<std::string> rule::* member;
  } lists[] = {{"sni", &rule::sni},
               {"sni-not", &rule::sni_not},
               {"host", &rule::host},
               {"qname", &rule::qname},
               {"ja4", &rule::ja4}};
  for (const auto& list : lists) {
    if (list.name != line[0]) continue;
    want(line, 1, line.size());
    out.*list.member = each_word<std::string>(line, name_of, "name");
    return true;
  }
  return false;
}

bool read_number(const words& line, rule& out) {
  const auto& what = line[0];
  if (what == "after-bytes") {
    want(line, 1, 2);
    if (line.size() == 3 && line[2] != "each") throw bad_line{fmt::format("'each' or nothing, not '{}'", line[2])};
    out.after_bytes = range_of(line[1], size_of);
    out.after_bytes->each = line.size() == 3;
    return true;
  }
  if (what != "connections" && what != "datagram" && what != "unresolved" && what != "chance") return false;
  want(line, 1, 1);
  if (what == "connections") out.connections = range_of(line[1], count_of);
  if (what == "datagram") out.datagram = range_of(line[1], size_of);
  if (what == "unresolved") out.unresolved = range_of(line[1], time_of);
  if (what == "chance") out.chance = chance_of(line[1]);
  return true;
}

void read_place(const words& line, rule& out) {
  want(line, 1, line.size());
  if (line[0] == "to")
    out.to = each_word<prefix>(line, prefix::parse, "address or prefix");
  else if (line[0] == "not-to")
    out.not_to = each_word<prefix>(line, prefix::parse, "address or prefix");
  else if (line[0] == "port")
    out.ports = each_word<std::uint16_t>(line, port_of, "port");
  else if (line[0] == "over" && line[1] == "tcp")
    out.over = transport::tcp;
  else if (line[0] == "over" && line[1] == "udp")
    out.over = transport::udp;
  else
    throw bad_line{fmt::format("no such condition: '{} {}'", line[0], line[1])};
}

class reader {
public:
  reader(const file_reader& files, const definitions& given) : files_(files), given_(given) {}

  void read(std::string_view name, int depth) {
    const auto text = files_(name);
    if (!text) throw bad_line{fmt::format("there is no rule file '{}'", name)};
    if (text->size() > max_rule_text || depth > deepest_use)
      throw bad_line{fmt::format("'{}' is too large or too deep", name)};
    std::size_t number = 0;
    rule* current = nullptr;
    for (std::string_view rest(*text); !rest.empty();) {
      const auto end = rest.find('\n');
      ++number;
      try {
        read_line(split(rest.substr(0, end)), current, depth);
      } catch (const bad_line& bad) {
        throw bad_line{fmt::format("{}:{}: {}", name, number, bad.why)};
      }
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }

  rule_set out;

private:
  words expanded(words line) const {
    words all;
    for (auto& word : line) {
      if (!word.starts_with('$')) {
        all.push_back(std::move(word));
        continue;
      }
      const auto name = word.substr(1);
      const auto given = given_.find(name), own = own_.find(name);
      if (given == given_.end() && own == own_.end()) throw bad_line{fmt::format("'{}' is not defined", word)};
      const auto& values = given != given_.end() ? given->second : own->second;
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  void read_line(words line, rule*& current, int depth) {
    if (line.empty()) return;
    line = expanded(std::move(line));
    if (line.empty()) return; // a list that was defined empty
    if (line[0] == "rule") {
      want(line, 1, 1);
      if (out.rules.size() == max_rules) throw bad_line{"too many rules"};
      current = &out.rules.emplace_back();
      current->name = line[1];
    } else if (line[0] == "define" || line[0] == "use" || line[0] == "set" || line[0] == "fronts") {
      read_global(line, depth);
      current = nullptr;
    } else if (current == nullptr) {
      throw bad_line{fmt::format("'{}' stands in no rule", line[0])};
    } else {
      read_in_rule(line, *current);
    }
  }

  void read_global(const words& line, int depth) {
    if (line[0] == "define") {
      want(line, 1, line.size());
      own_[line[1]] = words(line.begin() + 2, line.end());
    } else if (line[0] == "use") {
      want(line, 1, 1);
      read(line[1], depth + 1);
    } else if (line[0] == "fronts") {
      want(line, 2, 2);
      if (line[1] != "refuse" || (line[2] != "403" && line[2] != "421")) throw bad_line{"fronts refuse 403 or 421"};
      out.fronts = line[2] == "403" ? front_policy::refuse_403 : front_policy::refuse_421;
    } else {
      want(line, 2, 2);
      if (line[2] != "on" && line[2] != "off") throw bad_line{"on or off"};
      if (line[1] == "tcp-reassembly")
        out.tcp_reassembly = line[2] == "on";
      else if (line[1] == "record-reassembly")
        out.record_reassembly = line[2] == "on";
      else
        throw bad_line{fmt::format("there is no setting '{}'", line[1])};
    }
  }

  static void read_in_rule(const words& line, rule& into) {
    if (line[0] == "do") {
      into.first = effect_of(line);
      if (into.then.what == act::pass) into.then = into.first;
    } else if (line[0] == "then") {
      into.then = effect_of(line);
    } else if (line[0] == "for") {
      want(line, 2, 2);
      into.lasts = range_of(line[1], time_of);
      into.lasts_for = key_of(line[2]);
    } else if (!read_flag(line, into) && !read_names(line, into) && !read_number(line, into)) {
      read_place(line, into);
    }
  }

  const file_reader& files_;
  const definitions& given_;
  definitions own_;
};

} // namespace

base::result<rule_set> parse_rules(std::string_view name, const file_reader& files, const definitions& defined) {
  reader in(files, defined);
  try {
    in.read(name, 0);
  } catch (const bad_line& bad) {
    return base::fail(base::outcome::malformed, bad.why);
  }
  in.out.name = name;
  return std::move(in.out);
}

bool is_below(std::string_view name, std::string_view suffix) noexcept {
  if (!name.ends_with(suffix)) return false;
  return name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '.';
}

} // namespace landfall::censor
