#pragma once

/// The border between the program and timbre_cld2.so: plain C.
extern "C" {
/// The language of valid UTF-8 as a code of CLD2's ("en", "zh", "zh-Hant", "un" = unknown), with the percentage of the
/// text in it. `expected` is favoured. Returns 1 when CLD2 calls the answer reliable.
typedef int TimbreGuessLanguage(const char* text, int bytes, const char* expected, char* code, int code_bytes,
                                int* percent);
}
