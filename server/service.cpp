#include "server/service.hpp"

#include "base/log.hpp"
#include "server/place.hpp"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

namespace landfall::server {

namespace {
// What nginx allows as well: 8 KB for a line, and some lines.
constexpr ev_ssize_t max_headers = 16 * 1024;
// Nothing here takes a body; what is announced larger is refused before it is read.
constexpr ev_ssize_t max_body = 64 * 1024;
// A whole request fits, so evhttp never waits in vain; a client that floods a connection which nobody reads any more
// (evhttp goes on reading while it writes an error page) fills no more than this.
constexpr std::size_t max_unread = max_headers + 2 * max_body;
// Whole answers in one writev(2): evhttp's 16 KiB would take two and, by then, half the rate.
constexpr std::size_t single_write = 64 * 1024;
constexpr std::chrono::seconds answer_timeout{300}; // the largest decoy file at 56 KB/s
constexpr std::chrono::milliseconds pulse{500};     // deadlines, changed files
constexpr std::chrono::milliseconds ending_pulse{20};
constexpr std::chrono::milliseconds longest_end{800};

method method_of(evhttp_cmd_type type) {
  switch (type) {
  case EVHTTP_REQ_GET: return method::get;
  case EVHTTP_REQ_HEAD: return method::head;
  case EVHTTP_REQ_POST: return method::post;
  case EVHTTP_REQ_PUT:
  case EVHTTP_REQ_DELETE:
  case EVHTTP_REQ_OPTIONS:
  case EVHTTP_REQ_TRACE:
  case EVHTTP_REQ_CONNECT:
  case EVHTTP_REQ_PATCH: return method::other;
  }
  return method::other;
}

std::string_view text(const char* maybe) { return maybe != nullptr ? std::string_view(maybe) : std::string_view(); }

/// The path of the request's target. evhttp takes "//x/y" for the path "/y" on the host "x"; in a request it is a path.
std::string_view path_of(evhttp_request* one) {
  const auto target = text(evhttp_request_get_uri(one));
  if (target.starts_with('/')) return target.substr(0, target.find('?'));
  const auto* uri = evhttp_request_get_evhttp_uri(one);
  const auto path = uri != nullptr ? text(evhttp_uri_get_path(uri)) : std::string_view();
  return path.empty() ? "/" : path;
}

request read_request(evhttp_request* one) {
  const auto* headers = evhttp_request_get_input_headers(one);
  const auto optional = [headers](const char* name) -> std::optional<std::string_view> {
    const char* value = evhttp_find_header(headers, name);
    return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
  };
  return {.method = method_of(evhttp_request_get_command(one)),
          .host = text(evhttp_request_get_host(one)),
          .path = path_of(one),
          .range = optional("Range"),
          .if_range = optional("If-Range"),
          .if_none_match = optional("If-None-Match")};
}

void release(const void*, std::size_t, void* source) { delete static_cast<std::shared_ptr<const entry>*>(source); }

/// The body by reference: no copy for slow readers to pile up.
void add_body(evbuffer* to, const answer& from) {
  if (from.body.empty()) return;
  auto* source = new std::shared_ptr<const entry>(from.source);
  if (evbuffer_add_reference(to, from.body.data(), from.body.size(), &release, source) != 0) delete source;
}

/// A body that nobody asked for is where a proxy and we could disagree on where the next request begins.
bool has_body(evhttp_request* one) {
  const auto* headers = evhttp_request_get_input_headers(one);
  return evhttp_find_header(headers, "Content-Length") != nullptr ||
         evhttp_find_header(headers, "Transfer-Encoding") != nullptr;
}
} // namespace

service::service(event_base* base, settings how, library content, std::optional<tls> secure, const base::clock& clock)
    : base_(base), how_(std::move(how)), library_(std::move(content)), tls_(std::move(secure)), clock_(clock),
      connections_(clock, {.asking = how_.request_timeout, .answering = answer_timeout}),
      plain_(make_http(&service::new_plain)) {
  if (how_.relay) relays_.emplace(base_, connections_, clock_, *how_.relay);
  if (tls_) secure_ = make_http(&service::new_secure);
  timer_.reset(event_new(base_, -1, EV_PERSIST, &service::tick, this));
}

service::~service() {
  if (!hidden_) return;
  timer_.reset();
  hidden_.reset();
  connections_.let_go();
  // libevent frees bufferevents in the loop's next turns, the one below a filter after the filter; they need the front.
  for (int turn = 0; turn < 2; ++turn) event_base_loop(base_, EVLOOP_NONBLOCK);
}

evhttp_ptr service::make_http(bufferevent* (*make)(event_base*, void*)) {
  evhttp_ptr http(evhttp_new(base_));
  evhttp_set_bevcb(http.get(), make, this);
  evhttp_set_gencb(http.get(), &service::requested, this);
  evhttp_set_max_headers_size(http.get(), max_headers);
  evhttp_set_max_body_size(http.get(), max_body);
  evhttp_set_default_content_type(http.get(), nullptr);
  // Every method that evhttp knows is ours to answer; those it does not know it answers itself.
  evhttp_set_allowed_methods(http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                             EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                             EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
  return http;
}

base::result<void> service::listen(std::string_view where) {
  return add(where, tls_ ? secure_.get() : plain_.get(), plain_.get());
}

base::result<void> service::listen_obfs4(std::string_view where, wire::obfs4_identity who) {
  // Half of what is allowed, so that strangers never keep clients out.
  const auto strangers = std::max<std::size_t>(how_.max_connections / 2, 1);
  const auto known = [this](bufferevent* one) { connections_.known(one); };
  front_ = std::make_unique<obfs4_front>(base_, std::move(who), obfs4_front::settings{strangers, known}, clock_);
  hidden_ = make_http(&service::new_hidden);
  evhttp_set_gencb(hidden_.get(), &service::requested_inside, this);
  return add(where, hidden_.get(), hidden_.get());
}

base::result<std::string> service::listen_onion(std::string_view where) {
  const auto at = place::parse(where);
  if (!at) return at.error();
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:[]";
  const bool absolute = at->family() != AF_UNIX || where.starts_with("unix:/");
  if (!at->is_local() || !absolute || where.find_first_not_of(plain) != where.npos)
    return base::fail(base::outcome::malformed,
                      fmt::format("--onion-listen {}: not a loopback address, nor a Unix socket by an absolute path of "
                                  "letters, digits and _-+./",
                                  where));
  onion_ = make_http(&service::new_plain);
  evhttp_set_gencb(onion_.get(), &service::requested_inside, this);
  if (auto added = add(where, onion_.get(), onion_.get()); !added) return added.error();
  return listeners_.back().at.name;
}

base::result<void> service::add(std::string_view where, evhttp* tcp, evhttp* local) {
  auto at = listen_at(base_, where);
  if (!at) return at.error();
  auto* http = at->file.exists() ? local : tcp;
  auto* bound = evhttp_bind_listener(http, at->listener.get());
  if (bound == nullptr) return base::fail(base::outcome::local_error, "out of memory");
  evconnlistener_set_error_cb(at->listener.release(), &service::accept_failed);
  listeners_.push_back({std::move(*at), http, bound});
  return {};
}

void service::start() {
  accept_again();
  schedule(pulse);
}

std::vector<std::string> service::listening_at() const {
  std::vector<std::string> out;
  out.reserve(listeners_.size());
  for (const auto& one : listeners_) out.push_back(one.at.name);
  return out;
}

std::string service::bridge_line() const {
  for (const auto& one : listeners_)
    if (hidden_ && one.http == hidden_.get())
      return fmt::format("obfs4 {} {}", one.at.name, wire::obfs4_arguments(front_->identity().open));
  return {};
}

void service::reload() {
  library_.refresh(/*everything=*/true);
  if (tls_) tls_->refresh(/*always=*/true);
}

void service::end() {
  if (ending_) return;
  ending_ = clock_.steady() + longest_end;
  for (const auto& one : listeners_) evhttp_del_accept_socket(one.http, one.bound);
  listeners_.clear();
  if (relays_) relays_->end();
  schedule(ending_pulse);
  look_around();
}

bufferevent* service::adopt(bufferevent* one) {
  if (one == nullptr) return nullptr;
  bufferevent_set_max_single_write(one, single_write);
  bufferevent_setwatermark(one, EV_READ, 0, max_unread);
  connections_.accepted(one);
  if (connections_.count() >= how_.max_connections) pause_accepting();
  return one;
}

bufferevent* service::new_plain(event_base* base, void* self) {
  return static_cast<service*>(self)->adopt(bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE));
}

bufferevent* service::new_secure(event_base* base, void* self) {
  auto* us = static_cast<service*>(self);
  SSL* ssl = SSL_new(us->tls_->now());
  if (ssl == nullptr) return nullptr;
  auto* one = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  if (one == nullptr)
    SSL_free(ssl);
  else
    bufferevent_openssl_set_allow_dirty_shutdown(one, 1);
  return us->adopt(one);
}

bufferevent* service::new_hidden(event_base*, void* self) {
  auto* us = static_cast<service*>(self);
  auto* one = us->front_->open();
  if (one == nullptr) return nullptr;
  bufferevent_setwatermark(one, EV_READ, 0, max_unread);
  us->connections_.accepted_stranger(one);
  if (us->connections_.count() >= us->how_.max_connections) us->pause_accepting();
  return one;
}

/// As many connections as are allowed: whoever comes waits in the kernel's queue until the next pulse finds room.
void service::pause_accepting() {
  for (const auto& one : listeners_) evconnlistener_disable(evhttp_bound_socket_get_listener(one.bound));
}

/// No descriptors left: without a pause the loop would spin on the same failing accept.
void service::accept_failed(evconnlistener* listener, void*) { evconnlistener_disable(listener); }

void service::accept_again() {
  for (const auto& one : listeners_) evconnlistener_enable(evhttp_bound_socket_get_listener(one.bound));
}

void service::requested(evhttp_request* one, void* self) {
  auto* us = static_cast<service*>(self);
  us->handle(one, us->how_.who);
}

void service::requested_inside(evhttp_request* one, void* self) {
  static const access whoever{.inside = true};
  auto* us = static_cast<service*>(self);
  const bool tunnel = evhttp_request_get_command(one) == EVHTTP_REQ_CONNECT && !us->ending_;
  if (!us->relays_ || !tunnel) return us->handle(one, whoever);
  us->connections_.answering(evhttp_request_get_connection(one));
  us->relays_->connect(one, us->library_.now());
}

void service::handle(evhttp_request* one, const access& who) {
  auto* connection = evhttp_request_get_connection(one);
  connections_.answering(connection);
  const auto answer = respond(who, *library_.now(), read_request(one));
  auto* headers = evhttp_request_get_output_headers(one);
  for (const auto& line : answer.headers) evhttp_add_header(headers, line.name, line.value.c_str());
  if (ending_ || has_body(one)) evhttp_add_header(headers, "Connection", "close");
  add_body(evhttp_request_get_output_buffer(one), answer);
  evhttp_request_set_on_complete_cb(one, &service::answered, this);
  // evhttp reads on while it writes, to see the client leave: a client that half-closes would lose its answer, and one
  // that only sends would fill our memory. Write errors and the deadline tell as much.
  auto* buffer = evhttp_connection_get_bufferevent(connection);
  bufferevent_incref(buffer);
  evhttp_send_reply(one, answer.status, answer.reason, nullptr);
  bufferevent_disable(buffer, EV_READ);
  bufferevent_decref(buffer);
}

void service::answered(evhttp_request* one, void* self) {
  static_cast<service*>(self)->connections_.asking(evhttp_request_get_connection(one));
}

void service::schedule(std::chrono::milliseconds every) {
  const timeval interval{every.count() / 1000, static_cast<suseconds_t>(every.count() % 1000 * 1000)};
  event_add(timer_.get(), &interval);
}

void service::tick(evutil_socket_t, short, void* self) { static_cast<service*>(self)->look_around(); }

void service::look_around() {
  connections_.sweep();
  if (relays_) relays_->sweep();
  if (ending_) {
    connections_.end_idle();
    if (connections_.count() == 0 || clock_.steady() >= *ending_) event_base_loopbreak(base_);
    return;
  }
  if (connections_.count() < how_.max_connections) accept_again();
  library_.refresh(/*everything=*/false);
  if (tls_) tls_->refresh(/*always=*/false);
}

} // namespace landfall::server
