#include "sidecar/keys.hpp"

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "crypto/hash.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <string_view>

namespace landfall::sidecar {

namespace {

constexpr std::size_t max_passphrase = 1024;
constexpr std::size_t max_key_file = 64 * 1024; // a public key is 3 KB, an encrypted secret 6 KB
constexpr std::string_view algorithm = "mldsa65-ed25519";

base::failure no_passphrase(std::string why) { return base::fail(base::outcome::local_error, std::move(why)); }

/// Byte by byte, so that what follows the line stays for whoever reads next.
base::result<base::secret> read_line(int descriptor) {
  std::string line;
  line.reserve(max_passphrase); // no copies left behind by growing
  char next = 0;
  while (::read(descriptor, &next, 1) == 1 && next != '\n') {
    if (line.size() == max_passphrase) return no_passphrase("the passphrase is longer than 1024 bytes");
    line += next;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  base::secret out(line);
  base::wipe(line.data(), line.size());
  if (out.reveal().empty()) return no_passphrase("the passphrase is empty");
  return out;
}

/// The controlling terminal, its echo off while this lives.
class quiet_terminal {
public:
  quiet_terminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    usable_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  quiet_terminal(const quiet_terminal&) = delete;
  quiet_terminal& operator=(const quiet_terminal&) = delete;
  ~quiet_terminal() {
    if (usable_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] base::result<base::secret> ask(std::string_view question) const {
    if (!usable_) return no_passphrase("there is no terminal to ask for the passphrase; give --passphrase-file");
    if (::write(fd_, question.data(), question.size()) < 0) return no_passphrase("the terminal cannot be written to");
    auto answer = read_line(fd_);
    if (::write(fd_, "\n", 1) < 0) return no_passphrase("the terminal cannot be written to");
    return answer;
  }

private:
  int fd_;
  bool usable_ = false;
  termios before_{};
};

base::result<base::secret> ask_terminal(bool twice) {
  const quiet_terminal terminal;
  auto first = terminal.ask("Passphrase: ");
  if (!first || !twice) return first;
  const auto second = terminal.ask("Again: ");
  if (!second) return second.error();
  if (first->reveal() != second->reveal()) return no_passphrase("the two passphrases differ");
  return first;
}

} // namespace

base::result<base::secret> read_passphrase(const std::string& source, bool twice) {
  if (source.empty()) return ask_terminal(twice);
  if (source == "-") return read_line(STDIN_FILENO);
  const int file = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return no_passphrase(fmt::format("the passphrase file {} cannot be read", source));
  auto out = read_line(file);
  ::close(file);
  return out;
}

std::string public_key_file(const crypto::composite_public_key& key) {
  return fmt::format("{{\"keyid\":\"{}\",\"alg\":\"{}\",\"pk\":\"{}\"}}\n", key.id(), algorithm,
                     base::to_base64(key.bytes()));
}

base::result<crypto::composite_public_key> read_public_key(const std::filesystem::path& path) {
  auto text = base::read_file(path, max_key_file);
  if (!text) return text.error();
  const auto wrong = [&](std::string_view why) {
    return base::fail(base::outcome::malformed, fmt::format("{}: {}", path.string(), why));
  };
  const auto value = base::parse_json(*text, 2);
  if (!value || !value->is_object()) return wrong("not a public key file (NAME.pub of landfall list keygen)");
  const auto& members = value->as_object();
  const auto text_of = [&](std::string_view name) {
    const auto* found = members.if_contains(name);
    return found && found->is_string() ? std::string_view(found->as_string()) : std::string_view();
  };
  if (text_of("alg") != algorithm) return wrong("the algorithm is not mldsa65-ed25519");
  const auto bytes = base::from_base64(text_of("pk"));
  const auto key = bytes ? crypto::composite_public_key::from_bytes(*bytes) : std::nullopt;
  if (!key) return wrong("the key is damaged");
  if (text_of("keyid") != key->id()) return wrong("the keyid is not this key's");
  return *key;
}

base::result<crypto::composite_secret_key> read_secret_key(const std::filesystem::path& path,
                                                           const std::string& passphrase_source) {
  const auto pem = base::read_file(path, max_key_file);
  if (!pem) return pem.error();
  const auto passphrase = read_passphrase(passphrase_source, false);
  if (!passphrase) return passphrase.error();
  auto key = crypto::composite_secret_key::from_encrypted_pem(*pem, passphrase->reveal());
  if (!key)
    return base::fail(base::outcome::local_error,
                      fmt::format("{} does not open: wrong passphrase, or not a key file", path.string()));
  return std::move(*key);
}

crypto::composite_secret_key demo_key(std::string_view name) {
  const auto seed = [&](std::string_view half) {
    return crypto::sha256(fmt::format("landfall demo key, public: {}: {}", name, half));
  };
  auto key = crypto::composite_secret_key::from_seeds(seed("ML-DSA-65").view(), seed("Ed25519").view());
  return std::move(key.value()); // seeds of 32 bytes never fail
}

} // namespace landfall::sidecar
