"""A golden set of the kind llasa_lm with other sizes, made by transformers 4.57 and peft 0.21: tests/golden/llasa_lm. Usage: llasa_lm_small.py OUT (set.json and README.md are
not written). Runs of the trainer are not part of it."""
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.generation.logits_process import (LogitsProcessorList, MinPLogitsWarper, NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor,
                                                    TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

VOCABULARY, WORDS, SPEECH = 320, 200, 100  # 0..199 text, then marks, speech tokens at the end
IDS = {"bos": 200, "end_of_text": 201, "start_header": 202, "end_header": 203, "eom": 204, "eot": 205, "tus": 206, "tue": 207, "sgs": 208, "sge": 209, "s0": 220,
       "fast": 320, "slow": 321, "medium": 322, "base_vocab": VOCABULARY}


def config(tied=True):
    return LlamaConfig(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=8,
                       rms_norm_eps=1e-5, rope_theta=5e5, max_position_embeddings=131072, tie_word_embeddings=tied, bos_token_id=IDS["bos"],
                       eos_token_id=[IDS["end_of_text"], IDS["eom"], IDS["eot"]],
                       rope_scaling=dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64, rope_type="llama3"))


def make(seed, tied=True):
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config(tied)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.4 if "embed" in name or "lm_head" in name else 0.25) if p.dim() == 2 else 1 + 0.2 * torch.randn_like(p))
    return model


def prompt(words, codes, generator):
    text = torch.randint(0, WORDS, (words,), generator=generator).tolist()
    speech = (IDS["s0"] + torch.randint(0, SPEECH, (codes,), generator=generator)).tolist()
    return [IDS["bos"], IDS["start_header"], 5, IDS["end_header"], 7, 9, IDS["eot"], IDS["start_header"], IDS["tus"], *text, IDS["tue"], IDS["eot"], IDS["sgs"], *speech]


def batch(generator):
    ids, mask, labels = [], [], []
    for words, codes in ((5, 20), (8, 11), (3, 29)):
        row = prompt(words, codes, generator) + [IDS["sge"]]
        begin = row.index(IDS["sgs"])
        row += [IDS["eot"]] * (48 - len(row))
        ids.append(row)
        mask.append([0 if i == IDS["eot"] else 1 for i in row])
        labels.append([-100 if t < begin or i == IDS["eot"] else i for t, i in enumerate(row)])
    return torch.tensor(ids), torch.tensor(mask), torch.tensor(labels)


def nll_of(logits, labels):
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none", ignore_index=-100)
    return torch.cat([nll, torch.zeros_like(nll[:, :1])], 1)


def last(logits, places):
    return logits[torch.arange(len(places)), places].clone()


def forward(model, given, out, cases):
    ids, mask, labels = given
    hooks, parts = [], {}
    layer = model.model.layers[0]
    for name, module in (("input_layernorm", layer.input_layernorm), ("q_proj", layer.self_attn.q_proj), ("k_proj", layer.self_attn.k_proj), ("mlp", layer.mlp),
                         ("self_attn", layer.self_attn)):
        hooks.append(module.register_forward_hook(lambda _, __, y, name=name: parts.__setitem__(name, (y[0] if isinstance(y, tuple) else y).clone())))
    answer = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
    for hook in hooks:
        hook.remove()
    places = (mask * torch.arange(ids.shape[1])).max(1).values
    out.update({"fwd.input_ids": ids, "fwd.attention_mask": mask, "fwd.labels": labels, "fwd.last_positions": places, "fwd.hidden_states": torch.stack(answer.hidden_states),
                "fwd.logits_last": last(answer.logits, places), "fwd.logits_row2_first8": answer.logits[2, :8].clone(), "fwd.logsumexp": answer.logits.logsumexp(-1),
                "fwd.nll": nll_of(answer.logits, labels)})
    out.update({"fwd.layer0." + name: value for name, value in parts.items()})
    count, total = int((labels[:, 1:] != -100).sum()), out["fwd.nll"].sum().item()
    cases["forward"] = {"loss": total / count, "supervised": count, "loss_sum": total, "loss_num_items_100": total / 100}
    one = ids[:1]
    irregular = (torch.arange(ids.shape[1]) * 37 + 3)[None]
    out["fwd_posirregular.position_ids"] = irregular
    for name, positions in (("nomask", None), ("pos5000", torch.arange(5000, 5000 + ids.shape[1])[None]), ("posirregular", irregular)):
        out[f"fwd_{name}.logits_last"] = model(input_ids=one, position_ids=positions, use_cache=False).logits[0, -2:].clone()
    out["fwd_len1.logits"] = model(input_ids=one[:, :1], use_cache=False).logits[0].clone()
    rotary, positions = model.model.rotary_emb, torch.tensor([0, 1, 2, 7, 64, 500, 4095, 100000])
    cos, sin = rotary(torch.zeros(1), positions[None])
    out.update({"rope.inv_freq": rotary.inv_freq.clone(), "rope.positions": positions, "rope.cos": cos[0].clone(), "rope.sin": sin[0].clone()})
    return places


def sampling(out, cases, generator):
    logits, history = torch.randn(4, VOCABULARY, generator=generator) * 3, torch.randint(0, VOCABULARY, (4, 30), generator=generator)
    out.update({"sampling.logits": logits, "sampling.history": history})
    cases["sampling"] = []
    for name, o in (("card", dict(temperature=0.8, top_k=50)), ("card2", dict(temperature=0.9, top_k=50, top_p=0.95)), ("lora", dict(rep=1.2, temperature=0.8, top_k=50)),
                    ("no_topk", dict(top_p=0.8)), ("k1", dict(top_k=1)), ("p_tiny", dict(temperature=1.5, top_p=0.001)), ("min_p", dict(min_p=0.05)),
                    ("ngram", dict(ngram=2, top_k=50)), ("rep_low", dict(rep=0.8, top_k=20, top_p=0.99))):
        o = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, **o}
        steps = LogitsProcessorList()
        if "rep" in o:
            steps.append(RepetitionPenaltyLogitsProcessor(o["rep"]))
        if "ngram" in o:
            steps.append(NoRepeatNGramLogitsProcessor(o["ngram"]))
        steps.append(TemperatureLogitsWarper(o["temperature"]))
        if o["top_k"]:
            steps.append(TopKLogitsWarper(o["top_k"]))
        if o["top_p"] < 1:
            steps.append(TopPLogitsWarper(o["top_p"]))
        if "min_p" in o:
            steps.append(MinPLogitsWarper(o["min_p"]))
        probabilities = steps(history, logits.clone()).softmax(-1)
        out[f"sampling.{name}.probs"] = probabilities
        cases["sampling"].append({"name": name, **o, "kept": (probabilities > 0).sum(1).tolist()})


def generation(model, out, cases, generator):
    prompts = [prompt(5, 0, generator), prompt(8, 4, generator)]
    cases["generation"] = []

    def one(name, ids, mode="model_card", new=16, **more):
        settings = {"mode": mode, "repetition_penalty": 1.0, "eos_token_id": IDS["sge"], "pad_token_id": IDS["eot"] if mode == "speed_script" else None, "max_new_tokens": new}
        settings.update(more)
        words = {k: v for k, v in settings.items() if k in ("repetition_penalty", "eos_token_id", "pad_token_id", "max_new_tokens", "max_length", "min_new_tokens") and v is not None}
        if "suppress" in settings:
            words["suppress_tokens"] = [i for i in range(VOCABULARY + 3) if not (IDS["s0"] <= i < VOCABULARY or i == IDS["sge"])]
        answer = model.generate(torch.tensor([ids]), do_sample=False, temperature=None, top_p=None, output_logits=True, return_dict_in_generate=True, **words)
        if name == "greedy.1.speed_script.rp1.0":
            out[name + ".logits"] = torch.stack([step[0] for step in answer.logits[:12]])
        cases["generation"].append({"name": name, "prompt": ids, **settings, "new_ids": answer.sequences[0, len(ids):].tolist()})

    for i, ids in enumerate(prompts):
        one(f"greedy.{i}.model_card.rp1.0", ids)
        one(f"greedy.{i}.model_card.rp1.2", ids, repetition_penalty=1.2)
        one(f"greedy.{i}.speed_script.rp1.0", ids, "speed_script")
        one(f"greedy.{i}.speech_only", ids, min_new_tokens=5, suppress="all ids but speech ids and eos")
    stop = cases["generation"][0]["new_ids"][5]
    one("greedy.stop", prompts[0], eos_token_id=[IDS["sge"], stop])
    one("greedy.max_length", prompts[0], new=None, max_length=len(prompts[0]) + 7)
    del cases["generation"][-1]["max_new_tokens"]
    width = max(map(len, prompts))
    ids = [[IDS["eot"]] * (width - len(p)) + p for p in prompts]
    mask = [[0] * (width - len(p)) + [1] * len(p) for p in prompts]
    answer = model.generate(torch.tensor(ids), attention_mask=torch.tensor(mask), do_sample=False, temperature=None, top_p=None, max_new_tokens=10, eos_token_id=IDS["sge"],
                            pad_token_id=IDS["eot"])
    cases["generation_batch"] = {"input_ids": ids, "attention_mask": mask, "max_new_tokens": 10, "eos_token_id": IDS["sge"], "pad_token_id": IDS["eot"],
                                 "new_ids": answer[:, width:].tolist()}


def gradients(model, given):
    ids, mask, labels = given
    model.zero_grad()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def adapters(root, given, places, cases):
    out = {}
    ids, mask, _ = given
    everything = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    for name, words in (("lora_qv", dict(r=8, lora_alpha=32, lora_dropout=0.1, target_modules=["q_proj", "v_proj"])),
                        ("lora_all_rslora", dict(r=4, lora_alpha=6, use_rslora=True, rank_pattern={"o_proj": 2}, alpha_pattern={"down_proj": 10}, target_modules=everything))):
        base = LlamaForCausalLM.from_pretrained(f"{root}/fp32")
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path="base", **words))
        torch.manual_seed(9)
        with torch.no_grad():
            for key, p in model.named_parameters():
                if "lora_B" in key:
                    p.copy_(torch.randn_like(p) * 0.05)
        model.peft_config["default"].base_model_name_or_path = "base"
        model.save_pretrained(f"{root}/{name}")
        model = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(f"{root}/fp32"), f"{root}/{name}", is_trainable=True).eval()
        with torch.no_grad():
            out[f"{name}.logits_last"] = last(model(input_ids=ids, attention_mask=mask, use_cache=False).logits, places)
        loss, slopes = gradients(model, given)
        cases[name] = {"loss": loss}
        out.update({f"{name}.grad.{key.replace('.default', '')}": value for key, value in slopes.items()})
        merged = model.merge_and_unload()
        with torch.no_grad():
            out[f"{name}.merged.logits_last"] = last(merged(input_ids=ids, attention_mask=mask, use_cache=False).logits, places)
        for module in everything:
            part = "self_attn" if module[0] in "qkvo" else "mlp"
            key = f"model.layers.0.{part}.{module}.weight"
            out[f"{name}.merged.{key}"] = merged.state_dict()[key].clone()
    return out


def main():
    root = sys.argv[1]
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(3)
    out, cases = {}, {"ids": IDS, "bf16": {}}
    model = make(1)
    model.save_pretrained(f"{root}/fp32")
    model.save_pretrained(f"{root}/sharded", max_shard_size="40KB")
    given = batch(generator)
    with torch.no_grad():
        places = forward(model, given, out, cases)
        sampling(out, cases, generator)
    loss, slopes = gradients(model, given)
    cases["grad_total_norm"] = torch.stack([g.double().norm() for g in slopes.values()]).norm().item()
    save_file({k: v.contiguous() for k, v in slopes.items()}, f"{root}/gradients_and_adamw.safetensors")
    ids, mask, labels = given
    with torch.no_grad():
        for folder, prefix, tied, seed in (("bf16", "bf16", True, 1), ("untied_bf16", "untied", False, 2)):
            half = make(seed, tied).to(torch.bfloat16)
            half.save_pretrained(f"{root}/{folder}", **({} if tied else {"max_shard_size": "25KB"}))
            for how, dtype in (("fp32_compute", torch.float32), ("bf16_compute", torch.bfloat16)):
                # Loaded anew: casting a model rounds its table of rotary frequencies too.
                logits = LlamaForCausalLM.from_pretrained(f"{root}/{folder}", dtype=dtype).eval()(input_ids=ids, attention_mask=mask, use_cache=False).logits.float()
                out[f"{prefix}.{how}.logits_last"] = last(logits, places)
                if prefix == "bf16":
                    cases["bf16"]["loss_" + how] = (nll_of(logits, labels).sum() / (labels[:, 1:] != -100).sum()).item()
        generator_model = LlamaForCausalLM.from_pretrained(f"{root}/fp32")
        torch.manual_seed(4)
        generator_model.resize_token_embeddings(VOCABULARY + 3)
        generator_model.save_pretrained(f"{root}/resized")
        generation(generator_model.eval(), out, cases, generator)
    lora = adapters(root, given, places, cases)
    save_file({k: v.contiguous() for k, v in lora.items()}, f"{root}/lora.safetensors")
    save_file({k: v.detach().contiguous() for k, v in out.items()}, f"{root}/forward_and_generation.safetensors")
    json.dump(cases, open(f"{root}/cases.json", "w"), indent=1)
    for folder in os.listdir(root):
        for extra in ("README.md",):
            if os.path.isfile(f"{root}/{folder}/{extra}"):
                os.remove(f"{root}/{folder}/{extra}")


if __name__ == "__main__":
    main()
