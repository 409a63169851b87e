#include "fetch/digest.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/plugin.h"
#include "fetch/fetch_plugin_abi.h"

namespace timbre::fetch {

namespace {

struct Library {
  TimbreFetchDigestNew* start;
  TimbreFetchDigestAdd* add;
  TimbreFetchDigestEnd* end;
};

const Library& library() {
  static const Plugin plugin("fetch", "libcurl (downloads)", "libcurl4-openssl-dev libssl-dev");
  static const Library functions{plugin.find<TimbreFetchDigestNew>("timbre_fetch_digest_new"),
                                 plugin.find<TimbreFetchDigestAdd>("timbre_fetch_digest_add"),
                                 plugin.find<TimbreFetchDigestEnd>("timbre_fetch_digest_end")};
  return functions;
}

}  // namespace

Digests::Digests(std::vector<std::string> names) : names_(std::move(names)) { open(); }

Digests::~Digests() { close(); }

void Digests::open() {
  for (const std::string& name : names_) {
    void* digest = library().start(name.c_str());
    if (!digest) {
      close();
      throw SystemError(fmt::format("libcrypto has no {} here", name), "check the system's OpenSSL configuration");
    }
    running_.push_back(digest);
  }
}

void Digests::close() {
  for (void* digest : running_) library().end(digest, nullptr);
  running_.clear();
}

void Digests::add(std::string_view bytes) {
  for (void* digest : running_)
    if (library().add(digest, bytes.data(), bytes.size()) != 0) throw SystemError("libcrypto could not go on hashing");
}

void Digests::restart() {
  close();
  open();
}

std::map<std::string, std::string> Digests::finish() {
  std::map<std::string, std::string> values;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    char hex[129] = "";
    library().end(running_[i], hex);
    values[names_[i]] = hex;
  }
  running_.clear();
  return values;
}

void add_file(Digests& digests, const std::filesystem::path& path, std::int64_t bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string block(1 << 20, '\0');
  std::int64_t left = bytes;
  while (in && left != 0) {
    const auto want = left < 0 ? std::int64_t(block.size()) : std::min<std::int64_t>(left, std::int64_t(block.size()));
    in.read(block.data(), want);
    if (in.gcount() == 0) break;
    digests.add(std::string_view(block).substr(0, static_cast<std::size_t>(in.gcount())));
    if (left > 0) left -= in.gcount();
  }
  if (in.bad() || (!in && !in.eof()) || left > 0)
    throw SystemError(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
}

}  // namespace timbre::fetch
