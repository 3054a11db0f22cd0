#include "server/options.hpp"

#include "base/file.hpp"
#include "base/log.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <optional>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

constexpr std::size_t longest_secret = 128;
constexpr std::size_t guessable = 16; // 16 characters of hex are 64 bits: beyond any guessing over a network
constexpr int usage = 2;

constexpr const char* description =
    "Serves signed documents of Landfall under a secret path, and a decoy site to everybody else.\n"
    "Ready when it prints {\"listening\":[...]} on stdout. SIGHUP reads folders and certificate again (changes are "
    "also\n"
    "noticed by themselves), SIGTERM ends it within a second.";

struct texts {
  std::string documents, decoy, secret, secret_file, certificate, key, obfs4, obfs4_state, onion, onion_key;
};

/// One segment of a path, in characters that nothing on the way rewrites.
bool good_secret(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '~';
  };
  return !text.empty() && text.size() <= longest_secret && std::all_of(text.begin(), text.end(), plain);
}

base::result<std::string> read_secret_file(const std::string& path) {
  std::string out;
  if (path == "-") {
    for (char c = 0; out.size() <= longest_secret + 1 && std::cin.get(c);) out += c;
  } else {
    auto read = base::read_file(path, longest_secret + 2);
    if (!read) return read.error();
    out = std::move(*read);
  }
  while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
  return out;
}

std::optional<std::filesystem::path> path_of(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::filesystem::path>(text);
}

base::result<void> complete(options& out, const texts& in) {
  out.documents = path_of(in.documents);
  out.decoy = path_of(in.decoy);
  out.tls_certificate = path_of(in.certificate);
  out.tls_key = path_of(in.key);
  auto secret = in.secret_file.empty() ? base::result<std::string>(in.secret) : read_secret_file(in.secret_file);
  if (!secret) return secret.error();
  const bool given = !in.secret.empty() || !in.secret_file.empty();
  if (!in.obfs4.empty()) out.obfs4 = in.obfs4;
  out.obfs4_state = path_of(in.obfs4_state);
  if (!in.onion.empty()) out.onion = in.onion;
  out.onion_key = path_of(in.onion_key);
  const bool hidden = out.obfs4 || out.onion;
  if (out.relay && !(hidden && out.documents))
    return fail(outcome::malformed, "--relay needs --obfs4 or --onion, and --documents that name the peers");
  if (out.listen.empty() && !hidden) return fail(outcome::malformed, "--listen, --obfs4 or --onion is needed");
  if (given && !out.documents) return fail(outcome::malformed, "a secret needs --documents");
  if (out.documents && !given && !(hidden && out.listen.empty()))
    return fail(outcome::malformed, "--documents at --listen need a secret (--secret-file, --secret)");
  if (given && !good_secret(*secret))
    return fail(outcome::malformed,
                fmt::format("the secret must be 1 to {} letters, digits, '-', '_' or '~'", longest_secret));
  if (given && secret->size() < guessable)
    base::log(base::level::warning,
              "the secret has fewer than {} characters and can be guessed; take: openssl rand -hex 16", guessable);
  out.secret = base::secret(std::move(*secret));
  for (auto& host : out.hosts)
    std::transform(host.begin(), host.end(), host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return {};
}

void declare_hidden(CLI::App& app, options& out, texts& in) {
  auto* onion = app.add_option("--onion", in.onion,
                               "be an onion service, published through the control port of a tor of this machine; "
                               "LANDFALL_TOR_PASSWORD where it asks for a password")
                    ->type_name("ADDRESS:PORT|unix:PATH");
  app.add_option("--onion-key", in.onion_key,
                 "file with its key, made if missing; without it LANDFALL_SERVER_SEED gives it")
      ->type_name("FILE")
      ->needs(onion);
  app.add_option("--onion-listen", out.onion_listen, "where that tor connects to; a Unix socket keeps other users out")
      ->type_name("ADDRESS:PORT|unix:PATH")
      ->default_val("127.0.0.1:0")
      ->needs(onion);
  auto* relay = app.add_flag("--relay", out.relay,
                             "behind obfs4 and onion: HTTP CONNECT to the peers of the lists in --documents");
  app.add_flag("--relay-private", out.relay_private, "also to those with private or loopback addresses: laboratories")
      ->needs(relay);
}

void declare(CLI::App& app, options& out, texts& in, int& timeout) {
  app.set_version_flag("--version", "landfall-server " LANDFALL_VERSION);
  app.add_option("--documents", in.documents, "folder of signed documents, as `landfall publish dir` writes it")
      ->type_name("DIR");
  app.add_option("--decoy", in.decoy, "folder of the site that strangers see; without it they see 404")
      ->type_name("DIR");
  auto* file = app.add_option("--secret-file", in.secret_file,
                              "file that holds the secret first segment of the documents' path; - is stdin")
                   ->type_name("FILE");
  app.add_option("--secret", in.secret,
                 "the same as an argument: everybody on this machine can read it in the process list")
      ->type_name("TEXT")
      ->excludes(file);
  app.add_option("--host", out.hosts, "serve documents under this Host only; other hosts see the decoy (repeatable)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--listen", out.listen, "where to listen; port 0 is any free one (repeatable)")
      ->type_name("ADDRESS:PORT|unix:PATH")
      ->allow_extra_args(false);
  auto* obfs4 = app.add_option("--obfs4", in.obfs4,
                               "serve documents at / to those who know the bridge, over obfs4; to others it is silent")
                    ->type_name("ADDRESS:PORT");
  app.add_option("--obfs4-state", in.obfs4_state,
                 "file with the bridge's identity, made if missing; without it LANDFALL_SERVER_SEED gives it")
      ->type_name("FILE")
      ->needs(obfs4);
  declare_hidden(app, out, in);
  auto* key = app.add_option("--tls-key", in.key, "its private key, PEM, without a passphrase")->type_name("FILE");
  auto* certificate =
      app.add_option("--tls-cert", in.certificate, "certificate with its chain, PEM: all TCP listeners then speak TLS")
          ->type_name("FILE");
  key->needs(certificate);
  certificate->needs(key);
  app.add_option("--max-connections", out.max_connections, "connections at a time; more wait")
      ->type_name("N")
      ->default_val(4096)
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--request-timeout", timeout, "seconds for a whole request, TLS handshake and idleness included")
      ->type_name("S")
      ->default_val(60)
      ->check(CLI::Range(1, 3600));
  app.add_flag("--exit-with-parent", out.exit_with_parent, "end when the process that started this one ends");
}
} // namespace

std::variant<options, int> read_options(int argc, const char* const* argv) {
  CLI::App app{description, "landfall-server"};
  options out;
  texts in;
  int timeout = 0;
  declare(app, out, in, timeout);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : usage;
  }
  out.request_timeout = std::chrono::seconds(timeout);
  if (auto good = complete(out, in); !good) {
    base::log(base::level::error, "{}; see --help", good.error().detail);
    return usage;
  }
  return out;
}

} // namespace landfall::server
