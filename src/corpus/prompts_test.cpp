#include "corpus/prompts.h"

#include <gtest/gtest.h>

namespace timbre::corpus {
namespace {

TEST(Prompts, SoundsAreNotSpeech) {
  for (const char* text :
       {"[ascending tones]", "[ tono de error ]", "(beep)", "<beep ascending>", "(10 seconds of silence)"}) {
    EXPECT_EQ(read_prompt(text).fault, "not speech") << text;
    EXPECT_EQ(read_prompt(text).text, "") << text;
  }
  EXPECT_EQ(read_prompt("  ").fault, "no text");
}

TEST(Prompts, GlossesOfSignsGo) {
  for (auto [text, said] : {std::pair("at [@]", "at"),
                            {"[!] punto esclamativo", "punto esclamativo"},
                            {"space [ ]", "space"},
                            {"spazio []", "spazio"}}) {
    Prompt prompt = read_prompt(text);
    EXPECT_EQ(prompt.text, said);
    EXPECT_EQ(prompt.fault, "");
    EXPECT_TRUE(prompt.changed);
  }
}

TEST(Prompts, UnsureTextsAreFaults) {
  EXPECT_EQ(read_prompt("Il [suo] messaggio").fault, "words in brackets may not be said");
  EXPECT_EQ(read_prompt("La conferenza ? piena.").fault, "letters were lost");
  EXPECT_EQ(read_prompt("non pu? essere completata cos? come").fault, "letters were lost");
  EXPECT_EQ(read_prompt("En que carpeta desea guardar el mensaje ?").fault, "");
  EXPECT_EQ(read_prompt("Really? Yes.").fault, "");
}

TEST(Prompts, OrdinaryTextsStay) {
  Prompt prompt = read_prompt("Logged on.  Please enter (again) your number.");
  EXPECT_EQ(prompt.text, "Logged on. Please enter (again) your number.");
  EXPECT_FALSE(prompt.changed);
}

constexpr const char* kCopyright =
    "Format: x\nSource: http://example.org/sounds/\n\n"
    "Files: *\nCopyright: 2003-2010, Ann Example\nComment: The CREDITS file:\n Recorded by:\n Ann Example "
    "(http://ann.example)\n .\n"
    "License: CC-BY-SA-3.0\n\n"
    "Files: ru-*\nCopyright: 2010, Max\nComment: CREDITS file:\n Provided by: Max Giver\nLicense: CC-BY-3.0\n\n"
    "Files: debian/*\nLicense: GPL-2+\n\nLicense: CC-BY-3.0\n THE TEXT\n .\n Files: it-*\n";

TEST(Prompts, CreditsOfALanguage) {
  Credits en = read_credits(kCopyright, "en");
  EXPECT_EQ(en.licence, "CC-BY-SA-3.0");
  EXPECT_EQ(en.recorded_by, "Ann Example");
  EXPECT_EQ(en.source, "http://example.org/sounds/");
  EXPECT_EQ(en.attribution,
            "© 2003-2010, Ann Example; recorded by Ann Example (http://ann.example); http://example.org/sounds/");
  Credits ru = read_credits(kCopyright, "ru");
  EXPECT_EQ(ru.licence, "CC-BY-3.0");
  EXPECT_EQ(ru.recorded_by, "");
  EXPECT_EQ(ru.attribution, "© 2010, Max; provided by Max Giver; http://example.org/sounds/");
  EXPECT_EQ(read_credits("nothing of the kind", "en").licence, "");
}

}  // namespace
}  // namespace timbre::corpus
