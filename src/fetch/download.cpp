#include "fetch/download.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/plugin.h"
#include "base/strings.h"
#include "fetch/digest.h"
#include "fetch/fetch_plugin_abi.h"
#include "fetch/part_file.h"

namespace timbre::fetch {

config::Fields fields(DownloadOptions& o) {
  config::Fields f;
  f.add("retries", o.retries, "how often a broken connection is tried again without getting any further")
      .range(0, 1000);
  f.add("backoff_s", o.backoff_s, "seconds before the first of these tries; doubled for each further one, up to 60")
      .range(0, 60);
  f.add("connect_timeout_s", o.connect_timeout_s, "seconds until a server must answer").range(1, 3600);
  f.add("stall_timeout_s", o.stall_timeout_s, "seconds without a byte after which a connection counts as broken")
      .range(1, 3600);
  return f;
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongestWait_s = 60;
constexpr std::int64_t kLongestRetryAfter_s = 300;

TimbreFetchHttp* http() {
  static const Plugin plugin("fetch", "libcurl (downloads)", "libcurl4-openssl-dev libssl-dev");
  static TimbreFetchHttp* const function = plugin.find<TimbreFetchHttp>("timbre_fetch_http");
  return function;
}

/// What to do about a connection that cannot be had, from what libcurl says.
std::string advice(const std::string& said) {
  const std::string low = ascii_lower(said);
  auto has = [&](const char* word) { return low.find(word) != std::string::npos; };
  if (has("certificate"))
    return "install ca-certificates and set the clock; behind a proxy with its own root certificate: "
           "SSL_CERT_FILE=/path/to/roots.pem timbre get …";
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"})
    if (const char* proxy = std::getenv(name); proxy && *proxy)
      return fmt::format("is the proxy right? {}={} (unset it to go without)", name, proxy);
  if (has("resolve host")) return "check the network connection; behind a proxy: export https_proxy=http://HOST:PORT";
  return "try again later: what has arrived is kept; or give another address with --url";
}

std::string name_of(const fs::path& to) { return to.filename().string(); }

/// Checks size and published hashes; "" or what is wrong.
std::string fault_of(const Source& source, std::int64_t bytes, const std::map<std::string, std::string>& hashes) {
  if (source.bytes >= 0 && bytes != source.bytes) return fmt::format("has {} bytes, expected {}", bytes, source.bytes);
  if (!source.sha256.empty() && hashes.at("sha256") != ascii_lower(source.sha256))
    return fmt::format("has the SHA-256 {}, expected {}", hashes.at("sha256"), source.sha256);
  if (!source.md5.empty() && hashes.at("md5") != ascii_lower(source.md5))
    return fmt::format("has the MD5 {}, expected {}", hashes.at("md5"), source.md5);
  return {};
}

std::vector<std::string> wanted_hashes(const Source& source) {
  return source.md5.empty() ? std::vector<std::string>{"sha256"} : std::vector<std::string>{"sha256", "md5"};
}

class Transfer {
 public:
  Transfer(const Source& source, const fs::path& to, const DownloadOptions& options, const EventSink& events,
           const std::atomic<bool>* stop)
      : source_(source),
        to_(to),
        options_(options),
        events_(events),
        stop_(stop),
        part_(to),
        digests_(wanted_hashes(source)) {}

  Downloaded run() {
    furthest_ = result_.resumed_from = part_.size();
    if (part_.size() > 0) log::note(fmt::format("{}: {} of an earlier call are there", name_of(to_), shown()));
    add_file(digests_, part_.path(), part_.size());
    for (const std::string& url : source_.urls)
      if (fetch_from(url)) return finish(url);
    std::string said;
    for (const std::string& line : faults_) said += "\n  " + line;
    throw SystemError(fmt::format("{} cannot be fetched:{}", name_of(to_), said), advice(said));
  }

 private:
  enum class Outcome { done, again, never };

  std::string shown() const { return human_bytes(static_cast<double>(part_.size())); }
  bool has_hash() const { return !source_.sha256.empty() || !source_.md5.empty(); }

  /// One address, until it is done or hopeless.
  bool fetch_from(const std::string& url) {
    for (std::int64_t failures = 0;;) {
      const Outcome outcome = attempt(url);
      if (outcome == Outcome::done) return true;
      if (outcome == Outcome::again && part_.size() > furthest_) failures = 0;
      furthest_ = std::max(furthest_, part_.size());
      if (outcome == Outcome::never || failures >= options_.retries) {
        faults_.push_back(fmt::format("{}: {}", url, said_));
        return false;
      }
      ++failures;
      ++result_.retries;
      double wait_s = std::min(kLongestWait_s, options_.backoff_s * std::exp2(static_cast<double>(failures - 1)));
      if (retry_after_ > 0)
        wait_s = std::max(wait_s, static_cast<double>(std::min(retry_after_, kLongestRetryAfter_s)));
      log::note(fmt::format("{}: {}; trying again in {}", name_of(to_), said_, human_seconds(wait_s)));
      sleep(wait_s);
    }
  }

  void sleep(double seconds) {
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end) {
      refuse_stopped();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void refuse_stopped() const {
    if (stop_ && *stop_)
      throw SystemError(fmt::format("{}: stopped; the {} that came are kept", name_of(to_), shown()),
                        "call the same command again to go on");
  }

  void restart(const std::string& why) {
    if (part_.size() > 0) log::note(fmt::format("{}: {}; starting anew", name_of(to_), why));
    part_.truncate();
    digests_.restart();
    result_.resumed_from = 0;
  }

  bool is_complete() const {
    const std::int64_t total = source_.bytes >= 0 ? source_.bytes : part_.origin().total;
    return total >= 0 && part_.size() == total;
  }

  Outcome attempt(const std::string& url) {
    refuse_stopped();
    const bool same_place = part_.origin().url == url;
    const std::string validator = same_place ? part_.origin().validator() : "";
    // Without a validator only a published hash can tell that two halves belong together.
    if (part_.size() > 0 && validator.empty() && !has_hash())
      restart("nothing says that the server still has the same file");
    if (source_.bytes >= 0 && part_.size() > source_.bytes) restart("more came before than the file has");
    if (part_.size() > 0 && is_complete() && (same_place || has_hash())) return Outcome::done;
    url_ = url, said_.clear(), retry_after_ = -1, outcome_ = Outcome::again, done_ = false;
    const std::string agent = "timbre";
    TimbreHttpGet get{url.c_str(),
                      part_.size(),
                      validator.c_str(),
                      agent.c_str(),
                      options_.connect_timeout_s,
                      options_.stall_timeout_s,
                      this,
                      [](void* self, const TimbreHttpHead* head) {
                        return guarded(self, [&](Transfer& t) { return t.take_head(*head); });
                      },
                      [](void* self, const void* bytes, std::uint64_t count) {
                        return guarded(self, [&](Transfer& t) {
                          return t.take({static_cast<const char*>(bytes), static_cast<std::size_t>(count)});
                        });
                      },
                      [](void* self) {
                        auto* t = static_cast<Transfer*>(self);
                        return t->stop_ && *t->stop_ ? 1 : 0;
                      }};
    char error[512] = "";
    const int code = http()(&get, error, sizeof error);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    refuse_stopped();
    if (code == 1) said_ = error;
    if (code == 2) {
      said_ = error;
      return Outcome::never;
    }
    if (code != 0) return outcome_;
    const std::int64_t total = part_.origin().total;
    if (done_ || total < 0 || part_.size() == total) return Outcome::done;
    said_ = fmt::format("the connection ended after {} of {} bytes", part_.size(), total);
    return Outcome::again;
  }

  /// No exception may pass through libcurl.
  template <class F>
  static int guarded(void* self, F&& body) {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
      return body(transfer) ? 0 : 1;
    } catch (...) {
      transfer.thrown_ = std::current_exception();
      return 1;
    }
  }

  bool give_up(Outcome outcome, std::string said) {
    outcome_ = outcome;
    said_ = std::move(said);
    return false;
  }

  /// False = no body wanted.
  bool take_head(const TimbreHttpHead& head) {
    const PartFile::Origin before = part_.origin();
    const PartFile::Origin now{url_, head.etag, head.last_modified, head.total};
    const bool other = before.url == url_ && !before.validator().empty() && !now.validator().empty() &&
                       before.validator() != now.validator();
    retry_after_ = head.retry_after;
    if (head.status == 416) {
      if (!other && head.total >= 0 && head.total == part_.size()) {
        part_.set_origin(now);
        done_ = true;
        return true;  // its body is a page; take() drops it
      }
      restart("the server has no such range");
      return give_up(Outcome::again, "the server has no such range");
    }
    if (head.status != 200 && head.status != 206) {
      const bool passing = head.status == 408 || head.status == 425 || head.status == 429 || head.status >= 500;
      return give_up(passing ? Outcome::again : Outcome::never, fmt::format("HTTP status {}", head.status));
    }
    if (source_.bytes >= 0 && head.total >= 0 && head.total != source_.bytes)
      return give_up(Outcome::never,
                     fmt::format("the file there has {} bytes, expected {}", head.total, source_.bytes));
    if (head.status == 200) {
      restart(other ? "the file on the server has changed" : "the server cannot send the rest alone");
    } else if (other || head.first != part_.size() ||
               (before.url == url_ && before.total >= 0 && before.total != head.total)) {
      restart("the file on the server has changed");
      return give_up(Outcome::again, "the file on the server has changed");
    }
    part_.set_origin(now);
    refuse_full_disk(head.total);
    return true;
  }

  void refuse_full_disk(std::int64_t total) const {
    const std::int64_t left = total - part_.size();
    const auto free = static_cast<std::int64_t>(free_disk_bytes(to_));
    if (total >= 0 && left > free)
      throw SystemError(fmt::format("{}: {} are still to come, but {} are free on that disk", name_of(to_),
                                    human_bytes(static_cast<double>(left)), human_bytes(static_cast<double>(free))),
                        "free some space, or choose a folder on another disk with --out");
  }

  bool take(std::string_view bytes) {
    if (done_) return true;
    part_.append(bytes);
    digests_.add(bytes);
    tell_progress();
    return true;
  }

  void tell_progress() {
    const auto now = Clock::now();
    if (now - told_ < std::chrono::milliseconds(200) && !is_complete()) return;
    told_ = now;
    // Whole megabytes, as people count them.
    const auto shown_mb = [](std::int64_t bytes) { return std::round(static_cast<double>(bytes) / 1e5) / 10; };
    const std::int64_t total = part_.origin().total;
    emit_progress(events_, "get " + name_of(to_), shown_mb(part_.size()), total > 0 ? shown_mb(total) : 0, "MB");
  }

  Downloaded finish(const std::string& url) {
    const auto hashes = digests_.finish();
    result_.bytes = part_.size();
    result_.sha256 = hashes.at("sha256");
    result_.url = url;
    result_.verified = has_hash();
    if (const std::string fault = fault_of(source_, part_.size(), hashes); !fault.empty()) {
      const fs::path aside = part_.set_aside();
      throw DataError(fmt::format("{} from {} {}; it was set aside as {}", name_of(to_), url, fault, aside.string()),
                      "call the same command again to fetch it anew; if that ends alike, the server has another file "
                      "than the catalogue knows");
    }
    part_.commit();
    return result_;
  }

  const Source& source_;
  fs::path to_;
  const DownloadOptions& options_;
  const EventSink& events_;
  const std::atomic<bool>* stop_;
  PartFile part_;
  Digests digests_;
  Downloaded result_;
  std::vector<std::string> faults_;
  std::string url_, said_;
  Outcome outcome_ = Outcome::again;
  bool done_ = false;
  std::int64_t retry_after_ = -1, furthest_ = 0;
  std::exception_ptr thrown_;
  Clock::time_point told_{};
};

/// A file that is there is not fetched again if it is the published one.
std::optional<Downloaded> already_there(const Source& source, const fs::path& to) {
  std::error_code ignored;
  if (!fs::is_regular_file(to, ignored)) return std::nullopt;
  Digests digests(wanted_hashes(source));
  add_file(digests, to);
  const auto hashes = digests.finish();
  const auto bytes = static_cast<std::int64_t>(fs::file_size(to));
  const std::string fault = fault_of(source, bytes, hashes);
  if (fault.empty()) {
    Downloaded there{.bytes = bytes, .sha256 = hashes.at("sha256"), .already_there = true};
    there.verified = !source.sha256.empty() || !source.md5.empty();
    return there;
  }
  const fs::path aside = fs::path(to).concat(".corrupt");
  fs::rename(to, aside);
  log::warn(fmt::format("{} {}; it was set aside as {}", to.string(), fault, aside.string()));
  return std::nullopt;
}

}  // namespace

Downloaded download(const Source& source, const fs::path& to, const DownloadOptions& options, const EventSink& events,
                    const std::atomic<bool>* stop) {
  if (source.urls.empty()) throw UsageError(fmt::format("{}: no address is known", name_of(to)), "give one with --url");
  make_folders(to.has_parent_path() ? to.parent_path() : fs::path("."));
  if (auto there = already_there(source, to)) return *there;
  return Transfer(source, to, options, events, stop).run();
}

}  // namespace timbre::fetch
