#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Texts ↔ token ids of Llama-kind language models: byte-level BPE with added tokens, as Hugging Face's `tokenizers`
/// reads it from a tokenizer.json. No LibTorch.
namespace timbre::tokenizer {

/// A token beside the model's vocabulary: cut out of a text before anything else.
struct AddedToken {
  std::string content;
  std::int32_t id = -1;    ///< -1: the next free one
  bool lstrip = false;     ///< takes the white space before it with it
  bool rstrip = false;     ///< and what is behind it
  bool normalized = true;  ///< searched in what the tokens that are not have left
  bool special = false;    ///< left out by Decoding::skip_special
};

/// Code points [begin, end) of a text.
struct CodePoints {
  std::int32_t begin = 0, end = 0;
  bool operator==(const CodePoints&) const = default;
};

/// Ids with the part of the text each stands for. The bytes of one character that lie in several tokens all give that
/// character.
struct Encoded {
  std::vector<std::int32_t> ids;
  std::vector<CodePoints> places;
};

struct Encoding {
  /// Adds what the file's post-processor adds around a text: Llama's <|begin_of_text|>. A chat's text has it already.
  bool add_bos = false;
};

struct Decoding {
  bool skip_special = false;  ///< without the special tokens (speech and Llasa's own tokens are not special)
  /// Without the blank before . ? ! , and in " n't", " 'm" …: what transformers does by default where
  /// tokenizer_config.json says clean_up_tokenization_spaces. Speech needs it never.
  bool clean_up = false;
};

/// One tokenizer. Reading and adding tokens change it; everything const may run in several threads at once.
class Tokenizer {
 public:
  /// Reads a folder (tokenizer.json, and beside it tokenizer_config.json, special_tokens_map.json and
  /// chat_template.jinja where they are) or a tokenizer.json. Throws SystemError when it cannot be read, DataError
  /// naming file and field for what is no byte-level BPE in Llama's manner.
  static Tokenizer read(const std::filesystem::path& folder_or_file);
  /// The same of a tokenizer.json's text; `where` names it in errors.
  static Tokenizer parse(std::string_view tokenizer_json, const std::string& where);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of a UTF-8 text. Throws DataError where it is no UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, const Encoding& how = {}) const;
  Encoded encode_with_places(std::string_view text, const Encoding& how = {}) const;
  /// The text of ids: their bytes joined; each longest run of bytes that is no UTF-8 becomes U+FFFD. Throws DataError
  /// for an id that has no token.
  std::string decode(std::span<const std::int32_t> ids, const Decoding& how = {}) const;

  /// A token by the spelling of the file (a blank is Ġ; added tokens as they are).
  std::optional<std::int32_t> id_of(std::string_view token) const;
  /// Throws DataError naming the file when there is none.
  std::int32_t need_id(std::string_view token) const;
  /// The file's spelling. Throws DataError for an id that has no token.
  std::string token(std::int32_t id) const;
  /// The largest id + 1: the least number of rows of an embedding.
  std::int32_t size() const;
  /// Tokens of the model, without the added ones.
  std::int32_t vocabulary_size() const;
  std::int64_t merge_count() const;
  /// Tokens of the model that merging never makes, so that only whole stretches give them (ignore_merges). Looks
  /// through the whole vocabulary.
  std::vector<std::int32_t> tokens_beyond_merges() const;
  /// In the order of their ids.
  const std::vector<AddedToken>& added_tokens() const;
  /// Throws DataError naming the place for an id below 0, not below size(), or without a token.
  void check_ids(std::span<const std::int32_t> ids, const std::string& where) const;

  /// By tokenizer_config.json (else special_tokens_map.json, else the post-processor and <|eot_id|>).
  std::optional<std::int32_t> bos() const;
  std::optional<std::int32_t> eos() const;
  std::optional<std::int32_t> pad() const;
  /// clean_up_tokenization_spaces of tokenizer_config.json.
  bool cleans_up() const;
  /// The chat template beside the tokenizer; "" when there is none.
  const std::string& chat_template() const;
  /// The file it was read from.
  const std::string& where() const;

  /// Adds tokens and gives their ids. One that is there already keeps its id; new ones follow the last id, as
  /// `tokenizers` does it. An AddedToken's own id must be -1 or the one it gets. Throws UsageError for an empty one.
  std::vector<std::int32_t> add_tokens(std::span<const AddedToken> tokens);
  /// Plain tokens, neither special nor stripped: what transformers' add_tokens(list of strings) makes.
  std::vector<std::int32_t> add_tokens(const std::vector<std::string>& tokens);

  /// tokenizer.json, tokenizer_config.json, special_tokens_map.json (and chat_template.jinja where there was one),
  /// which `tokenizers` and `transformers` read with the same result. Makes the folder; throws SystemError.
  void write(const std::filesystem::path& folder) const;

 private:
  friend class Trainer;
  struct Parts;
  class Encoder;
  class Writer;
  static void must_be_utf8(std::string_view text);
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace timbre::tokenizer
