#include "tokenizer/chat.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tokenizer/tokenizer_for_test.h"

namespace timbre::tokenizer {
namespace {

const std::string kSystem =
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: "
    "26 Jul 2024\n\n";

const std::vector<Message> kTurn = {{"user", " Convert \n"}, {"assistant", "\x1C<|X|> "}};

TEST(Chat, WritesTheThreeEnds) {
  const std::string turn = kSystem +
                           "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nConvert<|eot_id|>"
                           "<|start_header_id|>assistant<|end_header_id|>\n\n<|X|>";
  EXPECT_EQ(render_chat(kTurn, ChatEnd::continue_final_message), turn);
  EXPECT_EQ(render_chat(kTurn, ChatEnd::closed), turn + "<|eot_id|>");
  EXPECT_EQ(render_chat(kTurn, ChatEnd::generation_prompt),
            turn + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(Chat, PutsTheFirstSystemMessageIntoTheSystemBlock) {
  const std::vector<Message> chat = {{"system", " Be brief. "}, {"user", "x"}};
  EXPECT_EQ(render_chat(chat, ChatEnd::closed, "1 May"),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December "
            "2023\nToday Date: 1 May"
            "\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>");
}

TEST(Chat, AnEmptyLastMessageLosesTheNewlinesBeforeIt) {
  const std::vector<Message> chat = {{"user", "x"}, {"assistant", "  "}};
  EXPECT_TRUE(render_chat(chat, ChatEnd::continue_final_message).ends_with("assistant<|end_header_id|>"));
}

TEST(Chat, RefusesWhatTheTemplateWritesOtherwise) {
  EXPECT_THROW(render_chat(std::vector<Message>{}, ChatEnd::closed), UsageError);
  EXPECT_THROW(render_chat(std::vector<Message>{{"tool", "x"}}, ChatEnd::closed), UsageError);
}

/// A template in the manner of Llama's, with parts to exchange.
std::string jinja(const std::string& extra = "", const std::string& cut = "December 2023\\n") {
  return "{{- bos_token }}{#- a comment 'quoted #}\n{%- if not date_string is defined %}{%- set date_string = \"26 Jul "
         "2024\" %}{%- endif %}"
         "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}{{- \"Cutting Knowledge Date: " +
         cut +
         "\" }}"
         "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}{%- set system_message = \"\" %}{{- system_message }}" +
         extra +
         "{{- \"<|eot_id|>\" }}{%- for m in messages %}{{- '<|start_header_id|>' + m['role'] + "
         "'<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}"
         "{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- "
         "endif %}";
}

std::string refusal(const std::string& text) {
  try {
    check_chat_template(text, "t");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Chat, KnowsLlamasTemplateByWhatItWrites) {
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal(jinja()), "");
  EXPECT_EQ(refusal(jinja("{%- if tools %}{{- 'Environment: ipython\\n' }}{{- \"<|python_tag|>\" }}{%- endif %}")), "");
  EXPECT_NE(refusal(jinja("", "March 2025\\n")).find("Cutting Knowledge Date"), std::string::npos);
  EXPECT_NE(refusal(jinja("{{- '<|im_start|>' }}")).find("'<|im_start|>'"), std::string::npos);
  EXPECT_NE(refusal(jinja("{%- set system_message = 'You are kind.' %}")).find("You are kind."), std::string::npos);
  EXPECT_NE(refusal(jinja("Hello")).find("writes 'Hello'"), std::string::npos);
  EXPECT_NE(refusal("{% for m in messages %}{{ m['content'] }}{% endfor %}").find("<|start_header_id|>"),
            std::string::npos);
}

TEST(Chat, BeginsWithTheTokenizersOwnBos) {
  const Tokenizer tokenizer = testing_support::tiny();
  EXPECT_EQ(render_chat(tokenizer, kTurn, ChatEnd::closed), render_chat(kTurn, ChatEnd::closed));
  auto file = testing_support::tiny_json();
  file["post_processor"] = nullptr;
  const Tokenizer without = Tokenizer::parse(file.dump(), "f");
  EXPECT_THROW(render_chat(without, kTurn, ChatEnd::closed), DataError);
}

}  // namespace
}  // namespace timbre::tokenizer
