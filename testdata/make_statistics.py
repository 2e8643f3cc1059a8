#!/usr/bin/env python3
"""Write what SciPy, statsmodels and NIST's SCTK compute from generated data: evaluation/statistics.json.z.

    make_statistics.py [--out testdata/evaluation/statistics.json.z] [--sctk sctk]

Needs numpy, scipy, statsmodels and SCTK (Debian: apt install sctk). The file is JSON compressed by zlib; the functions below tell its fields.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import optimize, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

SEED = 2004
PS = [0.0, 0.025, 0.25, 0.5, 0.9, 0.975, 1.0]


def quantiles(rng):
    for n in [1, 2, 5, 6, 31]:
        values = rng.lognormal(size=n)
        yield {
            "values": values.tolist(),
            "ps": PS,
            "quantiles": np.quantile(values, PS).tolist(),
            "mad": float(stats.median_abs_deviation(values)),
        }


def rate(errors, words):
    return errors.sum() / words.sum()


def bootstraps(rng):
    """Errors and words by speaker; SciPy's replicates of the pooled rate and its intervals from them."""
    for speakers, level in [(8, 0.95), (30, 0.95), (40, 0.9), (12, 0.99)]:
        words = rng.integers(30, 600, speakers)
        errors = rng.binomial(words, rng.beta(2, 30, speakers))
        found = {}
        for method in ["percentile", "BCa"]:
            made = stats.bootstrap(
                (errors, words), rate, paired=True, vectorized=False, n_resamples=1999,
                confidence_level=level, method=method, rng=np.random.default_rng(SEED),
            )
            found[method] = [float(made.confidence_interval.low), float(made.confidence_interval.high)]
            replicates = made.bootstrap_distribution.tolist()
        yield {
            "errors": errors.tolist(),
            "words": words.tolist(),
            "level": level,
            "replicates": replicates,
            "percentile": found["percentile"],
            "bca": found["BCa"],
        }


def ranks(rng):
    samples = [(n, m, shift, False) for n, m in [(1, 1), (5, 5), (5, 7), (20, 13), (50, 50)] for shift in [0.0, 0.8]]
    samples += [(6, 6, 0.5, True), (40, 25, 0.5, True), (60, 70, 0.3, False), (4, 4, 0.0, True)]
    for n, m, shift, ties in samples:
        a, b = rng.normal(size=n) + shift, rng.normal(size=m)
        if ties:
            a, b = np.round(a), np.round(b)
        method = "exact" if not ties and max(n, m) <= 50 else "asymptotic"
        found = stats.mannwhitneyu(a, b, alternative="two-sided", method=method)
        yield {"a": a.tolist(), "b": b.tolist(), "u": float(found.statistic), "p": float(found.pvalue)}
    found = stats.mannwhitneyu([1.0] * 5, [1.0] * 4, method="asymptotic")
    yield {"a": [1.0] * 5, "b": [1.0] * 4, "u": float(found.statistic), "p": float(found.pvalue)}


def models(rng):
    """Three columns, the first a constant; the coefficients of some are negative, so that the non-negative solution differs."""
    truths = [[0.5, 2.0, 0.01], [0.0, 1.0, 0.05], [-1.0, 0.3, 0.02], [2.0, -0.5, 0.1], [0.1, 0.2, -0.3], [-1.0, -1.0, -1.0]]
    for n, truth in zip([4, 12, 40, 25, 9, 15], truths):
        windows = rng.integers(1, 12, n)
        x = np.column_stack([np.ones(n), windows, windows * rng.integers(20, 120, n)]).astype(float)
        y = x @ np.array(truth) + rng.normal(size=n) * 0.2
        fit = OLS(y, x).fit()
        bounded, norm = optimize.nnls(x, y)
        yield {
            "rows": x.tolist(),
            "observed": y.tolist(),
            "coefficients": np.linalg.lstsq(x, y)[0].tolist(),
            "residuals": fit.resid.tolist(),
            "covariance": fit.cov_params().tolist(),
            "non_negative": bounded.tolist(),
            "non_negative_norm": float(norm),
        }


def holm(rng):
    for n in [1, 3, 12]:
        p = rng.uniform(size=n) ** 3
        yield {"p": p.tolist(), "corrected": multipletests(p, method="holm")[1].tolist()}


def mapsswe(sctk):
    """References and two transcripts by utterance, and what sc_stats makes of sclite's alignments: the number of segments, the errors, and
    over segments mean, standard deviation and Z of the first's errors less the second's, to three places."""
    r = random.Random(SEED)
    words = [f"w{i}" for i in range(400)]

    def transcribed(reference, rate):
        for word in reference:
            draw = r.random() / rate
            if draw >= 0.3:
                yield r.choice(words) if draw < 0.8 else word
            if 0.8 <= draw < 1:
                yield r.choice(words)

    for rate_a, rate_b in [(0.1, 0.1), (0.1, 0.16), (0.05, 0.06)]:
        texts = {"ref": [], "a": [], "b": []}
        for _ in range(100):
            reference = r.choices(words, k=r.randint(5, 30))
            texts["ref"].append(" ".join(reference))
            texts["a"].append(" ".join(transcribed(reference, rate_a)))
            texts["b"].append(" ".join(transcribed(reference, rate_b)))
        with tempfile.TemporaryDirectory() as folder:
            for name, lines in texts.items():
                text = "".join(f"{line} (s{i % 10}-{i:03d})\n" for i, line in enumerate(lines))
                Path(folder, f"{name}.trn").write_text(text)
            run = lambda command, given=None: subprocess.run(
                command, input=given, cwd=folder, check=True, capture_output=True, text=True
            ).stdout
            align = lambda name: run(
                [sctk, "sclite", "-r", "ref.trn", "trn", "-h", f"{name}.trn", "trn", name, "-i", "rm", "-o", "sgml", "stdout"]
            )
            aligned = align("a") + align("b")
            run([sctk, "sc_stats", "-p", "-t", "mapsswe", "-v", "-n", "out"], aligned)
            report = Path(folder, "out.stats.mapsswe").read_text(errors="replace")
        segments = int(re.search(r"Number of Segments (\d+)", report)[1])
        errors = [int(n) for n in re.search(r"Totals\s+\d+\s+(\d+)\s+(\d+)", report).groups()]
        number = r"(-?[0-9.]+)"
        found = re.search(rf"mean: {number}\) \(std dev: {number}\) \(Z Stat: {number}\)", report).groups()
        mean, deviation, z = (float(value) for value in found)
        yield {**texts, "segments": segments, "errors": errors, "mean": mean, "deviation": deviation, "z": z}


def main():
    here = Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=here / "evaluation" / "statistics.json.z")
    p.add_argument("--sctk", default="sctk")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(SEED)
    result = {
        "packages": f"scipy {scipy.__version__}, numpy {np.__version__}, statsmodels {statsmodels.__version__}",
        "quantiles": list(quantiles(rng)),
        "bootstraps": list(bootstraps(rng)),
        "ranks": list(ranks(rng)),
        "models": list(models(rng)),
        "holm": list(holm(rng)),
        "mapsswe": list(mapsswe(a.sctk)),
    }
    packed = zlib.compress(json.dumps(result, separators=(",", ":")).encode(), 9)
    a.out.write_bytes(packed)
    print(result["packages"], len(packed), [(m["segments"], m["errors"], m["z"]) for m in result["mapsswe"]])


if __name__ == "__main__":
    main()
