#pragma once
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/tokenizer.h"

/// Conversations as Llama 3's chat template writes them.
namespace timbre::tokenizer {

struct Message {
  std::string role;  ///< "system" (the first alone goes into the system block), "user", "assistant"
  std::string content;
};

enum class ChatEnd {
  closed,                  ///< every message ends with <|eot_id|>: for training
  continue_final_message,  ///< the text ends with the last message's content: a model goes on with it
  generation_prompt        ///< closed, and the header of an answer behind it
};

/// What the template writes where nobody says the date. The reference writes the day it runs.
inline constexpr const char* kTemplateDate = "26 Jul 2024";

/// The text of a conversation, with <|begin_of_text|> before it: encode it without add_bos. White space around contents
/// is trimmed; the system block with the date is always there. `date` is written as it is ("05 Mar 2025" in the
/// reference). Throws UsageError for no messages and for roles that the template gives another meaning (tool, ipython).
std::string render_chat(std::span<const Message> messages, ChatEnd end, std::string_view date = kTemplateDate);

/// The same with the tokenizer's own bos token. Throws DataError for a tokenizer whose chat template is not Llama 3's.
std::string render_chat(const Tokenizer& tokenizer, std::span<const Message> messages, ChatEnd end,
                        std::string_view date = kTemplateDate);

/// Throws DataError, naming `where` and the first words nobody here writes, for a template that is not
/// Llama 3.1's, 3.2's or 3.3's or a shorter one that writes the same texts. "" is Llama's.
void check_chat_template(std::string_view chat_template, const std::string& where);

}  // namespace timbre::tokenizer
