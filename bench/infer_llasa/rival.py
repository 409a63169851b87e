"""Llasa's decoder in transformers: a prompt at once, then one token a step with its cache, greedy over the whole vocabulary; CPU seconds. Usage: rival.py fp32|bf16 LAYERS
VOCABULARY CONTEXT,CONTEXT STEPS"""
import json
import sys
import time

import torch
import transformers
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

transformers.logging.set_verbosity_error()
dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[sys.argv[1]]
layers, vocabulary, steps = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[5])
contexts = [int(n) for n in sys.argv[4].split(",")]
torch.set_num_threads(1)
torch.manual_seed(0)
config = LlamaConfig(vocab_size=vocabulary, hidden_size=2048, intermediate_size=8192, num_hidden_layers=layers, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
                     rms_norm_eps=1e-5, rope_theta=5e5, max_position_embeddings=131072, tie_word_embeddings=True,
                     rope_scaling=dict(factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192, rope_type="llama3"))
usual = torch.get_default_dtype()
torch.set_default_dtype(dtype)
with torch.device("meta"):
    model = LlamaForCausalLM(config)
model.to_empty(device="cpu")
torch.set_default_dtype(usual)
model.tie_weights()
pool = ((torch.rand(1 << 20) * 2 - 1) * 0.035).to(dtype)
with torch.no_grad():
    for p in model.parameters():
        flat = p.view(-1)
        if p.dim() == 1:
            flat.fill_(1.0)
            continue
        for i in range(0, flat.numel(), pool.numel()):
            n = min(pool.numel(), flat.numel() - i)
            flat[i:i + n] = pool[:n]
model.model.rotary_emb = type(model.model.rotary_emb)(model.config)
model.eval()
out, cache, heard = [], DynamicCache(), 0
with torch.inference_mode():
    for context in contexts:
        ids = torch.randint(0, vocabulary, (1, context - heard))
        begin = time.process_time()
        token = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)
        prefill = time.process_time() - begin
        seconds = []
        for _ in range(steps):
            begin = time.process_time()
            token = model(input_ids=token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
            seconds.append(time.process_time() - begin)
        cache.crop(-steps)
        heard = context
        out.append({"context": context, "prefill_tokens": ids.shape[1], "prefill_cpu_s": prefill, "tokens_per_cpu_s": 1 / sorted(seconds)[len(seconds) // 2]})
print(json.dumps(out))
