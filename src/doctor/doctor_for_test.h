#pragma once
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "corpus/clips.h"
#include "doctor/check.h"

/// A sound corpus for tests to plant faults in.
namespace timbre::doctor {

using testing_support::MadeCorpus;
using testing_support::TempFolder;

inline CheckOptions small_corpus() {
  CheckOptions options;
  options.min_total_s = 1;
  options.min_speaker_clips = 2;
  return options;
}

class Doctor : public testing::Test {
 protected:
  CheckReport examine(const CheckOptions& options = small_corpus()) {
    return check_corpus(made.publish(), options, no_events());
  }
  static std::set<std::string> rules(const CheckReport& report) {
    std::set<std::string> names;
    for (const Finding& f : report.findings) names.insert(f.rule);
    return names;
  }
  /// The only finding is `rule`, once, on `id`, with `detail` in its example.
  void expect_only(const std::string& rule, const std::string& id, const std::string& detail,
                   Severity severity = Severity::warning, const CheckOptions& options = small_corpus()) {
    CheckReport report = examine(options);
    ASSERT_THAT(rules(report), testing::ElementsAre(rule));
    const Finding& f = report.findings[0];
    EXPECT_EQ(f.count, 1);
    EXPECT_EQ(f.severity, severity);
    EXPECT_EQ(report.fatal(), severity == Severity::fatal);
    ASSERT_EQ(f.worst.size(), 1u);
    EXPECT_EQ(f.worst[0].id, id);
    EXPECT_THAT(f.worst[0].detail, testing::HasSubstr(detail));
    EXPECT_FALSE(f.remedy.empty());
  }
  TempFolder dir;
  MadeCorpus made{dir.path()};
};

}  // namespace timbre::doctor
