// landfall-server: the portable bootstrap server.
#include "base/log.hpp"
#include "base/parent.hpp"
#include "base/service_notify.hpp"
#include "base/signals.hpp"
#include "server/obfs4_identity.hpp"
#include "server/onion.hpp"
#include "server/options.hpp"
#include "server/process.hpp"
#include "server/seed.hpp"
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
/// "bridge": the line to hand out, with --onion also "onion": the address.
void tell_ready(const server::service& service, const server::onion_publisher* onion) {
  boost::json::array where;
  for (const auto& one : service.listening_at()) where.emplace_back(one);
  boost::json::object ready{{"listening", where}};
  if (auto bridge = service.bridge_line(); !bridge.empty()) ready.emplace("bridge", std::move(bridge));
  if (onion != nullptr) ready.emplace("onion", onion->url());
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

/// Told on stderr; the exit status.
int refuse(const base::failure& why) {
  log(level::error, "{}", why.detail);
  return why.what == base::outcome::malformed ? usage : failed;
}

base::result<void> listen(server::service& service, const server::options& options, const base::secret& seed) {
  for (const auto& where : options.listen)
    if (auto listening = service.listen(where); !listening) return listening;
  if (!options.obfs4) return {};
  auto who = server::load_obfs4_identity(options.obfs4_state, seed);
  return who ? service.listen_obfs4(*options.obfs4, std::move(*who)) : base::result<void>(who.error());
}

/// How our onion service gets published.
base::result<server::onion_publisher::settings> onion_settings(server::service& service, const server::options& options,
                                                               const base::secret& seed) {
  const auto control = server::place::parse(*options.onion);
  if (!control) return control.error();
  if (!control->is_local())
    return base::fail(base::outcome::malformed,
                      "--onion: a tor of another machine cannot reach us on loopback, and its "
                      "control port would be read on the way");
  auto key = server::load_onion_key(options.onion_key, seed);
  if (!key) return key.error();
  auto target = service.listen_onion(options.onion_listen);
  if (!target) return target.error();
  return server::onion_publisher::settings{.control = *control,
                                           .password = server::take_from_environment("LANDFALL_TOR_PASSWORD"),
                                           .key = std::move(*key),
                                           .target = std::move(*target)};
}

/// Until it is told to end. Ready once it can be found: with an onion service, when tor has taken it.
int run(event_base* base, server::service& service, std::optional<server::onion_publisher::settings> onion) {
  const server::event_ptr terminate(evsignal_new(base, SIGTERM, &on_end, &service));
  const server::event_ptr interrupt(evsignal_new(base, SIGINT, &on_end, &service));
  const server::event_ptr hangup(evsignal_new(base, SIGHUP, &on_reload, &service));
  for (auto* signal : {terminate.get(), interrupt.get(), hangup.get()}) event_add(signal, nullptr);
  service.start();
  int status = done;
  std::optional<server::onion_publisher> publisher;
  const auto first = [&](const base::result<void>& published) {
    if (published) return tell_ready(service, &*publisher);
    status = refuse(base::fail(base::outcome::proxy_failed, "--onion: " + published.error().detail));
    service.end();
  };
  if (onion)
    publisher.emplace(base, std::move(*onion), base::system_clock(), first);
  else
    tell_ready(service, nullptr);
  event_base_dispatch(base);
  base::hold_ending_signals();
  base::notify_service("STOPPING=1");
  return status;
}

int serve(server::options options, server::library content, std::optional<server::tls> secure) {
  const auto base = make_loop();
  if (!base) return failed;
  const auto descriptors = server::raise_descriptor_limit() - spare_descriptors;
  const auto connections = std::min(options.max_connections, options.relay ? descriptors / 2 : descriptors);
  server::service service(
      base.get(),
      {.who = {.secret = options.secret.reveal(), .hosts = options.hosts},
       .max_connections = connections,
       .request_timeout = options.request_timeout,
       .relay = options.relay ? std::optional<server::relays::settings>({.lab = options.relay_private}) : std::nullopt},
      std::move(content), std::move(secure), base::system_clock());
  const auto seed = server::take_seed();
  if (!seed) return refuse(seed.error());
  if (const auto listening = listen(service, options, *seed); !listening) return refuse(listening.error());
  std::optional<server::onion_publisher::settings> onion;
  if (options.onion) {
    auto settings = onion_settings(service, options, *seed);
    if (!settings) return refuse(settings.error());
    onion = std::move(*settings);
  }
  return run(base.get(), service, std::move(onion));
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
