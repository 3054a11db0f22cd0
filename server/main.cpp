// landfall-server: the portable bootstrap server.
#include "base/log.hpp"
#include "base/parent.hpp"
#include "base/service_notify.hpp"
#include "base/signals.hpp"
#include "server/obfs4_identity.hpp"
#include "server/options.hpp"
#include "server/process.hpp"
#include "server/service.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <csignal>
#include <cstdio>

namespace {
using namespace landfall;
using base::level;
using base::log;

enum exit_status : int { done = 0, failed = 1, usage = 2 };

// Descriptors that are no connections: listeners, folders, epoll.
constexpr std::size_t spare_descriptors = 64;

void on_end(evutil_socket_t, short, void* service) { static_cast<server::service*>(service)->end(); }
void on_reload(evutil_socket_t, short, void* service) { static_cast<server::service*>(service)->reload(); }

/// {"listening":["127.0.0.1:41234"]}, for whoever started us with port 0 or waits until we are ready; with --obfs4 also
/// "bridge": the line to hand out.
void tell_ready(const server::service& service) {
  boost::json::array where;
  for (const auto& one : service.listening_at()) where.emplace_back(one);
  boost::json::object ready{{"listening", where}};
  if (auto bridge = service.bridge_line(); !bridge.empty()) ready.emplace("bridge", std::move(bridge));
  const auto line = boost::json::serialize(ready);
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
  base::notify_service("READY=1");
}

/// libevent's loop. Its changelist spares six epoll_ctl(2) per request: evhttp switches reading and writing on and off
/// all the time. It is safe where no descriptor is duplicated, and none is here.
server::event_base_ptr make_loop() {
  event_config* how = event_config_new();
  if (how == nullptr) return nullptr;
  event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
  server::event_base_ptr base(event_base_new_with_config(how));
  event_config_free(how);
  return base;
}

/// Listens wherever the options say. The exit status when that fails.
std::optional<int> listen(server::service& service, const server::options& options) {
  auto listening = base::result<void>();
  for (const auto& where : options.listen) {
    listening = service.listen(where);
    if (!listening) break;
  }
  if (listening && options.obfs4) {
    auto who = server::load_obfs4_identity(options.obfs4_state);
    listening = who ? service.listen_obfs4(*options.obfs4, std::move(*who)) : base::result<void>(who.error());
  }
  if (listening) return std::nullopt;
  log(level::error, "{}", listening.error().detail);
  return listening.error().what == base::outcome::malformed ? usage : failed;
}

int serve(server::options options, server::library content, std::optional<server::tls> secure) {
  const auto base = make_loop();
  if (!base) return failed;
  const auto connections = std::min(options.max_connections, server::raise_descriptor_limit() - spare_descriptors);
  server::service service(base.get(),
                          {.who = {.secret = options.secret.reveal(), .hosts = options.hosts},
                           .max_connections = connections,
                           .request_timeout = options.request_timeout},
                          std::move(content), std::move(secure), base::system_clock());
  if (const auto status = listen(service, options)) return *status;
  const server::event_ptr terminate(evsignal_new(base.get(), SIGTERM, &on_end, &service));
  const server::event_ptr interrupt(evsignal_new(base.get(), SIGINT, &on_end, &service));
  const server::event_ptr hangup(evsignal_new(base.get(), SIGHUP, &on_reload, &service));
  for (auto* signal : {terminate.get(), interrupt.get(), hangup.get()}) event_add(signal, nullptr);
  service.start();
  tell_ready(service);
  event_base_dispatch(base.get());
  base::hold_ending_signals();
  base::notify_service("STOPPING=1");
  return done;
}
} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // libevent's own messages name addresses and descriptors, and nobody can act on them.
  event_set_log_callback([](int, const char*) {});
  auto read = server::read_options(argc, argv);
  if (const int* status = std::get_if<int>(&read)) return *status;
  auto options = std::move(std::get<server::options>(read));
  if (options.exit_with_parent && !base::tie_to_parent(std::nullopt)) return done;
  auto content = server::library::open(options.documents, options.decoy);
  if (!content) {
    log(level::error, "{}", content.error().detail);
    return usage;
  }
  std::optional<server::tls> secure;
  if (options.tls_certificate) {
    auto loaded = server::tls::load(*options.tls_certificate, *options.tls_key);
    if (!loaded) {
      log(level::error, "{}", loaded.error().detail);
      return usage;
    }
    secure = std::move(*loaded);
  }
  return serve(std::move(options), std::move(*content), std::move(secure));
}
