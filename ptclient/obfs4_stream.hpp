// The stream that an obfs4 connection is after its handshake, for both sides. Inside ptclient/ alone.
#pragma once

#include "net/stream.hpp"
#include "ptclient/spare.hpp"
#include "wire/obfs4_session.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace landfall::ptclient {

/// Idle it holds some kilobytes: the session, and at most one packet and the beginning of a frame. The 64 KiB through
/// which bytes move are held only while they do.
class obfs4_stream final : public net::stream {
public:
  /// `early`: what came behind the handshake; the seed of the bridge's shape has to be in force before the first write.
  /// Error: malformed.
  [[nodiscard]] static net::result<net::stream_ptr> over(net::stream_ptr below, wire::obfs4_session session,
                                                         std::string_view early);

  net::awaitable<net::result<void>> readable() override;
  net::awaitable<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override;
  net::awaitable<net::result<void>> write(net::asio::const_buffer from) override;
  void end_writing() noexcept override { below_->end_writing(); }
  void close() noexcept override { below_->close(); }

private:
  struct block {
    std::array<std::uint8_t, 64 * 1024> bytes;
  };
  obfs4_stream(net::stream_ptr below, wire::obfs4_session session);

  net::awaitable<net::result<void>> fill();
  [[nodiscard]] net::result<void> advance();
  [[nodiscard]] net::result<std::size_t> open_into(std::span<std::uint8_t> into);
  void stash();
  net::awaitable<net::result<void>> write_burst(std::string_view payload, bool last);

  net::stream_ptr below_;
  wire::obfs4_session session_;
  std::unique_ptr<block> raw_; ///< read and not opened: [begin_, end_)
  std::size_t begin_ = 0, end_ = 0;
  std::string partial_; ///< the beginning of a frame, while there is no block
  std::string plain_;   ///< opened and not yet taken: [taken_, size)
  std::size_t taken_ = 0;
  bool ended_ = false;
  std::optional<base::failure> broken_; ///< told after what came before it was read
};

} // namespace landfall::ptclient
