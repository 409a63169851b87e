#pragma once
#include "nn/shapes.h"

/// Lengths, masks, positions, and stretching text to frames.
namespace timbre::nn {

/// true where position ≥ length: [B, length_max]. lengths_B int64.
Tensor padding_mask(const Tensor& lengths_B, std::int64_t length_max);

/// Sinusoid positions [count, dim]: sin on even, cos on odd columns of pos / 10000^(2⌊j/2⌋/dim) (Vaswani et al. 2017
/// §3.5). first = position of row 0.
Tensor sinusoid_positions(std::int64_t count, std::int64_t dim, std::int64_t first = 0);

/// Length regulator (FastSpeech, Ren et al. 2019 §3.2): row p of each utterance is repeated durations[p] times; shorter
/// ones are zero-padded to frames_max (0 = the longest). One gather forward and one segment sum backward, whatever the
/// number of phonemes. Returns x_BFD. durations_BP int64 ≥ 0, 0 on padding; frames beyond frames_max are cut.
Tensor length_regulate(const Tensor& x_BPD, const Tensor& durations_BP, std::int64_t frames_max = 0);

/// Which text position each frame belongs to [B, frames_max] int64; P for frames beyond the utterance's end.
Tensor frame_positions(const Tensor& durations_BP, std::int64_t frames_max = 0);

/// Σ |a-b| over positions that are not padding: pad_BT is broadcast over trailing axes. A scalar with gradient.
Tensor masked_l1_sum(const Tensor& a_BTD, const Tensor& b_BTD, const Tensor& pad_BT);
/// Σ (a-b)², the same way.
Tensor masked_l2_sum(const Tensor& a, const Tensor& b, const Tensor& pad_BT);

}  // namespace timbre::nn
