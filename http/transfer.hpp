// transfer: one request as libcurl sees it, and what was seen of it.
#pragma once

#include "http/client.hpp"
#include "http/curl.hpp"
#include "http/curl_loop.hpp"
#include "http/tls.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::http {

/// scheme, host and port of a URL, by libcurl's own parser, so that the two cannot disagree.
struct origin {
  bool secure = false;
  std::string host; ///< IPv6 without brackets
  std::string port;
};
[[nodiscard]] result<origin> origin_of(const std::string& url);

/// Where libcurl connects to.
struct destination {
  std::vector<asio::ip::address> addresses; ///< of the server; through a proxy, the proxy's
  std::string unix_socket;                  ///< carried: instead of them
};

/// Its callbacks are called by libcurl, so it stays where it is. Must be out of the loop before it goes.
class transfer {
public:
  transfer(const request& asked, origin to, const destination& by, net::socket_options socket, curl_loop& loop);
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  [[nodiscard]] CURL* handle() const noexcept { return easy_.get(); }
  /// The set-up's failure, or the last word, or nothing as long as it runs.
  [[nodiscard]] const std::optional<result<response>>& ended() const noexcept { return ended_; }

  /// Sees how far it has come and tells `progress`. True: a new stage, so a new deadline.
  bool look();
  /// When the present stage must have ended.
  [[nodiscard]] base::steady_time deadline() const noexcept { return deadline_; }
  /// The present stage's deadline has passed: ended, or a new deadline where enough bytes came.
  void overdue();
  [[nodiscard]] base::stage at() const noexcept { return at_; }

  /// libcurl 7.88 starts on the next address only when it is called again for another reason, up to seconds later.
  /// True once for each address that was given up without another being tried. That is a proxy's, known by its name: a
  /// server's addresses are raced one by one (happy.hpp).
  [[nodiscard]] bool between_addresses();

  /// Ended in a failure of a connection that it opened itself and that never stood.
  [[nodiscard]] bool could_not_connect() const;
  /// Has opened none itself: waits for another transfer's, or uses it.
  [[nodiscard]] bool waits_for_connection() const noexcept { return !ended_ && opened_.empty(); }

  void finish(CURLcode code);
  /// Tells request::seen, once it has ended.
  void tell_seen() const;
  /// Ended, by our own decision or as libcurl says; what came of the answer is kept where that was asked for.
  void end_with(base::failure why);

private:
  /// A socket that libcurl opened. It may be closed by now, and its number another's.
  struct attempt {
    int descriptor;
    asio::ip::tcp::endpoint to;
  };
  void set_up(const destination& by);
  void set_connection();
  void set_headers();
  void set_destination(const destination& by);
  void set_proxy(const proxy& through, const std::vector<asio::ip::address>& addresses);
  [[nodiscard]] bool proxied() const noexcept { return std::holds_alternative<proxy>(asked_.via); }
  /// No byte of ours can have reached the server yet.
  [[nodiscard]] bool on_the_way() const noexcept { return at_ == base::stage::connect || at_ == base::stage::proxy; }
  [[nodiscard]] std::optional<asio::ip::tcp::endpoint> standing() const;
  [[nodiscard]] std::optional<base::place> where() const;
  [[nodiscard]] base::failure silence() const;
  [[nodiscard]] bool within_record() const;
  [[nodiscard]] response answer_so_far();
  void enter(base::stage next, std::chrono::milliseconds limit, bool tell);
  [[nodiscard]] base::failure failure_of(CURLcode code) const;
  [[nodiscard]] base::failure failure_of_proxy(CURLcode code) const;
  [[nodiscard]] base::failure cut() const;
  std::size_t take_header(std::string_view line);
  std::optional<base::failure> judge_head();
  std::optional<base::failure> judge_status(long status);
  [[nodiscard]] bool portal_says(long status) const;
  std::size_t take_body(std::string_view bytes);

  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_header(char* data, std::size_t one, std::size_t size, void* self);
  static std::size_t on_body(char* data, std::size_t one, std::size_t size, void* self);
  static CURLcode on_context(CURL* easy, void* context, void* self);

  template <class Value> void set(CURLoption option, Value value);

  const request& asked_;
  origin to_;
  net::socket_options socket_;
  curl_loop& loop_;
  /// Of one connection, which may outlive the transfer that opened it: OpenSSL's context holds it too.
  struct handshake {
    tls_rules rules;
    tls_evidence seen;
  };
  std::shared_ptr<handshake> handshake_;
  const tls_evidence& tls_; ///< untouched when the connection is another transfer's

  base::stage at_ = base::stage::connect;
  base::steady_time deadline_;
  std::size_t header_bytes_ = 0, counted_ = 0; ///< counted: body bytes at the start of the low-speed window
  std::vector<attempt> opened_;
  std::size_t nudged_ = 0;                        ///< sockets
  std::optional<asio::ip::tcp::endpoint> server_; ///< the one that stood
  bool encoded_ = false;
  std::string range_said_, location_; ///< headers of the answer, as they came
  response answer_;
  std::optional<base::failure> verdict_; ///< our own word, given in a callback; stands above libcurl's code
  std::optional<result<response>> ended_;
  CURLcode unset_ = CURLE_OK; ///< the first option that libcurl refused

  struct free_list {
    void operator()(curl_slist* list) const noexcept { curl().slist_free_all(list); }
  };
  struct free_easy {
    void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
  };
  std::unique_ptr<curl_slist, free_list> headers_, addresses_, connect_to_;
  std::unique_ptr<CURL, free_easy> easy_; ///< last: it goes first
};

} // namespace landfall::http
