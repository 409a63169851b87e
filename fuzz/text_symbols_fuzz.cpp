// folders: base config weights text
#include "fuzz/folder_input.h"
#include "text/bpe_symbols.h"
#include "text/k2_symbols.h"
#include "text/phonemizer.h"
#include "text/token_rows.h"

/// Text symbols of VALL-E's two lines: k2symbols files and tokenizers' JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  fuzz::guarded([&] {
    const text::K2Symbols symbols = text::parse_k2_symbols(content, "unique_text_tokens.k2symbols");
    fuzz::must(text::parse_k2_symbols(text::format_k2_symbols(symbols), "again") == symbols);
    const text::TokenRows rows(text::collater_rows(symbols), text::collater_policy(), "rows");
    fuzz::must(rows.symbols().size() == symbols.size() + 3);
  });
  fuzz::guarded([&] {
    const std::vector<std::string> symbols = text::parse_bpe_symbols(content, "tokenizer.json");
    for (const std::string& symbol : symbols) fuzz::must(!symbol.empty());
    (void)text::TokenRows(symbols, text::bpe_policy(), "rows");
  });
  (void)text::phonemized_tokens(content);
  return 0;
}
