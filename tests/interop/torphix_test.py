"""torphix/fastspeech2-TTS: what `timbre convert --to torphix` writes is read by torch.load, torch's Adam and StepLR."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import torch
import yaml

TIMBRE = os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre")
GOLDEN = pathlib.Path("tests/golden/fastspeech2_torphix")
BUFFERS = (".pe", ".running_mean", ".running_var", ".num_batches_tracked")


def timbre(*words):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def trained(state):
    """Adam and StepLR after two steps on the set's parameters, the two frozen bins among them."""
    parameters = [torch.nn.Parameter(value.clone(), requires_grad=not name.endswith("_bins"))
                  for name, value in state.items() if not name.endswith(BUFFERS)]
    optimiser = torch.optim.Adam(parameters, lr=2e-4, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.95)
    torch.manual_seed(1)
    for _ in range(2):
        for parameter in parameters:
            if parameter.requires_grad:
                parameter.grad = torch.randn_like(parameter)
        optimiser.step()
        schedule.step()
    return optimiser, schedule


class Torphix(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)

    def there_and_back(self, checkpoint):
        timbre("convert", checkpoint, self.dir / "voice")
        timbre("convert", self.dir / "voice", self.dir / "back", "--to", "torphix")

    def test_weights(self):
        file = next(GOLDEN.glob("fs2_model.*.tar"))
        self.there_and_back(file)
        want, got = torch.load(file, weights_only=True), torch.load(self.dir / "back" / file.name, weights_only=True)
        self.assertEqual(list(want), list(got))
        for name in want:
            self.assertTrue(torch.equal(want[name], got[name]), name)
        self.assertEqual(json.loads((self.dir / "back/all_metadata.json").read_text()),
                         json.loads((GOLDEN / "all_metadata.json").read_text()))
        ours = yaml.safe_load((self.dir / "back/config/model.yaml").read_text())["model"]
        theirs = yaml.safe_load((GOLDEN / "model.yaml").read_text())["model"]
        self.assertEqual(ours, theirs)
        audio = yaml.safe_load((self.dir / "back/config/data.yaml").read_text())["audio"]
        self.assertEqual(audio, yaml.safe_load((GOLDEN / "data.yaml").read_text())["audio"])

    def test_lightning(self):
        state = torch.load(next(GOLDEN.glob("fs2_model.*.tar")), weights_only=True)
        optimiser, schedule = trained(state)
        source = self.dir / "given" / "epoch=1-step=2.ckpt"
        source.parent.mkdir()
        loops = {"fit_loop": {"epoch_progress": {"total": {"ready": 2}}, "is_last_batch": True}}
        torch.save({"epoch": 2, "global_step": 2, "pytorch-lightning_version": "1.6.1", "callbacks": {}, "loops": loops,
                    "state_dict": {"fs2." + name: value for name, value in state.items()},
                    "optimizer_states": [optimiser.state_dict()], "lr_schedulers": [schedule.state_dict()]}, source)
        self.there_and_back(source)
        back = torch.load(self.dir / "back" / source.name, weights_only=True)
        self.assertEqual(list(back["state_dict"]), ["fs2." + name for name in state])
        self.assertEqual([back["epoch"], back["global_step"], back["loops"]], [2, 2, loops])
        again, again_schedule = trained(state)
        again.load_state_dict(back["optimizer_states"][0])
        again_schedule.load_state_dict(back["lr_schedulers"][0])
        self.assertEqual(again_schedule.state_dict(), schedule.state_dict())
        for one, other in ((optimiser, schedule), (again, again_schedule)):
            for number, parameter in enumerate(one.param_groups[0]["params"]):
                if parameter.requires_grad:
                    parameter.grad = torch.full_like(parameter, 0.01 * (number + 1))
            one.step()
            other.step()
        self.assertEqual(optimiser.param_groups[0]["lr"], again.param_groups[0]["lr"])
        for one, other in zip(optimiser.param_groups[0]["params"], again.param_groups[0]["params"]):
            self.assertTrue(torch.equal(one, other))


if __name__ == "__main__":
    unittest.main()
