#pragma once
#include <stdint.h>

/// The border between the program and the plugin that links libcurl and libcrypto: plain C, no memory crosses it but
/// what is lent during a call.
extern "C" {

/// What a server says before it sends the body of its last answer (after redirects).
struct TimbreHttpHead {
  int status;
  int64_t first;        ///< first byte of a 206 by its Content-Range; 0 otherwise
  int64_t total;        ///< bytes of the whole file; -1 = not told
  int64_t retry_after;  ///< seconds; -1 = not told
  const char* etag;     ///< "" = none
  const char* last_modified;
};

struct TimbreHttpGet {
  const char* url;
  int64_t first;         ///< first byte wanted; 0 = the whole file
  const char* if_range;  ///< validator the range depends on; "" = none
  const char* agent;
  int64_t connect_timeout_s;
  int64_t stall_timeout_s;  ///< given up after so long with less than 1 byte/s
  void* context;
  int (*on_head)(void* context, const TimbreHttpHead* head);          ///< 0 = go on
  int (*on_bytes)(void* context, const void* bytes, uint64_t count);  ///< 0 = go on
  int (*on_tick)(void* context);                                      ///< several times a second; 0 = go on
};

/// What became of it: 0 = the answer arrived whole (whatever its status), 1 = worth another try (connection, timeout,
/// cut off), 2 = not (address, certificate, proxy), 3 = a callback said stop. `error` gets a sentence.
typedef int TimbreFetchHttp(const TimbreHttpGet* get, char* error, uint64_t error_bytes);

/// Streaming hashes. `name`: "md5", "sha256"; null when libcrypto has none of that name.
typedef void* TimbreFetchDigestNew(const char* name);
typedef int TimbreFetchDigestAdd(void* digest, const void* bytes, uint64_t count);  ///< 0 = fine
/// Frees the digest; `hex` (room for 129) gets lower-case digits, "" on failure. `hex` may be null.
typedef void TimbreFetchDigestEnd(void* digest, char* hex);
}
