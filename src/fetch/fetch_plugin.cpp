// libcurl and libcrypto behind plain C, loaded when something is downloaded.
#include <curl/curl.h>
#include <openssl/evp.h>

#include <strings.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "fetch/fetch_plugin_abi.h"

namespace {

/// One GET: collects the header lines of each answer on the way, and hands over the last one's.
struct Call {
  const TimbreHttpGet* get = nullptr;
  CURL* curl = nullptr;
  std::string etag, last_modified, content_range;
  int64_t length = -1, retry_after = -1;
  bool head_told = false, stopped = false;

  void forget() {
    etag.clear(), last_modified.clear(), content_range.clear();
    length = retry_after = -1;
  }

  /// False when the taker wants no more.
  bool tell_head() {
    if (head_told) return !stopped;
    head_told = true;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    TimbreHttpHead head{static_cast<int>(status), 0, length, retry_after, etag.c_str(), last_modified.c_str()};
    long long first = 0, last = 0, total = -1;
    if (status == 206) {
      head.total = -1;
      if (std::sscanf(content_range.c_str(), "bytes %lld-%lld/%lld", &first, &last, &total) >= 2) {
        head.first = first;
        head.total = total;
      }
    } else if (status == 416) {
      head.total = std::sscanf(content_range.c_str(), "bytes */%lld", &total) == 1 ? total : -1;
    }
    stopped = get->on_head(get->context, &head) != 0;
    return !stopped;
  }
};

std::string value_of(const std::string& line) {
  const std::size_t from = line.find_first_not_of(" \t", line.find(':') + 1);
  const std::size_t to = line.find_last_not_of(" \t\r\n");
  return from == std::string::npos || to < from ? "" : line.substr(from, to - from + 1);
}

size_t take_header(char* bytes, size_t size, size_t count, void* context) {
  Call& call = *static_cast<Call*>(context);
  const std::string line(bytes, size * count);
  auto is = [&](const char* name) { return ::strncasecmp(line.c_str(), name, std::strlen(name)) == 0; };
  if (is("HTTP/")) call.forget();  // a redirect's or a proxy's lines are not the file's
  if (is("etag:")) call.etag = value_of(line);
  if (is("last-modified:")) call.last_modified = value_of(line);
  if (is("content-range:")) call.content_range = value_of(line);
  if (is("content-length:")) call.length = std::atoll(value_of(line).c_str());
  if (is("retry-after:") && std::isdigit(static_cast<unsigned char>((value_of(line) + "x")[0])))
    call.retry_after = std::atoll(value_of(line).c_str());
  return size * count;
}

size_t take_body(char* bytes, size_t size, size_t count, void* context) {
  Call& call = *static_cast<Call*>(context);
  const size_t total = size * count;
  if (!call.tell_head()) return 0;
  if (call.get->on_bytes(call.get->context, bytes, total) != 0) {
    call.stopped = true;
    return 0;
  }
  return total;
}

int tick(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  Call& call = *static_cast<Call*>(context);
  if (call.get->on_tick(call.get->context) == 0) return 0;
  call.stopped = true;
  return 1;
}

/// Faults that stay the same however often one tries.
bool is_lasting(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_LOGIN_DENIED:
      return true;
    default:
      return false;
  }
}

}  // namespace

extern "C" int timbre_fetch_http(const TimbreHttpGet* get, char* error, uint64_t error_bytes) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Call call;
  call.get = get;
  call.curl = ready == CURLE_OK ? curl_easy_init() : nullptr;
  if (!call.curl) {
    std::snprintf(error, error_bytes, "libcurl could not be started");
    return 2;
  }
  char detail[CURL_ERROR_SIZE] = "";
  CURL* const curl = call.curl;
  curl_easy_setopt(curl, CURLOPT_URL, get->url);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, get->agent);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  // A redirect may not lead to file:// or the like.
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(get->connect_timeout_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(get->stall_timeout_s));
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &call);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &call);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tick);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &call);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  // As the curl program does: a company's own root certificates.
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const char* file = std::getenv(name); file && *file) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, file);
      break;
    }
  curl_slist* headers = nullptr;
  if (get->first > 0) {
    const std::string range = std::to_string(get->first) + "-";
    curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
    if (*get->if_range) headers = curl_slist_append(headers, (std::string("If-Range: ") + get->if_range).c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK) call.tell_head();  // an answer without a body
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  if (call.stopped) return 3;
  if (code == CURLE_OK) return 0;
  std::snprintf(error, error_bytes, "%s", *detail ? detail : curl_easy_strerror(code));
  return is_lasting(code) ? 2 : 1;
}

extern "C" void* timbre_fetch_digest_new(const char* name) {
  const EVP_MD* method = EVP_get_digestbyname(name);
  EVP_MD_CTX* context = method ? EVP_MD_CTX_new() : nullptr;
  if (context && EVP_DigestInit_ex(context, method, nullptr) != 1) {
    EVP_MD_CTX_free(context);
    context = nullptr;
  }
  return context;
}

extern "C" int timbre_fetch_digest_add(void* digest, const void* bytes, uint64_t count) {
  return EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(digest), bytes, count) == 1 ? 0 : 1;
}

extern "C" void timbre_fetch_digest_end(void* digest, char* hex) {
  auto* context = static_cast<EVP_MD_CTX*>(digest);
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (hex) {
    *hex = 0;
    if (EVP_DigestFinal_ex(context, value, &length) == 1)
      for (unsigned i = 0; i < length; ++i) std::snprintf(hex + 2 * i, 3, "%02x", value[i]);
  }
  EVP_MD_CTX_free(context);
}
