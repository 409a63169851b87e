#include "models/llasa/engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "models/llasa/layout.h"
#include "models/llasa/rope.h"

/// The engine against the formula, written out plainly in double precision. CMake runs this at every CPU level.
namespace timbre::llasa {
namespace {

using Doubles = std::vector<double>;
using Ids = std::vector<std::int64_t>;

Config tiny() {
  Config config;
  apply_debug(config);
  config.vocab_size = 90;
  config.max_position_embeddings = 1024;
  return config;
}

/// All options that change what is computed, in odd sizes too.
std::vector<std::pair<std::string, Config>> networks() {
  std::vector<std::pair<std::string, Config>> out;
  const auto add = [&](const char* name, auto&& change) {
    Config config = tiny();
    change(config);
    out.emplace_back(name, config);
  };
  add("tied", [](Config&) {});
  add("untied", [](Config& c) { c.tie_word_embeddings = false; });
  add("one head of keys", [](Config& c) { c.num_key_value_heads = 1; });
  add("as many heads of keys", [](Config& c) { c.num_key_value_heads = 4; });
  add("seven over one, odd widths", [](Config& c) {
    c.hidden_size = 50;
    c.intermediate_size = 75;
    c.num_attention_heads = 7;
    c.num_key_value_heads = 1;
    c.head_dim = 6;
    c.vocab_size = 33;
  });
  add("wide heads", [](Config& c) {
    c.head_dim = 80;
    c.num_attention_heads = 6;
    c.num_key_value_heads = 3;
  });
  add("stretched positions", [](Config& c) {
    c.rope_theta = 500;
    c.rope_scaling = {.rope_type = "llama3",
                      .factor = 8,
                      .low_freq_factor = 1,
                      .high_freq_factor = 4,
                      .original_max_position_embeddings = 64};
    c.rms_norm_eps = 0.1;
  });
  return out;
}

weights::TensorMap random_weights(const Config& config) {
  weights::TensorMap tensors;
  Philox random(3);
  for (const Slot& slot : layout(config)) {
    std::int64_t count = 1;
    for (const std::int64_t size : slot.shape) count *= size;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>((slot.shape.size() == 1 ? 1 : 0) + 0.2 * random.normal());
    tensors.insert(slot.name, weights::Tensor::of(slot.shape, std::move(values)));
  }
  return tensors;
}

/// The same as a network stored in bf16 has it.
weights::TensorMap as_bf16(const weights::TensorMap& tensors) {
  weights::TensorMap out;
  for (const auto& [name, tensor] : tensors) {
    std::vector<weights::BF16> halves;
    for (const float value : tensor.to_f32()) halves.push_back(weights::to_bf16(value));
    out.insert(name, weights::Tensor::of(tensor.shape, std::move(halves)));
  }
  return out;
}

/// The network written out: every token anew, no cache.
class Plain {
 public:
  Plain(const Config& config, const weights::TensorMap& tensors) : c_(config) {
    for (const auto& [name, tensor] : tensors) {
      const auto values = tensor.to_f32();
      tensors_[name] = Doubles(values.begin(), values.end());
    }
  }
  /// Logits of the last token; hidden ones are seen by nobody.
  Doubles logits(const Ids& ids, const std::vector<std::uint8_t>& seen, const Ids& positions) const {
    const std::size_t d = size(c_.hidden_size), tokens = ids.size();
    std::vector<Doubles> x(tokens);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto from = tensors_.at(kEmbedding).begin() + ids[t] * c_.hidden_size;
      x[t] = Doubles(from, from + c_.hidden_size);
    }
    const RopeTable rope = rope_table(c_, positions);
    for (std::int64_t i = 0; i < c_.num_hidden_layers; ++i) {
      const std::string name = layer_prefix(i);
      attend(x, name, seen, rope);
      for (Doubles& row : x) {
        const Doubles normed = norm(row, name + "post_attention_layernorm.weight");
        Doubles inner = times(name + "mlp.gate_proj.weight", normed);
        const Doubles up = times(name + "mlp.up_proj.weight", normed);
        for (std::size_t k = 0; k < inner.size(); ++k) inner[k] *= up[k] / (1 + std::exp(-inner[k]));
        const Doubles down = times(name + "mlp.down_proj.weight", inner);
        for (std::size_t k = 0; k < d; ++k) row[k] += down[k];
      }
    }
    return times(c_.tie_word_embeddings ? kEmbedding : kHead, norm(x.back(), kFinalNorm));
  }

 private:
  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
  Doubles times(const std::string& name, const Doubles& x) const {
    const Doubles& w = tensors_.at(name);
    Doubles out(w.size() / x.size());
    for (std::size_t o = 0; o < out.size(); ++o)
      for (std::size_t i = 0; i < x.size(); ++i) out[o] += w[o * x.size() + i] * x[i];
    return out;
  }
  Doubles norm(Doubles x, const std::string& name) const {
    double square = 0;
    for (const double v : x) square += v * v / static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= tensors_.at(name)[i] / std::sqrt(square + c_.rms_norm_eps);
    return x;
  }
  void attend(std::vector<Doubles>& x, const std::string& name, const std::vector<std::uint8_t>& seen,
              const RopeTable& rope) const {
    const std::size_t w = size(c_.head_dim), half = w / 2,
                      sharing = size(c_.num_attention_heads / c_.num_key_value_heads);
    std::vector<Doubles> q, k, v;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Doubles normed = norm(x[t], name + "input_layernorm.weight");
      q.push_back(times(name + "self_attn.q_proj.weight", normed));
      k.push_back(times(name + "self_attn.k_proj.weight", normed));
      v.push_back(times(name + "self_attn.v_proj.weight", normed));
      for (Doubles* row : {&q.back(), &k.back()})
        for (std::size_t h = 0; h < row->size(); h += w)
          for (std::size_t i = 0; i < half; ++i) {
            const double a = (*row)[h + i], b = (*row)[h + half + i];
            const double cos = static_cast<double>(rope.cos[t * half + i]);
            const double sin = static_cast<double>(rope.sin[t * half + i]);
            (*row)[h + i] = a * cos - b * sin;
            (*row)[h + half + i] = b * cos + a * sin;
          }
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
      Doubles heard(q[t].size());
      for (std::size_t h = 0; h < size(c_.num_attention_heads); ++h) {
        Doubles p(t + 1);
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          if (!seen.empty() && !seen[s]) continue;
          for (std::size_t i = 0; i < w; ++i) p[s] += q[t][h * w + i] * k[s][h / sharing * w + i];
          p[s] = std::exp(p[s] / std::sqrt(static_cast<double>(w)));
          sum += p[s];
        }
        for (std::size_t s = 0; s <= t && sum > 0; ++s)
          for (std::size_t i = 0; i < w; ++i) heard[h * w + i] += p[s] / sum * v[s][h / sharing * w + i];
      }
      const Doubles out = times(name + "self_attn.o_proj.weight", heard);
      for (std::size_t i = 0; i < out.size(); ++i) x[t][i] += out[i];
    }
  }

  Config c_;
  std::map<std::string, Doubles> tensors_;
};

Ids some_ids(const Config& config, std::int64_t count) {
  Philox random(9);
  Ids ids;
  for (std::int64_t t = 0; t < count; ++t)
    ids.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(config.vocab_size))));
  return ids;
}
Ids counted(std::int64_t count) {
  Ids out;
  for (std::int64_t t = 0; t < count; ++t) out.push_back(t);
  return out;
}

void expect_scores(std::span<const float> made, const Doubles& expected, double bound = 2e-5) {
  ASSERT_EQ(made.size(), expected.size());
  double worst = 0, most = 1;
  for (std::size_t i = 0; i < made.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(made[i]) - expected[i]));
    most = std::max(most, std::abs(expected[i]));
  }
  EXPECT_LE(worst, bound * most);
}

TEST(LlasaEngine, EqualsTheFormulaWithEveryOption) {
  for (const auto& [name, config] : networks())
    for (const bool bf16 : {false, true}) {
      SCOPED_TRACE(name + (bf16 ? ", bf16" : ""));
      const weights::TensorMap stored = random_weights(config), rounded = as_bf16(stored);
      const Plain plain(config, bf16 ? rounded : stored);
      // Rounded when it is packed, and stored so.
      const Engine engine(config, stored, "random", {.weights = bf16 ? Precision::bf16 : Precision::fp32});
      const Engine as_stored(config, bf16 ? rounded : stored, "random");
      ASSERT_EQ(as_stored.weights_are_bf16(), bf16);
      const Ids ids = some_ids(config, 45);
      EngineSession session(engine), other(as_stored);
      session.prefill(std::span(ids).first(37));
      other.prefill(std::span(ids).first(20));  // in two pieces
      other.prefill(std::span(ids).subspan(20, 17));
      for (std::size_t t = 37; t < ids.size(); ++t) {
        const auto made = session.step(ids[t]);
        if (t + 1 < ids.size() && t > 37) continue;  // the first and the last
        expect_scores(made, plain.logits({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(t) + 1}, {},
                                         counted(static_cast<std::int64_t>(t) + 1)));
      }
      for (std::size_t t = 37; t < ids.size(); ++t) other.step(ids[t]);
      expect_scores(other.prefill(std::span(ids).first(1)), [&] {
        Ids longer = ids;
        longer.push_back(ids.front());
        return plain.logits(longer, {}, counted(46));
      }());
      EXPECT_EQ(session.length(), 45);
    }
}

TEST(LlasaEngine, HiddenTokensAndPositions) {
  for (const auto& [name, config] : networks()) {
    SCOPED_TRACE(name);
    const weights::TensorMap stored = random_weights(config);
    const Plain plain(config, stored);
    const Engine engine(config, stored, "random");
    Ids ids = some_ids(config, 12);
    ids[0] = ids[4] = ids[5] = 7;
    for (const std::size_t t : {1u, 2u, 3u, 6u, 7u, 8u, 9u, 10u, 11u})
      if (ids[t] == 7) ids[t] = 8;
    const auto seen = seen_but(ids, 7);
    EngineSession session(engine);
    expect_scores(session.prefill(ids, seen), plain.logits(ids, seen, {1, 0, 1, 2, 1, 1, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(session.length(), 9);
    ids.push_back(3);
    auto longer = seen;
    longer.push_back(1);
    expect_scores(session.step(3), plain.logits(ids, longer, {1, 0, 1, 2, 1, 1, 3, 4, 5, 6, 7, 8, 9}));
    session.clear();
    const Ids far = {0, 1, 2, 3, 4, 5, 6, 300, 301, 9, 10, 11};  // as training counts, and jumps
    session.prefill(std::span(ids).first(12), seen, far);
    Ids next = far;
    next.push_back(12);
    expect_scores(session.step(3), plain.logits(ids, longer, next));
  }
}

TEST(LlasaEngine, OnlyWhatMayBeSaidIsScored) {
  for (const auto& [name, config] : networks()) {
    SCOPED_TRACE(name);
    const weights::TensorMap stored = random_weights(config);
    Ids scored;
    for (std::int64_t id = 11; id < 31; ++id) scored.push_back(id);
    scored.push_back(5);
    const Engine all(config, stored, "random"), some(config, stored, "random", {.scored = scored});
    const Ids ids = some_ids(config, 9);
    EngineSession whole(all), part(some);
    const auto expected = whole.prefill(ids), made = part.prefill(ids);
    ASSERT_EQ(made.size(), scored.size());
    for (std::size_t i = 0; i < scored.size(); ++i) {
      EXPECT_EQ(some.scored()[i], scored[i]);
      EXPECT_EQ(made[i], expected[static_cast<std::size_t>(scored[i])]);
    }
    EXPECT_LT(some.step_bytes(9), all.step_bytes(9));
  }
}

TEST(LlasaEngine, ThePromptIsHeardOnce) {
  const Config config = tiny();
  const Engine engine(config, random_weights(config), "random");
  const Ids ids = some_ids(config, 40);
  EngineSession session(engine);
  const auto first = session.prefill(ids);
  const std::vector<float> prompt(first.begin(), first.end());
  std::vector<float> once;
  for (int again = 0; again < 3; ++again) {
    const auto back = again ? session.rewind() : first;
    EXPECT_EQ(std::vector<float>(back.begin(), back.end()), prompt);
    for (std::int64_t id = again; id < 30; ++id) session.step(id);  // another answer each time
    session.shorten(40);
    for (std::int64_t id = 50; id < 60; ++id) session.step(id);
    const auto last = session.step(60);
    const std::vector<float> now(last.begin(), last.end());
    if (again == 0) once = now;
    EXPECT_EQ(now, once);
  }
  session.shorten(20);
  EXPECT_THROW(session.rewind(), UsageError) << "a part of the prompt is gone";
  session.prefill(std::span(ids).subspan(20));
  const auto back = session.rewind();
  for (std::size_t i = 0; i < prompt.size(); ++i) EXPECT_NEAR(back[i], prompt[i], 1e-4f);
}

TEST(LlasaEngine, ThreadsChangeNothing) {
  for (const auto& [name, config] : networks()) {
    if (config.num_attention_heads == 4 && name != "tied") continue;
    SCOPED_TRACE(name);
    const Engine engine(config, random_weights(config), "random");
    const Ids ids = some_ids(config, 530);  // more than one block of rows
    std::vector<float> one;
    for (const int threads : {1, 2, 5}) {
      set_thread_count(threads);
      EngineSession session(engine);
      session.prefill(ids);
      for (std::int64_t id = 0; id < 20; ++id) session.step(id);
      const auto last = session.step(20);
      const std::vector<float> now(last.begin(), last.end());
      if (threads == 1) one = now;
      EXPECT_EQ(now, one) << threads << " threads";
    }
    set_thread_count(0);
  }
}

TEST(LlasaEngine, KeysAndValuesInHalves) {
  for (const auto& [name, config] : networks()) {
    SCOPED_TRACE(name);
    const weights::TensorMap stored = random_weights(config);
    const Engine whole(config, stored, "random"), half(config, stored, "random", {.cache = Precision::bf16});
    EXPECT_LT(half.step_bytes(100), whole.step_bytes(100));
    EXPECT_EQ(half.step_bytes(0), whole.step_bytes(0));
    const Ids ids = some_ids(config, 60);
    EngineSession a(whole), b(half);
    a.prefill(std::span(ids).first(50));
    b.prefill(std::span(ids).first(50));
    for (std::size_t t = 50; t < 60; ++t) {
      const auto exact = a.step(ids[t]), near = b.step(ids[t]);
      double error = 0, power = 0;
      for (std::size_t i = 0; i < exact.size(); ++i) {
        error += std::pow(static_cast<double>(exact[i] - near[i]), 2);
        power += std::pow(static_cast<double>(exact[i]), 2);
      }
      EXPECT_LT(std::sqrt(error / power), 0.05);
      EXPECT_GT(error, 0) << "they were rounded";
    }
  }
}

TEST(LlasaEngine, RefusesWhatItCannotHear) {
  Config config = tiny();
  config.max_position_embeddings = 20;
  const weights::TensorMap stored = random_weights(config);
  const Engine engine(config, stored, "random");
  EngineSession session(engine);
  const Ids ids = some_ids(config, 21);
  try {
    session.prefill(ids);
    FAIL() << "a prompt longer than the context";
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("the prompt has 21 tokens and the network has 20 positions"),
              std::string::npos);
  }
  EXPECT_EQ(session.length(), 0);
  session.prefill(std::span(ids).first(19));
  EXPECT_EQ(session.room(), 1);
  EXPECT_THROW(session.prefill(std::span(ids).first(2)), UsageError);
  session.step(0);
  EXPECT_EQ(session.room(), 0);
  EXPECT_THROW(session.step(0), UsageError);
  session.clear();
  EXPECT_THROW(session.rewind(), UsageError);
  EXPECT_THROW(session.prefill({}), UsageError);
  EXPECT_THROW(session.prefill(Ids{1, 90}), DataError);
  EXPECT_THROW(session.step(-1), DataError);
  EXPECT_THROW(session.prefill(Ids{1, 2}, std::vector<std::uint8_t>{1, 0}), UsageError) << "the last is hidden";
  EXPECT_THROW(session.prefill(Ids{1, 2}, std::vector<std::uint8_t>{1}), UsageError);
  EXPECT_THROW(session.prefill(Ids{1, 2}, {}, Ids{1, 20}), UsageError) << "a position that there is none of";
  EXPECT_THROW(Engine(config, stored, "random", {.scored = {90}}), UsageError);
  Config other = config;
  other.intermediate_size = 129;
  EXPECT_THROW(Engine(other, stored, "random"), DataError);
  other = config;
  other.rope_scaling.rope_type = "yarn";
  EXPECT_NE(engine_lacks(other), "");
  EXPECT_THROW(Engine(other, stored, "random"), UsageError);
  EXPECT_EQ(engine_lacks(config), "");
}

}  // namespace
}  // namespace timbre::llasa
