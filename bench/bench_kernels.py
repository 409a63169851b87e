"""Convolutions of HiFi-GAN V1 and linear layers as shares of the multiply-adds that one thread could do at best (the rival: chains of
them in registers, in the same process)."""
import json
import statistics

from row import Row

TITLE = "kernels, share of the FMA peak of one thread"


def rows(env):
    told = json.loads(env.run([env.timbre, "bench-kernels", "--json", "-q"]))
    peak = told.pop("peak")
    yield Row("peak", peak * 1e-9, "GFLOP/s", better="more")
    for kind, what in (("conv", "convolutions of HiFi-GAN V1"), ("linear", "linear layers, 50 and 500 rows")):
        shares = {name: share for name, share in told.items() if name.startswith(kind)}
        worst = min(shares, key=shares.get)
        yield Row(f"{what}, median", statistics.median(shares.values()), "of peak", rival=1.0, better="more", at_least=0.7,
                  note=f"least: {worst} {shares[worst]:.2f}")
