// What the fuzzer says, as the stream of a control connection.
#pragma once

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "net/stream.hpp"
#include "wire/control.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace landfall::fuzz {

struct onion_script {
  enum class sound : std::uint8_t { nothing, no_proof, safecookie } beginning = sound::nothing;
  std::size_t piece = 1; ///< of what comes at once
  std::string said;      ///< after the beginning; a zero byte parts what never comes together
};

class onion_stream final : public net::stream {
public:
  explicit onion_stream(onion_script script) : script_(std::move(script)) {
    if (script_.beginning == onion_script::sound::no_proof) {
      part("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n");
      part("250 OK\r\n");
    }
    if (script_.beginning == onion_script::sound::safecookie)
      part("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"/x\"\r\n250 OK\r\n");
    else
      ready_ += script_.said;
  }

  net::awaitable<net::result<void>> readable() override { co_return net::result<void>{}; }

  net::awaitable<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
    while (at_ < ready_.size() && ready_[at_] == '\0') ++at_;
    const auto turn = std::min(ready_.find('\0', at_), ready_.size());
    const auto size = std::min({script_.piece, into.size(), turn - at_});
    if (size > 0) std::copy_n(ready_.data() + at_, size, static_cast<char*>(into.data()));
    at_ += size;
    co_return closed_ ? std::size_t{0} : size; // 0: it has nothing more to say
  }

  net::awaitable<net::result<void>> write(net::asio::const_buffer from) override {
    const std::string_view line(static_cast<const char*>(from.data()), from.size());
    if (closed_ || line.find("\r\n") != line.size() - 2 || line.find('\0') != line.npos) std::abort();
    constexpr std::string_view challenge = "AUTHCHALLENGE SAFECOOKIE ";
    if (script_.beginning == onion_script::sound::safecookie && line.starts_with(challenge)) {
      const auto client = base::from_hex(std::string(line.substr(challenge.size(), 2 * wire::control_nonce_size)));
      const std::string cookie(wire::control_cookie_size, 'c'), server(wire::control_nonce_size, 's');
      if (!client) std::abort();
      const auto hash =
          crypto::hmac_sha256("Tor safe cookie authentication server-to-controller hash", cookie + *client + server);
      part("250 AUTHCHALLENGE SERVERHASH=" + hash.hex() + " SERVERNONCE=" + base::to_hex(server) + "\r\n");
      part("250 OK\r\n");
      ready_ += script_.said;
    }
    co_return net::result<void>{};
  }
  void end_writing() noexcept override {}
  void close() noexcept override { closed_ = true; }

private:
  void part(const std::string& text) { (ready_ += text) += '\0'; }

  onion_script script_;
  std::string ready_;
  std::size_t at_ = 0;
  bool closed_ = false;
};

} // namespace landfall::fuzz
