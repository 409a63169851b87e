"""Adds runs of transformers' Trainer to a golden set of the kind llasa_lm. Usage: llasa_trainer.py SET (set.json is not changed).
transformers 4.57 with peft 0.21 makes `small_partial_window` and `lora_qv.trainer`; 4.45 makes `small_transformers_4.45`, whose windows go on into the next epoch."""
import json
import os
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

ROWS, LENGTH = 7, 32
OLD = transformers.__version__.startswith("4.45")
COMMON = {"warm": 0.3, "adam_beta2": 0.9, "weight_decay": 0.05, "max_grad_norm": 1.0, "library": "transformers " + transformers.__version__}


def rows(ids):
    generator = torch.Generator().manual_seed(77)
    out = {"input_ids": [], "attention_mask": [], "labels": []}
    for i in range(ROWS):
        words = torch.randint(0, 200, (2 + i % 3,), generator=generator).tolist()
        codes = (ids["s0"] + torch.randint(0, 100, (4 + 2 * i,), generator=generator)).tolist()
        row = [ids["bos"], 5, ids["eot"], ids["tus"], *words, ids["fast"] if i % 2 else 9, ids["tue"], ids["eot"], ids["sgs"], *codes, ids["sge"], ids["eot"]]
        row += [ids["eot"]] * (LENGTH - len(row))
        begin = row.index(ids["sgs"])
        out["input_ids"].append(row)
        out["attention_mask"].append([int(i != ids["eot"]) for i in row])
        out["labels"].append([-100 if t < begin or i == ids["eot"] else i for t, i in enumerate(row)])
    return {name: torch.tensor(value) for name, value in out.items()}


class Data(torch.utils.data.Dataset):
    def __init__(self, tensors):
        self.tensors, self.order = tensors, []

    def __len__(self):
        return len(self.tensors["input_ids"])

    def __getitem__(self, i):
        self.order.append(i)
        return {name: value[i] for name, value in self.tensors.items()}


class Heard(Trainer):
    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.micro.append(float(loss))
        return loss


class Ear(TrainerCallback):
    def __init__(self, case):
        self.case, self.done = case, 0

    def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
        self.rate = optimizer.param_groups[0]["lr"]  # 4.45 begins a step twice where its window is of two epochs

    def on_step_end(self, args, state, control, model=None, **kwargs):
        micro = self.trainer.micro
        self.case["loss"].append(sum(micro[self.done:]))
        self.done = len(micro)
        self.case["lr_used"].append(self.rate)
        self.last = {name: value.detach().clone() for name, value in model.named_parameters()}

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            for name, key in (("loss_as_logged", "loss"), ("logged_lr", "learning_rate"), ("grad_norm", "grad_norm")):
                self.case[name].append(float(logs[key]))


def run(model, data, epochs, bs, ga, lr, **more):
    case = {"epochs": epochs, "bs": bs, "ga": ga, "lr": lr, **COMMON, **more, **{name: [] for name in ("lr_used", "loss", "loss_as_logged", "logged_lr", "grad_norm")}}
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(output_dir=folder, use_cpu=True, report_to=[], optim="adamw_torch_fused", num_train_epochs=epochs, per_device_train_batch_size=bs,
                                      gradient_accumulation_steps=ga, learning_rate=lr, weight_decay=COMMON["weight_decay"], adam_beta2=COMMON["adam_beta2"],
                                      max_grad_norm=COMMON["max_grad_norm"], warmup_ratio=COMMON["warm"], lr_scheduler_type="cosine", logging_steps=1, save_strategy="no",
                                      disable_tqdm=True, seed=42, remove_unused_columns=False, dataloader_pin_memory=False)
        ear = Ear(case)
        trainer = Heard(model=model.train(), args=arguments, train_dataset=data, callbacks=[ear])
        trainer.micro, ear.trainer = [], trainer
        trainer.train()
    names = {id(p): name for name, p in model.named_parameters()}
    case |= {"micro_loss": trainer.micro, "steps": trainer.state.global_step, "max_steps": trainer.state.max_steps, "order": data.order[:bs * len(trainer.micro)],
             "groups": [{"weight_decay": g["weight_decay"], "betas": list(g["betas"]), "eps": g["eps"], "names": [names[id(p)] for p in g["params"]]}
                        for g in trainer.optimizer.param_groups]}
    return case, ear.last


def main():
    root = sys.argv[1]
    torch.set_num_threads(1)
    cases = json.load(open(f"{root}/cases.json"))
    data = rows(cases["ids"])
    tensors = load_file(f"{root}/trainer.safetensors") if os.path.exists(f"{root}/trainer.safetensors") else {}
    tensors |= {"data." + name: value for name, value in data.items()}
    cases.setdefault("trainer", {})
    model = LlamaForCausalLM.from_pretrained(f"{root}/resized", torch_dtype=torch.float32, attn_implementation="eager")
    if OLD:
        name = "small_transformers_4.45"
        cases["trainer"][name], last = run(model, Data(data), 2, 3, 2, 2e-3, start="resized")
        last = {key: value for key, value in last.items() if "embed" not in key}
    else:
        name = "small_partial_window"
        cases["trainer"][name], last = run(model, Data(data), 2, 2, 3, 2e-3, start="resized")
    tensors |= {f"{name}.step{cases['trainer'][name]['steps']}.{key}": value for key, value in last.items()}
    save_file(tensors, f"{root}/trainer.safetensors")
    if not OLD:
        from peft import PeftModel

        base = LlamaForCausalLM.from_pretrained(f"{root}/fp32", torch_dtype=torch.float32, attn_implementation="eager")
        vocabulary, other = cases["ids"]["base_vocab"], 9
        replaced = {key: torch.where(value >= vocabulary, other, value) for key, value in data.items()}
        adapted = PeftModel.from_pretrained(base, f"{root}/lora_qv", is_trainable=True)
        for module in adapted.modules():  # the adapters' dropout is random
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        case, last = run(adapted, Data(replaced), 1, 2, 1, 5e-3, dropout=0.0, speed_ids_replaced_by=other)
        case["groups"] = [{**g, "names": [n.replace(".default", "") for n in g["names"]]} for g in case["groups"]]
        cases["lora_qv"]["trainer"] = case
        lora = load_file(f"{root}/lora.safetensors")
        lora |= {f"lora_qv.trained.step{case['steps']}.{key.replace('.default', '')}": value for key, value in last.items() if ".lora_" in key}
        save_file(lora, f"{root}/lora.safetensors")
    json.dump(cases, open(f"{root}/cases.json", "w"), indent=1)


if __name__ == "__main__":
    main()
