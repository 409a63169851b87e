// The part of the recogniser that links PocketSphinx, loaded on first use. Plain C at the border: numbers, strings,
// handles.
#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#include <cstring>
#include <string>

namespace {

struct Decoder {
  cmd_ln_t* config = nullptr;
  ps_decoder_t* decoder = nullptr;
  std::string heard;
};

}  // namespace

extern "C" {

/// Null when the model cannot be loaded.
void* timbre_recognizer_open(const char* acoustic_model, const char* dictionary) {
  err_set_logfp(nullptr);  // its progress report is of no use to our user
  auto* d = new Decoder;
  // Fixed seeds inside; dithering off, so the same audio always gives the same answer.
  d->config = cmd_ln_init(nullptr, ps_args(), TRUE, "-hmm", acoustic_model, "-dict", dictionary, "-dither", "no",
                          "-logfn", "/dev/null", nullptr);
  if (d->config) d->decoder = ps_init(d->config);
  if (d->decoder) return d;
  if (d->config) cmd_ln_free_r(d->config);
  delete d;
  return nullptr;
}

void timbre_recognizer_close(void* handle) {
  auto* d = static_cast<Decoder*>(handle);
  ps_free(d->decoder);
  cmd_ln_free_r(d->config);
  delete d;
}

int timbre_recognizer_knows(void* handle, const char* word) {
  char* phones = ps_lookup_word(static_cast<Decoder*>(handle)->decoder, word);
  if (!phones) return 0;
  ckd_free(phones);
  return 1;
}

/// 0 when the grammar (JSGF) was accepted.
int timbre_recognizer_grammar(void* handle, const char* jsgf) {
  auto* d = static_cast<Decoder*>(handle);
  if (ps_set_jsgf_string(d->decoder, "prompts", jsgf) != 0) return 1;
  return ps_set_search(d->decoder, "prompts") == 0 ? 0 : 1;
}

/// The sentence heard, "" for none, null on failure; valid until the next call.
const char* timbre_recognizer_hear(void* handle, const short* samples, unsigned long count) {
  auto* d = static_cast<Decoder*>(handle);
  // The running mean of the cepstra carries over from one utterance to the next; start afresh, so that order does not
  // matter.
  if (ps_start_stream(d->decoder) != 0 || ps_start_utt(d->decoder) != 0) return nullptr;
  const int processed = ps_process_raw(d->decoder, samples, count, FALSE, TRUE);
  if (ps_end_utt(d->decoder) != 0 || processed < 0) return nullptr;
  int score = 0;
  const char* text = ps_get_hyp(d->decoder, &score);
  d->heard = text ? text : "";
  return d->heard.c_str();
}
}
