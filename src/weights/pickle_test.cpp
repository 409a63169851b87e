#include "weights/pickle.h"

#include <nlohmann/json.hpp>

#include "support/golden.h"
#include "weights/checkpoint_tree.h"
#include "weights/faults_for_test.h"

namespace timbre::weights {
namespace {

using planting::fault;
using testing::HasSubstr;

Value parse(const std::string& bytes) {
  const auto kept = std::make_shared<const std::vector<std::byte>>(bytes_of(bytes).begin(), bytes_of(bytes).end());
  return read_pickle({*kept, kept, "x.pkl"}).take();
}

std::string message(const std::string& bytes) {
  return fault([](const std::string& b) { parse(b); }, bytes);
}

/// Bytes with the zeros that a C string would end at.
template <std::size_t N>
std::string raw(const char (&text)[N]) {
  return {text, N - 1};
}

std::string json(const std::string& bytes) { return to_json(parse(bytes)).dump(); }

TEST(Pickle, ReadsEveryOpcodeOfNumbersAndTexts) {
  EXPECT_EQ(json("N."), "null");
  EXPECT_EQ(json("\x80\x02\x88."), "true");
  EXPECT_EQ(json("I01\n."), "true");
  EXPECT_EQ(json("I-12\n."), "-12");
  EXPECT_EQ(json(raw("J\xff\xff\xff\xff.")), "-1");
  EXPECT_EQ(json(raw("M\x01\x02.")), "513");
  EXPECT_EQ(json("K\xc8."), "200");
  EXPECT_EQ(json("L99L\n."), "99");
  EXPECT_EQ(json(raw("\x8a\x00.")), "0");
  EXPECT_EQ(json(raw("\x8a\x02\x00\xff.")), "-256");
  EXPECT_EQ(json(raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.")), "\"18446744073709551616\"");
  EXPECT_EQ(json(raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff.")), "\"-18446744073709551616\"");
  EXPECT_EQ(json(raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.")), "\"9223372036854775808\"");
  EXPECT_EQ(json(raw("\x8b\x01\x00\x00\x00\x05.")), "5");
  EXPECT_EQ(json("F1.5\n."), "1.5");
  EXPECT_EQ(json(raw("G\x3f\xf8\x00\x00\x00\x00\x00\x00.")), "1.5");
  EXPECT_EQ(json("S'a\\n\\x41\\'q'\n."), "\"a\\nA'q\"");
  EXPECT_EQ(json("Va\\u00e9\xe9\n."), "\"aéé\"");
  EXPECT_EQ(json(raw("X\x02\x00\x00\x00hi.")), "\"hi\"");
  EXPECT_EQ(json("\x8c\x02hi."), "\"hi\"");
  EXPECT_EQ(parse("C\x02hi.").as_bytes(), "hi");
}

TEST(Pickle, BuildsContainers) {
  EXPECT_EQ(json("(K\x01K\x02t."), "[1,2]");
  EXPECT_EQ(json("](K\x01K\x02\x65."), "[1,2]");
  EXPECT_EQ(json("]K\x01\x61."), "[1]");
  EXPECT_EQ(json("(K\x01l."), "[1]");
  EXPECT_EQ(json("(U\x01kK\x01\x64."), R"({"k":1})");
  EXPECT_EQ(json("}U\x01kK\x01s."), R"({"k":1})");
  EXPECT_EQ(json("}(U\x01kK\x01K\x07Nu."), R"({"k":1,"7":null})");
  EXPECT_EQ(parse("\x8f(K\x01\x90.").kind(), Value::Kind::set);
  EXPECT_EQ(json("K\x01K\x02K\x03\x87."), "[1,2,3]");
  EXPECT_EQ(json("K\x01K\x02\x30."), "1");
  EXPECT_EQ(json("(K\x01\x31N."), "null");
  EXPECT_EQ(json("K\x01\x32\x86."), "[1,1]");
}

TEST(Pickle, RemembersAndSharesObjects) {
  const Value both = parse(raw("]q\x00h\x00\x86."));
  EXPECT_EQ(both.as_list()[0].identity(), both.as_list()[1].identity());
  EXPECT_EQ(json("K\x05p3\n0g3\n."), "5");
  EXPECT_EQ(json("K\x05\x94\x30h" + std::string(1, '\0') + "."), "5");
  EXPECT_THAT(message("h\x07."), HasSubstr("memo number 7 was never given"));
  EXPECT_EQ(json(raw("K\x05r\xff\xff\xff\x7f\x30j\xff\xff\xff\x7f.")), "5");  // no table of 2^31 entries
}

TEST(Pickle, UnderstandsTheStandardLibrarysContainers) {
  const Value ordered = parse("ccollections\nOrderedDict\n)R(U\x01kK\x01u.");
  EXPECT_TRUE(ordered.is_ordered_dict());
  EXPECT_EQ(ordered.at("k").as_int(), 1);
  EXPECT_EQ(json("ccollections\nOrderedDict\n(((U\x01kK\x01lltR."), R"({"k":1})");  // Python 2
  EXPECT_EQ(parse("c_codecs\nencode\n(V\\u00ff\nU\x06latin1tR.").as_bytes(), "\xff");
  EXPECT_EQ(parse("c__builtin__\nset\n(](K\x01\x65tR.").kind(), Value::Kind::set);
  EXPECT_EQ(parse("c__builtin__\ncomplex\n(F1.5\nF2\ntR.").as_complex(), std::pair(1.5, 2.0));
  EXPECT_EQ(json("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(U\x01kK\x01u."), R"({"k":1})");
}

TEST(Pickle, KeepsUnknownObjectsAsData) {
  const Value namespace_value = parse(raw("cargparse\nNamespace\n)\x81}U\x03hopM\x00\x01s\x62."));
  EXPECT_EQ(namespace_value.as_opaque().class_name, "argparse.Namespace");
  EXPECT_EQ(namespace_value.as_opaque().state->at("hop").as_int(), 256);
  const Value call = parse("cposix\nsystem\n(S'echo'\ntR.");
  EXPECT_EQ(call.as_opaque().class_name, "posix.system");
  EXPECT_EQ(call.as_opaque().arguments->as_list()[0].as_text(), "echo");
  EXPECT_EQ(opaque_classes(parse("(ca\nB\nca\nB\n)Rt.")).size(), 1u);
  std::vector<std::string> replaced;
  EXPECT_EQ(to_json(plain_data(namespace_value, replaced)).dump(), R"({"hop":256})");
  EXPECT_EQ(replaced.size(), 1u);
}

TEST(Pickle, AnObjectInItselfIsCut) {
  const Value loop = parse(raw("]q\x00h\x00\x61."));
  EXPECT_EQ(loop.as_list()[0].as_opaque().class_name, "(itself)");
}

TEST(PickleFaults, AreNamed) {
  EXPECT_THAT(message(""), HasSubstr("x.pkl: byte 0: the next pickle opcode"));
  EXPECT_THAT(message("K\x01"), HasSubstr("opcode"));
  EXPECT_THAT(message("\x80\x09."), HasSubstr("protocol 9"));
  EXPECT_THAT(message("\xee."), HasSubstr("unknown opcode 0xee"));
  EXPECT_THAT(message("."), HasSubstr("0 values"));
  EXPECT_THAT(message("NN."), HasSubstr("2 values"));
  EXPECT_THAT(message("(N."), HasSubstr("marks are left over"));
  EXPECT_THAT(message("N(\x85."), HasSubstr("empty stack"));
  EXPECT_THAT(message("e."), HasSubstr("no mark"));
  EXPECT_THAT(message("K\x01N\x61."), HasSubstr("appends to what is no list: integer"));
  EXPECT_THAT(message("](K\x01u."), HasSubstr("key without a value"));
  EXPECT_THAT(message("K\x01)R."), HasSubstr("calls what is no class: integer"));
  EXPECT_THAT(message("Uxyz."), HasSubstr("a text needs 120 bytes, the file has 3 left"));
  EXPECT_THAT(message("\x82\x01."), HasSubstr("extension codes"));
  EXPECT_THAT(message("\x97."), HasSubstr("buffer outside"));
  EXPECT_THAT(message("U\x03"
                      "abcQ."),
              HasSubstr("outside of the pickle"));
  EXPECT_THAT(message("}(U\x01kNU\x01kNu."), HasSubstr("the key 'k' is given twice"));
  EXPECT_THAT(message("}(K\x01NK\x01Nu."), HasSubstr("the key 1 is given twice"));
}

TEST(PickleFaults, HugeDeclaredSizesAllocateNothing) {
  EXPECT_THAT(message(raw("X\xff\xff\xff\xff.")), HasSubstr("needs 4294967295 bytes"));
  EXPECT_THAT(message(raw("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.")), HasSubstr("needs 18446744073709551615 bytes"));
  EXPECT_THAT(message(raw("\x95\xff\xff\xff\xff\xff\xff\xff\x7f.")), HasSubstr("a frame of"));
  EXPECT_THAT(message(raw("T\xff\xff\xff\xff.")), HasSubstr("a text of -1 bytes"));
  EXPECT_THAT(message("\x8b" + raw("\x00\x08\x00\x00") + std::string(2048, '\1') + "."),
              HasSubstr("an integer of 2048 bytes"));
}

TEST(PickleFaults, DepthIsBounded) {
  const int deep = Value::kMaxDepth + 1;
  EXPECT_EQ(parse(std::string(100, ']') + std::string(99, 'a') + ".").kind(), Value::Kind::list);
  EXPECT_THAT(message(std::string(deep, ']') + std::string(deep - 1, 'a') + "."), HasSubstr("levels deep"));
  const int very_deep = 300'000;  // would overflow the stack of a recursive reader or destructor
  EXPECT_THAT(message(std::string(very_deep, ']') + std::string(very_deep - 1, 'a') + "."),
              testing::AnyOf(HasSubstr("levels deep"), HasSubstr("far more memory")));
  EXPECT_THAT(message("N" + std::string(very_deep, '\x85') + "."),
              testing::AnyOf(HasSubstr("levels deep"), HasSubstr("far more memory")));
  // Deep, but dropped before the end: must be freed without recursion.
  std::string dropped;
  for (int i = 0; i < 60'000; ++i) dropped += raw("]q\x00") + (i ? raw("h\x01\x61") : std::string()) + raw("q\x01\x30");
  EXPECT_EQ(json(dropped + "K\x01."), "1");
}

TEST(PickleFaults, SharedPartsCannotUnfoldWithoutEnd) {
  std::string bomb = raw("]q\x00");  // each list holds the one before ten times
  for (int level = 1; level < 100; ++level) {
    bomb += "](";
    for (int i = 0; i < 10; ++i) bomb += "h" + std::string(1, static_cast<char>(level - 1));
    bomb += "eq" + std::string(1, static_cast<char>(level));
  }
  EXPECT_THAT(message("(" + bomb + "t."), HasSubstr("unfold"));
}

TEST(PickleFaults, CopiesOfOneTextAreCounted) {
  // One text of 64 KiB, turned into bytes again and again.
  std::string bomb = "(" + raw("X\x00\x00\x01\x00") + std::string(1 << 16, 'a') + raw("q\x00U\x06latin1q\x01") +
                     "c_codecs\nencode\n" + raw("q\x02");
  for (int i = 0; i < 2000; ++i) bomb += raw("h\x02h\x00h\x01\x86R");
  EXPECT_THAT(message(bomb + "t."), HasSubstr("far more memory"));
}

TEST(PickleFaults, NoByteCanBreakTheReader) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "checkpoint_files");
  for (int protocol = 0; protocol < 6; ++protocol) {
    const std::string bytes = read_file(folder / fmt::format("protocol{}.pkl", protocol));
    planting::expect_truncation_noticed([](const auto& b) { parse(b); }, bytes);
    EXPECT_GT(planting::mutate_every_byte([](const auto& b) { parse(b); }, bytes), 100);
  }
}

}  // namespace
}  // namespace timbre::weights
