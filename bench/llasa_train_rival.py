"""Training steps of a slice of Llasa-1B in transformers: fp32, AdamW (fused), CPU seconds a step. Usage: llasa_train_rival.py --layers 4 --tokens 512 --targets 256 --steps 3"""
import argparse
import json
import resource
import time

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

transformers.logging.set_verbosity_error()


def make(layers, vocabulary):
    config = LlamaConfig(vocab_size=vocabulary, hidden_size=2048, intermediate_size=8192, num_hidden_layers=layers, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
                         rms_norm_eps=1e-5, rope_theta=5e5, max_position_embeddings=131072, tie_word_embeddings=True,
                         rope_scaling=dict(factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192, rope_type="llama3"))
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.to_empty(device="cpu")
    model.tie_weights()
    pool = (torch.rand(1 << 20) * 2 - 1) * 0.035
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
    return model.train()


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("layers", 4), ("vocabulary", 193800), ("tokens", 512), ("targets", 256), ("steps", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast")
    o = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = make(o.layers, o.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(0, o.vocabulary, (1, o.tokens))
    labels = ids.clone()
    labels[:, :o.tokens - o.targets] = -100
    seconds = []
    for step in range(o.steps + 1):
        begin = time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=o.bf16):
            loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        middle = time.process_time()
        loss.backward()
        end = time.process_time()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step > 0:
            seconds.append((time.process_time() - begin, middle - begin, end - middle, time.process_time() - end))
    seconds.sort()
    whole, forward, backward, update = seconds[len(seconds) // 2]
    print(json.dumps({"cpu_s": whole, "forward_cpu_s": forward, "backward_cpu_s": backward, "update_cpu_s": update, "loss": loss.item(),
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


main()
